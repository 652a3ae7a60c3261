//! A service's answer, and what it means where nobody knows better.
//!
//! Bodies are read leniently: an answer says whether a message was taken, and a letter in the wrong encoding somewhere else in
//! it must not make a success look like a failure.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::Value;
use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

/// No `Retry-After` holds anything up for longer.
const LONGEST_WAIT_S: f64 = 24.0 * 60.0 * 60.0;
/// Where services say in a body how long to wait, in seconds: Slack and Discord, Telegram, Zulip.
const WAITS: [&str; 3] = ["/retry_after", "/parameters/retry_after", "/retry-after"];
/// A greater number in `X-RateLimit-Reset` is a time, in seconds since 1970; a smaller one is how long it is until then.
const EPOCH_S: f64 = 1e9;

/// A complete answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Up to 64 KiB, of a list 512 KiB; of an error, whatever of it came.
    pub body: Vec<u8>,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null where it is none. What is no UTF-8 in it, and halves of surrogate pairs, become U+FFFD.
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim_start_matches('\u{feff}');
        serde_json::from_str(text).or_else(|_| serde_json::from_str(&without_halves(text))).unwrap_or_default()
    }

    /// When the service lets the next try be, by `Retry-After` or by what stands in its place; None where it says nothing.
    pub fn retry_after(&self, now: Timestamp) -> Option<Timestamp> {
        let header = |name: &str| self.headers.get(name)?.to_str().ok().map(str::trim);
        let stated = header(RETRY_AFTER.as_str()).and_then(|text| {
            let date = || Some(seconds_until(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond(), now));
            text.parse::<f64>().ok().or_else(date)
        });
        let body = self.json();
        let told = WAITS.iter().filter_map(|pointer| number(&body, pointer)).chain(google_delay(&body));
        let reset = || {
            let at = header("x-ratelimit-reset").filter(|_| self.status == 429)?.parse::<f64>().ok()?;
            Some(if at > EPOCH_S { at - seconds_until(0, now).abs() } else { at })
        };
        wait(now, stated.into_iter().chain(told).reduce(f64::max).or_else(reset)?)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
fn seconds_until(ms: i64, now: Timestamp) -> f64 {
    (ms - now.as_millis()) as f64 / 1000.0
}

/// A text at a place; None where there is none.
pub fn text<'v>(json: &'v Value, pointer: &str) -> Option<&'v str> {
    json.pointer(pointer)?.as_str()
}

/// A number at a place, also one that is written as a text.
pub fn number(json: &Value, pointer: &str) -> Option<f64> {
    let value = json.pointer(pointer)?;
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// A whole number, or a text, as a text: ids come as either.
pub fn id(json: &Value, pointer: &str) -> Option<String> {
    match json.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `google.rpc.RetryInfo` among an error's details: `"retryDelay": "3.5s"`.
fn google_delay(body: &Value) -> Option<f64> {
    let details = body.pointer("/error/details")?.as_array()?;
    details.iter().find_map(|detail| text(detail, "/retryDelay")?.strip_suffix('s')?.parse().ok())
}

/// `seconds` from now, within reason; None where that is not later than now.
fn wait(now: Timestamp, seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "at most a day's milliseconds")]
    (seconds > 0.0).then(|| now.plus_ms((seconds.min(LONGEST_WAIT_S) * 1000.0).ceil() as i64))
}

/// `\ud83d` without its other half is valid where services are written in JavaScript, and nowhere else.
fn without_halves(text: &str) -> Cow<'_, str> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let is_low = |at: usize| unit(at).is_some_and(|unit| (0xdc00..0xe000).contains(&unit));
    let mut mended = String::new();
    let (mut from, mut at) = (0, 0);
    while let Some(found) = text[at..].find('\\') {
        at += found;
        match unit(at) {
            Some(0xd800..=0xdbff) if is_low(at + 6) => at += 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(&text[from..at]);
                mended.push_str("\\ufffd");
                at += 6;
                from = at;
            }
            // What follows a backslash is no backslash of its own.
            _ => at = text.ceil_char_boundary(at + 2),
        }
    }
    if from == 0 {
        return text.into();
    }
    mended.push_str(&text[from..]);
    mended.into()
}

/// What a status means where the body says nothing better.
pub fn by_status(answer: &Answer, now: Timestamp) -> Report {
    let retry = |scope| Outcome::Retry { after: answer.retry_after(now), scope };
    let outcome = match answer.status {
        429 => retry(LimitScope::Provider),
        408 | 425 | 500.. => retry(LimitScope::Message),
        // A redirection is a base URL that is not the service's.
        300..=399 | 401 | 403 => Outcome::ProviderDown,
        400..=499 => Outcome::BadMessage,
        _ => Outcome::Unknown,
    };
    Report::new(outcome, format!("http_{}", answer.status))
}

/// Whether the status alone says that this passes, so that no code in the body may make it permanent.
pub fn is_passing(status: u16) -> bool {
    status == 429 || status >= 500
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use http::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::kinds::stand_in::at;

    /// Headers and body, and until when to wait.
    type Case = (&'static [(&'static str, &'static str)], &'static str, Option<&'static str>);

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Answer {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Answer { status, headers: headers.collect(), body: body.to_vec() }
    }

    #[test]
    fn bodies_are_read_whatever_their_letters_are() {
        let table: [(&[u8], Value); 9] = [
            (br#"{"sid":"SM1"}"#, json!({"sid": "SM1"})),
            (b"{\"sid\":\"SM1\",\"body\":\"\xfcber\"}", json!({"sid": "SM1", "body": "\u{fffd}ber"})),
            (b"\xef\xbb\xbf{\"sid\":\"SM1\"}", json!({"sid": "SM1"})),
            (br#"{"sid":"SM1","body":"\ud83d"}"#, json!({"sid": "SM1", "body": "\u{fffd}"})),
            (br#"{"body":"\ud83d\ude00 \ude00 \\ud83d \"","a":1}"#, json!({"body": "\u{1f600} \u{fffd} \\ud83d \"", "a": 1})),
            (br#"{"body":"\ud83d\ud83d\ude00"}"#, json!({"body": "\u{fffd}\u{1f600}"})),
            (b"<html>", Value::Null),
            (b"", Value::Null),
            (b"{\"a\":\"\\", Value::Null),
        ];
        for (body, expected) in table {
            assert_eq!(answer(200, &[], body).json(), expected, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn every_status_has_a_meaning() {
        let now = at("2026-11-20T08:00:00Z");
        let retry = |scope| Outcome::Retry { after: None, scope };
        let table = [
            (200, Outcome::Unknown),
            (302, Outcome::ProviderDown),
            (400, Outcome::BadMessage),
            (401, Outcome::ProviderDown),
            (403, Outcome::ProviderDown),
            (404, Outcome::BadMessage),
            (408, retry(LimitScope::Message)),
            (413, Outcome::BadMessage),
            (425, retry(LimitScope::Message)),
            (429, retry(LimitScope::Provider)),
            (500, retry(LimitScope::Message)),
            (503, retry(LimitScope::Message)),
            (599, retry(LimitScope::Message)),
        ];
        for (status, outcome) in table {
            let report = by_status(&Answer { status, ..Answer::default() }, now);
            assert_eq!(report, Report::new(outcome, format!("http_{status}")));
        }
    }

    #[test]
    fn how_long_to_wait_stands_in_a_header_or_in_the_body() {
        const AFTER: &str = "retry-after";
        let now = at("2026-11-20T08:00:00Z");
        let table: [Case; 19] = [
            (&[(AFTER, "17")], "", Some("2026-11-20T08:00:17Z")),
            (&[(AFTER, "0.5")], "", Some("2026-11-20T08:00:00.500Z")),
            (&[(AFTER, "0")], "", None),
            (&[(AFTER, "Fri, 20 Nov 2026 08:01:00 GMT")], "", Some("2026-11-20T08:01:00Z")),
            (&[(AFTER, "Fri, 20 Nov 2026 07:59:00 GMT")], "", None),
            (&[(AFTER, "4000000000")], "", Some("2026-11-21T08:00:00Z")),
            (&[(AFTER, "soon")], "", None),
            (&[(AFTER, "-3")], "", None),
            (&[(AFTER, "nan")], "", None),
            (&[], "", None),
            // Slack, and whoever writes numbers as texts.
            (&[], r#"{"ok":false,"error":"ratelimited","retry_after":30}"#, Some("2026-11-20T08:00:30Z")),
            (&[], r#"{"retry_after":"30"}"#, Some("2026-11-20T08:00:30Z")),
            // Discord: the header is rounded.
            (&[(AFTER, "64")], r#"{"message":"no","retry_after":64.57}"#, Some("2026-11-20T08:01:04.570Z")),
            // Telegram, Zulip, Google.
            (&[], r#"{"ok":false,"parameters":{"retry_after":5}}"#, Some("2026-11-20T08:00:05Z")),
            (&[], r#"{"retry-after":1.5}"#, Some("2026-11-20T08:00:01.500Z")),
            (&[], r#"{"error":{"details":[{"@type":"x"},{"retryDelay":"3.5s"}]}}"#, Some("2026-11-20T08:00:03.500Z")),
            // Mattermost, by its example and by its text.
            (&[("x-ratelimit-reset", "2")], "", Some("2026-11-20T08:00:02Z")),
            (&[("x-ratelimit-reset", "1795161607")], "", Some("2026-11-20T08:00:07Z")),
            (&[], r#"{"retry_after":"soon"}"#, None),
        ];
        for (headers, body, expected) in table {
            assert_eq!(answer(429, headers, body.as_bytes()).retry_after(now), expected.map(at), "{headers:?} {body}");
        }
        assert_eq!(answer(503, &[("x-ratelimit-reset", "2")], b"").retry_after(now), None);
    }

    #[test]
    fn numbers_and_ids_come_as_either() {
        let body = json!({"a": 7, "b": "8", "c": "", "d": [], "e": "x"});
        let read = |pointer| (id(&body, pointer), number(&body, pointer));
        assert_eq!(read("/a"), (Some("7".to_owned()), Some(7.0)));
        assert_eq!(read("/b"), (Some("8".to_owned()), Some(8.0)));
        assert_eq!(read("/c"), (None, None));
        assert_eq!(read("/d"), (None, None));
        assert_eq!(read("/e"), (Some("x".to_owned()), None));
        assert_eq!(text(&json!("x"), ""), Some("x"));
        assert!(by_status(&Answer::default(), at("2026-11-20T08:00:00Z")).code.unwrap().starts_with("http_"));
    }
}
