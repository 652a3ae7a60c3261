//! The log of a delivery's attempts, in the delivery's own row: it is written and read with it, and nothing looks for a part of it.
//!
//! A line each: a JSON list of number, time, provider, class, code, message id and milliseconds.

use super::rows::{at, json, name, to_json};
use crate::StoreError;
use crate::queue::Attempt;

type Line = (i64, i64, String, String, Option<String>, Option<String>, Option<i64>);

/// What is appended to the log.
pub(super) fn line(attempt: &Attempt) -> Result<String, StoreError> {
    let Attempt { number, at, provider, class, code, message_id, latency_ms } = attempt;
    let mut line = to_json(&(number, at.as_millis(), provider, class.as_str(), code, message_id, latency_ms))?;
    line.push('\n');
    Ok(line)
}

/// By number.
pub(super) fn parse(log: &str) -> Result<Vec<Attempt>, StoreError> {
    let attempt = |line| {
        let (number, ms, provider, class, code, message_id, latency_ms): Line = json(line)?;
        Ok(Attempt { number, at: at(ms), provider, class: name(&class)?, code, message_id, latency_ms })
    };
    let mut attempts = log.lines().map(attempt).collect::<Result<Vec<_>, StoreError>>()?;
    attempts.sort_by_key(|attempt| attempt.number);
    Ok(attempts)
}
