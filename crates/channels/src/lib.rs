//! Workers, limits, rendering and the providers behind one registry.

pub mod dispatch;
pub mod http;
pub mod provider;
pub mod providers;
pub mod registry;
pub mod render;
pub mod settings;
pub mod tls;
