//! Taking fields out of an event's data, one by one.
//!
//! What has the wrong form is repaired where its meaning is plain, and that is noted. An optional field that cannot be used is
//! left out, and that is noted as well; a required one ends the decoding.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Number, Value};

use super::{RejectReason, Undecodable};
use crate::group::Group;
use crate::ids::{UserRef, digest};
use crate::time::Timestamp;

/// The longest id or name, in characters: what the tables index.
pub(super) const MAX_ID_CHARS: usize = 255;

/// So much of a longer id is kept, before the digest that tells it from others.
const KEPT_ID_CHARS: usize = 200;

/// More problems than these are counted, not written out: 100,000 wrong entries shall not become 100,000 sentences.
const MAX_PROBLEMS: usize = 20;

/// The longest URL that is passed on, in bytes; longer ones are cut by mail programs and providers.
const MAX_URL_BYTES: usize = 2048;

/// The most users that one list of an event names; a topic is the way to more.
const MAX_USERS: usize = 100_000;

/// The most groups that one event names: each stands for many users.
const MAX_GROUPS: usize = 20;

/// Of an object that stands where a user is named, the members that may name one.
const USER_MEMBERS: [&str; 4] = ["id", "userId", "externalId", "user"];

/// What of an event was repaired or left out.
#[derive(Clone, Debug, Default)]
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

/// Without what surrounds a text by accident: white space, NULs, byte order marks.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}' | '\u{200b}'))
}

pub(super) fn missing(name: &str) -> Undecodable {
    Undecodable::new(RejectReason::MissingField, format!("{name} is missing"))
}

pub(super) fn bad(name: &str, must: &str) -> Undecodable {
    Undecodable::new(RejectReason::BadField, format!("{name} {must}"))
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

/// What a field says, with how it was repaired, if it was; or else what it must be.
type Read<T> = Result<(T, Option<&'static str>), &'static str>;

/// An event's data, and the fields not yet taken out of them.
pub(super) struct Fields<'p> {
    data: Map<String, Value>,
    problems: &'p mut Problems,
}

impl<'p> Fields<'p> {
    pub(super) fn new(data: Map<String, Value>, problems: &'p mut Problems) -> Self {
        Self { data, problems }
    }

    pub(super) fn note(&mut self, sentence: &str) {
        self.problems.add(sentence);
    }

    /// `null` and an empty text are as good as absent. A name that is spelled otherwise is the name, if nothing else has it.
    fn take(&mut self, name: &str) -> Option<Value> {
        let value = if let Some(value) = self.data.remove(name) {
            value
        } else {
            let spelling = self.data.keys().find(|key| is_spelling_of(key, name))?.clone();
            let value = self.data.remove(&spelling)?;
            self.problems.add(format!("{name} is spelled otherwise; read all the same"));
            value
        };
        let is_blank = matches!(&value, Value::String(text) if trimmed(text).is_empty());
        Some(value).filter(|value| !value.is_null() && !is_blank)
    }

    fn read<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Read<T>) -> Option<Result<T, &'static str>> {
        Some(read(self.take(name)?).map(|(value, repair)| {
            if let Some(repair) = repair {
                self.problems.add(format!("{name} {repair}"));
            }
            value
        }))
    }

    /// Turns a failure to read an optional field into a note.
    fn optional<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Read<T>) -> Option<T> {
        match self.read(name, read)? {
            Ok(value) => Some(value),
            Err(must) => {
                self.problems.add(format!("{name} {must}; left out"));
                None
            }
        }
    }

    fn required<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Read<T>) -> Result<T, Undecodable> {
        self.read(name, read).ok_or_else(|| missing(name))?.map_err(|must| bad(name, must))
    }

    pub(super) fn required_id(&mut self, name: &str) -> Result<String, Undecodable> {
        self.required(name, id)
    }

    pub(super) fn optional_id(&mut self, name: &str) -> Option<String> {
        self.optional(name, id)
    }

    pub(super) fn optional_text(&mut self, name: &str, cut: Cut) -> Option<String> {
        self.optional(name, |value| text(value, cut))
    }

    /// A name of a fixed set, in any case.
    pub(super) fn required_name<T>(
        &mut self,
        name: &str,
        must: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Undecodable> {
        self.given_name(name, must, parse)?.ok_or_else(|| missing(name))
    }

    /// The same where it may be missing, but not wrong.
    pub(super) fn given_name<T>(
        &mut self,
        name: &str,
        must: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Undecodable> {
        self.read(name, |value| named(&value, must, parse)).transpose().map_err(|must| bad(name, must))
    }

    pub(super) fn optional_name<T>(&mut self, name: &str, must: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.optional(name, |value| named(&value, must, parse))
    }

    pub(super) fn required_time(&mut self, name: &str) -> Result<Timestamp, Undecodable> {
        self.required(name, |value| time(&value))
    }

    pub(super) fn required_user(&mut self, name: &str) -> Result<String, Undecodable> {
        self.required(name, user)
    }

    pub(super) fn optional_user(&mut self, name: &str) -> Option<String> {
        self.optional(name, user)
    }

    /// An http or https address, which messages can make a link of.
    pub(super) fn optional_url(&mut self, name: &str) -> Option<String> {
        self.optional(name, |value| url(&value))
    }

    pub(super) fn optional_object(&mut self, name: &str) -> Map<String, Value> {
        let object = self.optional(name, |value| match value {
            Value::Object(object) => Ok((clean_object(object), None)),
            _ => Err("must be an object"),
        });
        object.unwrap_or_default()
    }

    /// As [`Self::users`], where groups may be named as well.
    pub(super) fn responders(&mut self, name: &str) -> Option<Vec<String>> {
        let mut groups = 0;
        let mut responders = Vec::new();
        for responder in self.list_of_users(name, each_responder)? {
            let Some(group) = Group::parse(&responder) else {
                responders.push(responder);
                continue;
            };
            groups += 1;
            if groups <= MAX_GROUPS {
                responders.push(group.to_string());
            }
        }
        if groups > MAX_GROUPS {
            self.problems.add(format!("{name} names {groups} groups; {MAX_GROUPS} are told, the rest is left out"));
        }
        Some(responders)
    }

    /// The usable entries of a list of users, or None when there is no list. One user alone is a list.
    pub(super) fn users(&mut self, name: &str) -> Option<Vec<String>> {
        self.list_of_users(name, each_entry)
    }

    fn list_of_users(&mut self, name: &str, each: fn(Value) -> Vec<Value>) -> Option<Vec<String>> {
        let entries = match self.take(name)? {
            Value::Array(entries) => entries,
            Value::String(text) if text.trim_start().starts_with('[') => match serde_json::from_str(&text) {
                Ok(Value::Array(entries)) => {
                    self.problems.add(format!("{name} is a text; read as the list that it holds"));
                    entries
                }
                _ => vec![Value::String(text)],
            },
            lone => {
                self.problems.add(format!("{name} is no list; read as a list of one"));
                vec![lone]
            }
        };
        let entries: Vec<Value> = entries.into_iter().flat_map(each).collect();
        let mut users = Vec::with_capacity(entries.len().min(MAX_USERS));
        for (at, entry) in entries.into_iter().enumerate() {
            if users.len() == MAX_USERS {
                self.problems.add(format!("{name} names more than {MAX_USERS} users; the rest is left out"));
                break;
            }
            match user(entry) {
                Ok((user, repair)) => {
                    if let Some(repair) = repair {
                        self.problems.add(format!("{name}[{at}] {repair}"));
                    }
                    users.push(user);
                }
                Err(must) => self.problems.add(format!("{name}[{at}] {must}; left out")),
            }
        }
        Some(users)
    }
}

/// Whether a name differs from another one by case, underscores and hyphens only.
fn is_spelling_of(key: &str, name: &str) -> bool {
    let letters = |text: &str| -> Vec<u8> {
        text.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' ')).map(|byte| byte.to_ascii_lowercase()).collect()
    };
    // Most keys are of another length, and need not be compared.
    key.len().abs_diff(name.len()) <= name.len() && letters(key) == letters(name)
}

/// A text, or what stands for one: a number's digits, a boolean's name, the only entry of a list.
pub(super) fn scalar(value: Value) -> Option<(String, Option<&'static str>)> {
    match value {
        Value::String(text) => {
            let inner = trimmed(&text);
            let repair = (inner.len() < text.len()).then_some("has blanks or NULs around it; read without them");
            Some((clean(inner.to_owned()), repair)).filter(|(text, _)| !text.is_empty())
        }
        Value::Number(number) => Some((digits(&number), None)),
        Value::Bool(flag) => Some((flag.to_string(), Some("is a boolean; read as its name"))),
        Value::Array(mut entries) if entries.len() == 1 => match entries.pop()? {
            Value::Array(_) => None,
            entry => scalar(entry).map(|(text, _)| (text, Some("is a list of one; read as its entry"))),
        },
        Value::Array(_) | Value::Object(_) | Value::Null => None,
    }
}

/// Some languages write every whole number with a fraction.
fn digits(number: &Number) -> String {
    /// Whole numbers below this are exact in floating point: 2⁵³.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT) {
        Some(float) => format!("{float:.0}"),
        None => number.to_string(),
    }
}

/// An id that is too long for an index is cut, and told from others by a digest.
pub(super) fn shortened(id: String) -> (String, Option<&'static str>) {
    if id.chars().nth(MAX_ID_CHARS).is_none() {
        return (id, None);
    }
    let kept: String = id.chars().take(KEPT_ID_CHARS).collect();
    (format!("{kept}~{}", digest(&[&id])), Some("has more than 255 characters; shortened to its beginning and a digest"))
}

fn id(value: Value) -> Read<String> {
    let (text, repair) = scalar(value).ok_or("must be a string of 1 to 255 characters")?;
    let (text, cut) = shortened(text);
    Ok((text, cut.or(repair)))
}

fn text(value: Value, cut: Cut) -> Read<String> {
    match value {
        Value::String(text) => Ok((clean(cut.apply(text.trim_end_matches('\0').to_owned())), None)),
        Value::Null => Err("must be a string"),
        other => Ok((clean(cut.apply(other.to_string())), Some("is no string; read as the text of its JSON"))),
    }
}

fn named<T>(value: &Value, must: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    let name = value.as_str().map(|text| trimmed(text).to_ascii_uppercase());
    name.and_then(|name| parse(&name)).map(|named| (named, None)).ok_or(must)
}

/// RFC 3339; also a local time, which is taken for UTC, and seconds or milliseconds since 1970.
pub(super) fn time(value: &Value) -> Read<Timestamp> {
    const MUST: &str = "must be an RFC 3339 time between 1970 and 9999, such as 2026-11-20T08:00:00Z";
    const EPOCH: &str = "is a number; read as seconds or milliseconds since 1970";
    match value {
        Value::String(text) => {
            let text = trimmed(text);
            if let Ok(time) = Timestamp::parse_rfc3339(text) {
                return Ok((time, None));
            }
            if let Some(time) = text.parse().ok().and_then(since_1970) {
                return Ok((time, Some(EPOCH)));
            }
            let local = text.parse::<jiff::civil::DateTime>().ok().filter(|_| text.contains(':'));
            let utc = local.and_then(|local| local.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok());
            let time = utc.and_then(|utc| Timestamp::parse_rfc3339(&utc.timestamp().to_string()).ok());
            time.map(|time| (time, Some("has no offset; taken for UTC"))).ok_or(MUST)
        }
        Value::Number(number) => number.as_f64().and_then(since_1970).map(|time| (time, Some(EPOCH))).ok_or(MUST),
        _ => Err(MUST),
    }
}

/// A time as a number. Seconds reach beyond the year 5000 before they could be taken for milliseconds, which pass that figure in
/// March 1973.
fn since_1970(number: f64) -> Option<Timestamp> {
    const FIRST_MS: f64 = 1e11;
    const LAST_MS: f64 = 253_402_300_799_000.0;
    let ms = if number.abs() < FIRST_MS { number * 1000.0 } else { number };
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within the years that a timestamp has")]
    (0.0..=LAST_MS).contains(&ms).then(|| Timestamp::from_millis(ms as i64))
}

/// The users of a list's entry that is a list itself, or a text too long for a name that has several in it. (A shorter one may be
/// somebody's name: see [`crate::ids::other_readings`].)
fn each_entry(entry: Value) -> Vec<Value> {
    match entry {
        Value::Array(entries) if !entries.is_empty() => entries,
        Value::String(text) if text.len() > MAX_ID_CHARS && text.contains([',', ';']) => {
            text.split([',', ';']).filter(|part| !trimmed(part).is_empty()).map(Value::from).collect()
        }
        Value::String(text) if text.len() > MAX_ID_CHARS => text.split_whitespace().map(Value::from).collect(),
        entry => vec![entry],
    }
}

/// As [`each_entry`]. What begins with a group is nobody's name, so that several in one text are told apart at once.
fn each_responder(entry: Value) -> Vec<Value> {
    let apart = |entry: Value| match entry {
        Value::String(text) if text.split([',', ';']).any(|part| Group::parse(part).is_some()) => {
            text.split([',', ';']).filter(|part| !trimmed(part).is_empty()).map(Value::from).collect()
        }
        entry => vec![entry],
    };
    each_entry(entry).into_iter().flat_map(apart).collect()
}

/// A user as the event writes it, by number or by name.
fn user(value: Value) -> Read<String> {
    const MUST: &str = "must name a user by a whole number or a string of 1 to 255 bytes";
    let (name, repair) = match value {
        Value::Bool(_) | Value::Array(_) => None,
        Value::Object(mut members) => {
            let named = USER_MEMBERS.iter().find_map(|name| members.remove(*name).filter(|value| value.is_string() || value.is_number()));
            named.and_then(scalar).map(|(name, _)| (name, Some("is an object; read as the user that it names")))
        }
        other => scalar(other),
    }
    .ok_or(MUST)?;
    if UserRef::parse(&name).is_some() { Ok((name, repair)) } else { Err(MUST) }
}

fn url(value: &Value) -> Read<String> {
    const MUST: &str = "must be an http:// or https:// address of at most 2048 bytes";
    let url = value.as_str().map(trimmed).ok_or(MUST)?;
    if is_web_address(url) {
        return Ok((url.to_owned(), None));
    }
    let encoded = percent_encoded(url).ok_or(MUST)?;
    if is_web_address(&encoded) { Ok((encoded, Some("has characters that no address has; percent-encoded"))) } else { Err(MUST) }
}

/// What no address has anywhere.
fn is_foreign_in_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\')
}

fn is_web_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        && url.len() <= MAX_URL_BYTES
        && rest.starts_with(|c: char| c.is_alphanumeric() || c == '[')
        && !url.contains(is_foreign_in_url)
}

/// The address with what no address has encoded, behind the host; there nothing can be.
fn percent_encoded(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let mut encoded = format!("{scheme}://{}", &rest[..host]);
    for c in rest[host..].chars() {
        if is_foreign_in_url(c) {
            encoded.extend(utf8_percent_encode(c.encode_utf8(&mut [0; 4]), NON_ALPHANUMERIC));
        } else {
            encoded.push(c);
        }
    }
    Some(encoded)
}
