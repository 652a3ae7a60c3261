//! Logs once that something is wrong, and once that it works again.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What was logged is logged again after this time, if it is still so.
const AGAIN_AFTER: Duration = Duration::from_mins(10);
/// Different things that are logged within that time. If there are more, they differ in a detail only.
const MOST: usize = 20;

/// What was logged lately, so that reasons that alternate do not fill the log.
#[derive(Debug, Default)]
pub(crate) struct News {
    said: Vec<(String, Instant)>,
}

impl News {
    /// Whether it is to be logged: it was not lately, and not too much else was.
    pub(crate) fn is_news(&mut self, what: &str) -> bool {
        let now = Instant::now();
        self.said.retain(|(_, at)| now - *at < AGAIN_AFTER);
        let is_news = self.said.len() < MOST && self.said.iter().all(|(said, _)| said != what);
        if is_news {
            self.said.push((what.to_owned(), now));
        }
        is_news
    }

    pub(crate) fn has_said(&self, what: &str) -> bool {
        self.said.iter().any(|(said, _)| said == what)
    }

    pub(crate) fn forget(&mut self, what: &[&str]) {
        self.said.retain(|(said, _)| !what.contains(&said.as_str()));
    }
}

/// One thing that can be in trouble, shared by all who notice.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    news: News,
    is_told: bool,
}

impl Trouble {
    pub(crate) fn new(what: &'static str) -> Self {
        Self { what, state: Mutex::default() }
    }

    /// Logs it, unless the same was logged lately.
    pub(crate) fn begins(&self, error: &(dyn Error + 'static)) {
        let reason = chain(error);
        let mut state = self.state();
        if state.news.is_news(&reason) {
            tracing::error!(reason, "{}; trying again until it works", self.what);
            state.is_told = true;
        }
    }

    pub(crate) fn ends(&self) {
        if std::mem::take(&mut self.state().is_told) {
            tracing::info!("over: {}", self.what);
        }
    }

    /// A thread that panicked while it held the lock left a valid value behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reasons_that_alternate_are_said_once_in_a_while_each() {
        let mut news = News::default();
        let said = |news: &mut News| (0..3_000).filter(|n| news.is_news(["wake", "out", "out"][n % 3])).count();
        assert_eq!(said(&mut news), 2);
        tokio::time::advance(AGAIN_AFTER).await;
        assert_eq!(said(&mut news), 2);
        // Each with another subject in it.
        assert_eq!((0..3_000).filter(|n| news.is_news(&format!("subject {n}"))).count(), MOST - 2);
        news.forget(&["subject 7"]);
        assert!(news.is_news("subject 7") && !news.is_news("subject 8"));
    }
}
