//! From an event to the texts of a message, in the user's language and time zone.
//!
//! Templates are minijinja's, one a kind of message and part: `{language}/{kind}/{part}` such as `de/alert/short.txt`. They
//! are compiled in; a folder of the same layout replaces single ones, or adds languages. For a user with the locale `de-AT`
//! a part is looked for in `de-at`, `de`, `any` and `en`, in that order.
//!
//! A message is never lost to a template: a part that fails is replaced by a plain sentence, and the failure is handed to
//! the caller beside it.

mod cuttable;
mod event_text;
mod message;
mod part;
mod phrase;
mod plain;
mod renderer;
mod sms;
mod spoken;
mod templates;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod vars;
mod writer;

pub use message::{Item, MessageKind, Reader, RenderContext, RenderError, Rendered};
pub use renderer::Renderer;
