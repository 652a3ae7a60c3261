//! The log of a delivery's attempts, in the delivery's own row: it is written and read with it, and nothing looks for a part of it.
//!
//! A line each: a JSON list of number, time, provider, class, code, message id, milliseconds, when this provider may be asked
//! again, and whether the attempt was no step of the retry ladder. Lines of older versions lack the last two.

use serde::{Deserialize, Serialize};

use super::rows::{at, json, name, to_json};
use crate::StoreError;
use crate::queue::Attempt;

#[derive(Serialize, Deserialize)]
struct Line(i64, i64, String, String, Option<String>, Option<String>, Option<i64>, #[serde(default)] Option<i64>, #[serde(default)] bool);

/// What is appended to the log.
pub(super) fn line(attempt: &Attempt) -> Result<String, StoreError> {
    let Attempt { number, at, provider, class, code, message_id, latency_ms, not_before, goes_on } = attempt.clone();
    let not_before = not_before.map(watchbell_core::Timestamp::as_millis);
    let class = class.as_str().to_owned();
    let mut line = to_json(&Line(number, at.as_millis(), provider, class, code, message_id, latency_ms, not_before, goes_on))?;
    line.push('\n');
    Ok(line)
}

/// By number.
pub(super) fn parse(log: &str) -> Result<Vec<Attempt>, StoreError> {
    let attempt = |line| {
        let Line(number, ms, provider, class, code, message_id, latency_ms, not_before, goes_on) = json(line)?;
        let (class, not_before) = (name(&class)?, not_before.map(at));
        Ok(Attempt { number, at: at(ms), provider, class, code, message_id, latency_ms, not_before, goes_on })
    };
    let mut attempts = log.lines().map(attempt).collect::<Result<Vec<_>, StoreError>>()?;
    attempts.sort_by_key(|attempt| attempt.number);
    Ok(attempts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_core::outcome::Class;

    #[test]
    fn lines_of_older_versions_are_steps_of_the_ladder() {
        let old = "[1,1000,\"p\",\"Retry\",\"500\",null,12]\n";
        let attempts = parse(old).unwrap_or_default();
        assert_eq!(attempts.len(), 1);
        assert!(!attempts[0].goes_on && attempts[0].not_before.is_none() && attempts[0].class == Class::Retry);
        let newer = Attempt { not_before: Some(at(5_000)), goes_on: true, ..attempts[0].clone() };
        assert_eq!(line(&newer).and_then(|line| parse(&line)).unwrap_or_default(), [newer]);
    }
}
