//! What `/watchbell/v1` and `/v1/messaging` answer and take: one type a shape.
//!
//! Handlers write these types, the command line reads them, and the OpenAPI document is made from them ([`schema`]), so none
//! can say something else than the others. Member names are those of the JSON. A member that is an `Option` and is skipped when
//! it is `None` is absent then and never null; one that is not skipped is always there, and may be null. In a request, where
//! null says something else than leaving a member out, it is a [`Nullable`].
//!
//! Requests are read member by member in `watchbell-api`, which says exactly what is wrong and what would be right; here they
//! are what clients write, and what the document says.

pub mod accounts;
pub mod alerts;
pub mod caller;
pub mod categories;
pub mod contacts;
pub mod dead_letters;
pub mod deliveries;
pub mod devices;
pub mod duties;
pub mod error;
pub mod event_data;
pub mod events;
pub mod explanation;
pub mod keys;
pub mod lint;
pub mod messaging;
mod name;
mod nullable;
pub mod operators;
pub mod overview;
pub mod page;
pub mod preferences;
pub mod providers;
pub mod rules;
pub mod schema;
pub mod server;
mod time;
pub mod topics;
pub mod transfer;
pub mod users;

pub use name::{Name, Named};
pub use nullable::Nullable;
pub use page::{Items, Page};
pub use time::Time;
