//! Providers: who delivers messages, and hears what became of them and what people answered.
//!
//! A kind of provider is one folder in [`kinds`], and its line there: how it is set up, how it sends, how it is read. Nothing
//! outside of this crate names a kind.

pub mod about;
pub mod address_guard;
mod call_menu;
pub mod consent;
mod definition;
pub mod endpoint;
pub mod feed;
pub mod fit;
pub mod gate;
pub mod gsm;
pub mod http;
pub mod inbound;
mod jwt;
mod kinds;
mod markup;
pub mod phrase;
pub mod provider;
pub mod registry;
pub mod settings;
pub mod signature;
mod thread;
mod tls;
mod twiml;
