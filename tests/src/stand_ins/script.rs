//! What a stand-in does instead of answering as a good provider would.

use std::sync::Mutex;
use std::time::Duration;

/// What becomes of one request or command.
#[derive(Clone, Debug)]
pub struct Act {
    /// Real time that passes first.
    pub after: Duration,
    pub then: Then,
}

/// How it ends.
#[derive(Clone, Debug)]
pub enum Then {
    /// As a good provider would.
    Usual,
    /// Over HTTP: status, header lines, body. Over SMTP: code, nothing, text.
    Answer(u16, &'static str, String),
    /// Nothing ever comes; the connection stays open.
    Silence,
    /// The connection is closed without a word.
    Close,
    /// The beginning of an answer; after it only the other side could still say something. Over SMTP as `Close`.
    HalfClose,
}

impl Act {
    pub fn usual() -> Self {
        Self { after: Duration::ZERO, then: Then::Usual }
    }

    /// As usual, but only after `after`.
    pub fn slowly(after: Duration) -> Self {
        Self { after, then: Then::Usual }
    }

    pub fn answer(status: u16, headers: &'static str, body: impl Into<String>) -> Self {
        Self { after: Duration::ZERO, then: Then::Answer(status, headers, body.into()) }
    }

    pub fn silence() -> Self {
        Self { after: Duration::ZERO, then: Then::Silence }
    }

    pub fn close() -> Self {
        Self { after: Duration::ZERO, then: Then::Close }
    }

    pub fn half_close() -> Self {
        Self { after: Duration::ZERO, then: Then::HalfClose }
    }
}

#[derive(Debug)]
struct Rule {
    part: String,
    act: Act,
    /// How often it is still followed; None is always.
    left: Option<usize>,
}

/// Rules in the order in which they were given; the first that matches is followed.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Vec<Rule>>);

impl Script {
    /// From now on follows `act` for what contains `part`, `times` times or always.
    pub fn add(&self, part: &str, act: Act, times: Option<usize>) {
        self.0.lock().unwrap().push(Rule { part: part.to_owned(), act, left: times });
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub fn next(&self, what: &str) -> Act {
        let mut rules = self.0.lock().unwrap();
        let Some(rule) = rules.iter_mut().find(|rule| rule.left != Some(0) && what.contains(&rule.part)) else { return Act::usual() };
        rule.left = rule.left.map(|left| left - 1);
        rule.act.clone()
    }
}
