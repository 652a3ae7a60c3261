//! Saying that something is wrong once, and once that it is right again.

use std::error::Error;
use std::sync::Mutex;

/// One thing that can be in trouble, shared by all who notice.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: &'static str,
    said: Mutex<Option<String>>,
}

impl Trouble {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, said: Mutex::new(None) }
    }

    /// Says it, unless the very same was said already.
    pub(crate) fn begins(&self, error: &(dyn Error + 'static)) {
        let reason = chain(error);
        let mut said = self.said();
        if said.as_ref() != Some(&reason) {
            tracing::error!(reason, "{}; trying again until it works", self.what);
            *said = Some(reason);
        }
    }

    pub(crate) fn ends(&self) {
        if self.said().take().is_some() {
            tracing::info!("over: {}", self.what);
        }
    }

    /// A thread that panicked while it held the lock left a valid value behind.
    fn said(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.said.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some errors repeat their cause's text in their own.
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
