//! Providers as data: a definition file says how a service is called, what its answers mean, and how to read what it says.
//!
//! Most services are one HTTP request, a table of codes and a signature of a known scheme. Such a one is a file in `definitions/`,
//! compiled in, whose name is its kind; an operator's own is any file that a table with `kind = "http"` names. Both are read in the
//! same way: [`reading`] takes the text apart and knows the lines, [`format`] is its shape, [`compile`] finds out what its templates,
//! places and conditions mean and tries them on sample messages. What is wrong is told with its line before anything is sent; a
//! message evaluates what was compiled at start. A [`Definition`] with the [`values`] of one table is a provider: [`sender`] sends,
//! [`callbacks`] reads what comes back.
//!
//! `docs/providers.md` shows how to write one.

mod answer;
mod body;
mod callbacks;
mod codes;
mod compile;
mod condition;
mod format;
mod kind;
mod look_up;
mod message;
mod place;
mod reading;
mod receipt;
mod request;
mod sender;
mod template;
#[cfg(test)]
mod tests;
mod trial;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use watchbell_core::Channel;

use self::answer::Answers;
use self::callbacks::Inbound;
use self::format::Server;
pub use self::kind::{Defined, built_in};
use self::look_up::LookUp;
pub use self::reading::Mistake;
use self::request::{Auth, Send};
use self::values::Declared;
use crate::provider::AccountLimit;

/// A definition that was read and compiled.
#[derive(Debug)]
pub struct Definition {
    pub name: String,
    settings: BTreeMap<String, Declared>,
    one_of: Vec<Vec<String>>,
    server: Server,
    auth: Auth,
    send: BTreeMap<Channel, Send>,
    answers: Answers,
    inbound: Option<Inbound>,
    look_up: Option<LookUp>,
}

impl Definition {
    /// Reads a definition file's text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str) -> Result<Arc<Self>, Vec<Mistake>> {
        let (file, mistakes) = reading::read(text)?;
        compile::compile(file, mistakes).map(Arc::new)
    }

    pub fn channels(&self) -> &'static [Channel] {
        kind::interned(self.send.keys().copied())
    }

    pub fn limit(&self, channel: Channel) -> Option<AccountLimit> {
        self.send.get(&channel).map(|send| send.limit)
    }
}
