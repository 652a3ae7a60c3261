//! What providers answer, as a scenario scripts it.

use std::collections::{HashMap, VecDeque};
use std::str::FromStr;

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use super::words::{BadPhrase, Read, bad, span_ms};

/// One answer: `accepted`, `retry for recipient after 90 s`, `unknown taking 3 s`, `accepted connecting 3 s`, `hangs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The class alone, as expected sends name it.
    pub name: String,
    scope: LimitScope,
    after_ms: Option<i64>,
    /// None never ends.
    pub takes_ms: Option<i64>,
    /// Before the message can be handed over.
    pub connects_ms: i64,
}

impl Default for Answer {
    fn default() -> Self {
        Self { name: "accepted".to_owned(), scope: LimitScope::Message, after_ms: None, takes_ms: Some(0), connects_ms: 0 }
    }
}

impl Answer {
    pub fn report(&self, now: Timestamp, message_id: String) -> Report {
        Report::new(
            match self.name.as_str() {
                "accepted" => Outcome::Accepted { message_id: Some(message_id) },
                "retry" => Outcome::Retry { after: self.after_ms.map(|ms| now.plus_ms(ms)), scope: self.scope },
                "bad_address" => Outcome::BadAddress,
                "bad_message" => Outcome::BadMessage,
                "bad_route" => Outcome::BadRoute,
                "down" => Outcome::ProviderDown,
                _ => Outcome::Unknown,
            },
            None,
        )
    }
}

impl FromStr for Answer {
    type Err = BadPhrase;

    fn from_str(phrase: &str) -> Read<Self> {
        const RIGHT: &str = "must be accepted, retry, bad_address, bad_message, bad_route, down, unknown, nothing or hangs, with `for recipient` or \
             `for provider`, `after 90 s`, `taking 3 s`, `connecting 3 s` as they are needed";
        let (rest, connects) = phrase.split_once(" connecting ").map_or((phrase, None), |(rest, connects)| (rest, Some(connects)));
        let (rest, takes) = rest.split_once(" taking ").map_or((rest, None), |(rest, takes)| (rest, Some(takes)));
        let (rest, after) = rest.split_once(" after ").map_or((rest, None), |(rest, after)| (rest, Some(after)));
        let (name, scope) = rest.split_once(" for ").map_or((rest, "message"), |(name, scope)| (name, scope));
        let scope = match scope.trim() {
            "message" => LimitScope::Message,
            "recipient" => LimitScope::Recipient,
            "provider" => LimitScope::Provider,
            _ => return bad(phrase, RIGHT),
        };
        let name = name.trim().to_owned();
        if !["accepted", "retry", "bad_address", "bad_message", "bad_route", "down", "unknown", "nothing", "hangs"].contains(&name.as_str())
        {
            return bad(phrase, RIGHT);
        }
        let after_ms = after.map(span_ms).transpose()?;
        let takes_ms = if name == "hangs" { None } else { Some(takes.map(span_ms).transpose()?.unwrap_or(0)) };
        let connects_ms = connects.map(span_ms).transpose()?.unwrap_or(0);
        Ok(Self { name, scope, after_ms, takes_ms, connects_ms })
    }
}

/// Answers by whom they are for: `anna sms`, a provider's name, or a channel; each a sequence whose last one stays.
#[derive(Debug, Default)]
pub struct Script(HashMap<String, VecDeque<Answer>>);

impl Script {
    /// `phrase` is one answer, or several with `then` between them.
    pub fn set(&mut self, whom: &str, phrase: &str) -> Read<()> {
        let answers = phrase.split(" then ").map(str::parse).collect::<Read<VecDeque<Answer>>>()?;
        self.0.insert(whom.to_owned(), answers);
        Ok(())
    }

    pub fn has(&self, whom: &str) -> bool {
        self.0.contains_key(whom)
    }

    /// The next answer for the first of these that has one.
    pub fn next(&mut self, whom: &[&str]) -> Answer {
        let answers = whom.iter().find(|name| self.0.contains_key(**name)).and_then(|name| self.0.get_mut(*name));
        match answers {
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap_or_default(),
            Some(answers) => answers.front().cloned().unwrap_or_default(),
            None => Answer::default(),
        }
    }
}
