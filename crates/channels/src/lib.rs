//! Inline dispatch, channel workers, limits, rendering and the providers behind one registry.

pub mod about;
pub mod address_guard;
pub mod dispatch;
pub mod endpoint;
mod es256;
pub mod gate;
pub mod http;
pub mod in_app;
pub mod inline;
pub mod provider;
pub mod providers;
pub mod registry;
pub mod render;
pub mod settings;
mod thread;
mod tls;
