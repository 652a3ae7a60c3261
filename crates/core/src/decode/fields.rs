//! Taking fields out of an event's data, one by one.
//!
//! A required field that is missing or unusable ends the decoding. An optional one is left out, and that is noted.

use serde_json::{Map, Value};

use super::{Reason, Undecodable};
use crate::ids::UserRef;
use crate::time::Timestamp;

/// The longest id or name, in characters: what the tables index.
pub(super) const MAX_ID_CHARS: usize = 255;

/// More problems than these are counted, not written out: 100,000 wrong entries shall not become 100,000 sentences.
const MAX_PROBLEMS: usize = 20;

/// The longest URL that is passed on, in bytes; longer ones are cut by mail programs and providers.
const MAX_URL_BYTES: usize = 2048;

/// The most users that one list of an event names; a topic is the way to more.
const MAX_USERS: usize = 100_000;

/// What of an event could not be used.
#[derive(Debug, Default)]
pub(super) struct Problems {
    sentences: Vec<String>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, sentence: impl Into<String>) {
        if self.sentences.len() < MAX_PROBLEMS {
            self.sentences.push(sentence.into());
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_sentences(mut self) -> Vec<String> {
        if self.more > 0 {
            self.sentences.push(format!("and {} more problems", self.more));
        }
        self.sentences
    }
}

/// Replaces NULs, which PostgreSQL's texts cannot hold, by the replacement character.
pub(super) fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// As [`clean`], for every text and name inside a JSON value.
fn clean_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(values) => Value::Array(values.into_iter().map(clean_json).collect()),
        Value::Object(fields) => Value::Object(clean_object(fields)),
        other => other,
    }
}

fn clean_object(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (clean(name), clean_json(value))).collect()
}

pub(super) fn missing(name: &str) -> Undecodable {
    Undecodable::new(Reason::MissingField, format!("{name} is missing"))
}

pub(super) fn bad(name: &str, must: &str) -> Undecodable {
    Undecodable::new(Reason::BadField, format!("{name} {must}"))
}

/// How long a text may be; a longer one is cut, since what it says is better told in part than not at all.
#[derive(Clone, Copy)]
pub(super) enum Cut {
    Chars(usize),
    Bytes(usize),
}

impl Cut {
    fn apply(self, mut text: String) -> String {
        let end = match self {
            Self::Chars(most) => text.char_indices().nth(most).map_or(text.len(), |(at, _)| at),
            Self::Bytes(most) => text.floor_char_boundary(most),
        };
        text.truncate(end);
        text
    }
}

/// An event's data, and the fields not yet taken out of them.
pub(super) struct Fields<'p> {
    data: Map<String, Value>,
    problems: &'p mut Problems,
}

impl<'p> Fields<'p> {
    pub(super) fn new(data: Map<String, Value>, problems: &'p mut Problems) -> Self {
        Self { data, problems }
    }

    /// `null` is as good as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.data.remove(name).filter(|value| !value.is_null())
    }

    /// Turns a failure to read an optional field into a note.
    fn optional<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, &'static str>) -> Option<T> {
        match read(self.take(name)?) {
            Ok(value) => Some(value),
            Err(must) => {
                self.problems.add(format!("{name} {must}; left out"));
                None
            }
        }
    }

    fn required<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, &'static str>) -> Result<T, Undecodable> {
        read(self.take(name).ok_or_else(|| missing(name))?).map_err(|must| bad(name, must))
    }

    pub(super) fn required_id(&mut self, name: &str) -> Result<String, Undecodable> {
        self.required(name, id)
    }

    pub(super) fn optional_id(&mut self, name: &str) -> Option<String> {
        self.optional(name, id)
    }

    pub(super) fn required_text(&mut self, name: &str, cut: Cut) -> Result<String, Undecodable> {
        self.required(name, |value| text(value, cut))
    }

    pub(super) fn optional_text(&mut self, name: &str, cut: Cut) -> Option<String> {
        self.optional(name, |value| text(value, cut))
    }

    /// A name of a fixed set, in any case.
    pub(super) fn required_name<T: std::str::FromStr>(&mut self, name: &str, must: &'static str) -> Result<T, Undecodable> {
        self.required(name, |value| match value {
            Value::String(text) => text.to_ascii_uppercase().parse().map_err(|_| must),
            _ => Err(must),
        })
    }

    pub(super) fn required_time(&mut self, name: &str) -> Result<Timestamp, Undecodable> {
        const MUST: &str = "must be an RFC 3339 time between 1970 and 9999, such as 2026-11-20T08:00:00Z";
        self.required(name, |value| value.as_str().and_then(|text| Timestamp::parse_rfc3339(text).ok()).ok_or(MUST))
    }

    pub(super) fn required_user(&mut self, name: &str) -> Result<String, Undecodable> {
        self.required(name, user)
    }

    pub(super) fn optional_user(&mut self, name: &str) -> Option<String> {
        self.optional(name, user)
    }

    /// An http or https address, which messages can make a link of.
    pub(super) fn optional_url(&mut self, name: &str) -> Option<String> {
        self.optional(name, |value| match value {
            Value::String(url) if is_web_address(&url) => Ok(url),
            _ => Err("must be an http:// or https:// address of at most 2048 bytes"),
        })
    }

    pub(super) fn optional_object(&mut self, name: &str) -> Map<String, Value> {
        let object = self.optional(name, |value| match value {
            Value::Object(object) => Ok(clean_object(object)),
            _ => Err("must be an object"),
        });
        object.unwrap_or_default()
    }

    /// The usable entries of a list of users, or None when there is no list.
    pub(super) fn users(&mut self, name: &str) -> Option<Vec<String>> {
        let entries = self.optional(name, |value| match value {
            Value::Array(entries) => Ok(entries),
            _ => Err("must be a list of users"),
        })?;
        let mut users = Vec::with_capacity(entries.len().min(MAX_USERS));
        for (at, entry) in entries.into_iter().enumerate() {
            match user(entry) {
                Ok(_) if users.len() == MAX_USERS => {
                    self.problems.add(format!("{name} names more than {MAX_USERS} users; the rest is left out"));
                    break;
                }
                Ok(user) => users.push(user),
                Err(must) => self.problems.add(format!("{name}[{at}] {must}; left out")),
            }
        }
        Some(users)
    }
}

fn id(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) if !text.is_empty() && text.chars().nth(MAX_ID_CHARS).is_none() => Ok(clean(text)),
        _ => Err("must be a string of 1 to 255 characters"),
    }
}

fn text(value: Value, cut: Cut) -> Result<String, &'static str> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(clean(cut.apply(text))),
        Value::String(_) => Err("must not be empty"),
        _ => Err("must be a string"),
    }
}

/// A user as the event writes it, by number or by name.
fn user(value: Value) -> Result<String, &'static str> {
    const MUST: &str = "must name a user by a whole number or a string of 1 to 255 bytes";
    let name = match value {
        Value::String(text) => clean(text),
        Value::Number(number) if number.is_i64() => number.to_string(),
        _ => return Err(MUST),
    };
    if UserRef::parse(&name).is_some() { Ok(name) } else { Err(MUST) }
}

fn is_web_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        && url.len() <= MAX_URL_BYTES
        && rest.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        && !url.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\'))
}
