//! Inline dispatch, channel workers, limits and rendering.

mod about;
pub mod dispatch;
pub mod in_app;
pub mod inline;
pub mod render;
pub mod settings;
pub mod trial;

// What dispatch speaks of all the time.
use watchbell_providers::{gate, provider};
