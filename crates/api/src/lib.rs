//! The REST surfaces, event intake and provider callbacks.
//!
//! A request passes, from the outside in: the log line ([`server`]), its surface's layer ([`surface`]: form of errors,
//! panics, admission), its handler. Everything that surfaces share stands beside them: who calls and what they may
//! ([`auth`]), how often ([`limits`]) and how many at once ([`gates`], [`connections`]), reading paths, queries and bodies
//! ([`request`]), checks of fields ([`validate`]), and what can be wrong ([`problem`]). A surface is a thin folder of routes, wire types and its error form.
//!
//! Handlers hold no state: every change is one transition of the store, so a request that is cut off by a crash or by its
//! client leaves nothing half done.

mod answers;
pub mod asyncapi;
pub mod auth;
pub mod callbacks;
mod cockpit;
mod connections;
mod ending;
mod errors_page;
mod gates;
pub mod ilert;
mod intake;
mod json;
mod key_uses;
mod known_keys;
mod limits;
pub mod messaging;
pub mod metrics;
pub mod notiflows;
pub mod oncall;
pub mod openapi;
mod origin;
mod paced;
mod pages;
mod people;
pub mod problem;
mod proxies;
mod readiness;
mod refusals;
pub mod request;
pub mod server;
mod session;
mod settings;
mod sse;
pub mod state;
pub mod surface;
mod trace;
pub mod validate;
pub mod watchbell;

pub use auth::bootstrap_admin_key;
pub use intake::serve_mails;
pub use proxies::TrustedProxies;
pub use server::{router, serve, serve_routes};
pub use settings::ApiSettings;
pub use state::{Api, ChannelStatus, Health, ProviderStatus};
