//! Places: where something stands in an answer or in a request to us.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::HeaderName;
use regex::Regex;
use serde_json::Value;

/// Larger than any definition needs; a pattern that compiles to more is refused.
const LARGEST_REGEX: usize = 256 * 1024;

/// What places are looked for in.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// Of an answer.
    pub status: Option<u16>,
    pub headers: &'s HeaderMap,
    /// Decoded, in order.
    pub query: &'s [(String, String)],
    pub body: &'s [u8],
    /// What pointers point into: the body as data, or one event of it.
    pub data: &'s Value,
}

/// Where something stands.
#[derive(Clone, Debug)]
pub enum Place {
    Pointer(Pointer),
    Header(HeaderName),
    Query(String),
    Body(Regex),
    Status,
}

impl Place {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "status" {
            return Ok(Self::Status);
        }
        if text.is_empty() || text.starts_with('/') {
            return Pointer::parse(text).map(Self::Pointer);
        }
        if let Some(pattern) = text.strip_prefix("body:") {
            return regex(pattern).map(Self::Body);
        }
        match text.split_once('.') {
            Some(("header", name)) => {
                let name = HeaderName::try_from(name).map_err(|_| format!("names no header: `{name}`"))?;
                Ok(Self::Header(name))
            }
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            _ => Err("is no place; one is /a/b/0 in the body, header.NAME, query.NAME, body:REGULAR EXPRESSION, or status".to_owned()),
        }
    }

    /// All that stands there, as texts; nothing of what is empty or null. Of an object or a list only that it is there.
    pub fn all<'s>(&self, source: &Source<'s>) -> Vec<Cow<'s, str>> {
        let some = |text: Option<Cow<'s, str>>| text.filter(|text| !text.is_empty()).into_iter().collect();
        match self {
            Self::Pointer(pointer) => pointer.all(source.data).into_iter().filter_map(text).collect(),
            Self::Header(name) => some(source.headers.get(name).and_then(|value| value.to_str().ok()).map(Cow::from)),
            Self::Query(name) => some(source.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str().into())),
            Self::Body(regex) => {
                let body = String::from_utf8_lossy(source.body);
                let found =
                    regex.captures(&body).and_then(|found| found.get(1).or_else(|| found.get(0)).map(|part| part.as_str().to_owned()));
                some(found.map(Cow::from))
            }
            Self::Status => some(source.status.map(|status| status.to_string().into())),
        }
    }

    /// The first text that stands there.
    pub fn first(&self, source: &Source<'_>) -> Option<String> {
        self.all(source).into_iter().next().map(Cow::into_owned)
    }
}

/// A regular expression that is not too large.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(LARGEST_REGEX).build();
    built.map_err(|error| {
        let text = error.to_string();
        format!("is no regular expression: {}", text.lines().last().unwrap_or_default().trim_start_matches("error: "))
    })
}

/// A value as a text; None where it is as good as absent.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.into()),
        Value::Bool(true) => Some("true".into()),
        Value::Bool(false) => Some("false".into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Array(list) if list.is_empty() => None,
        Value::Array(_) => Some("a list".into()),
        Value::Object(_) => Some("an object".into()),
    }
}

/// A JSON pointer (RFC 6901) with one thing more: a segment `*` is each member of a list or an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Each,
    Key(String),
}

impl Pointer {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let rest = text.strip_prefix('/').ok_or("is no JSON pointer; it must begin with /, as /errors/0/code")?;
        let segment = |text: &str| {
            let is_escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            match text {
                _ if !is_escaped => Err("is no JSON pointer; ~ is written ~0, and / within a name ~1".to_owned()),
                "*" => Ok(Segment::Each),
                "" => Err("is no JSON pointer that finds anything: it has an empty segment".to_owned()),
                key => Ok(Segment::Key(key.replace("~1", "/").replace("~0", "~"))),
            }
        };
        rest.split('/').map(segment).collect::<Result<_, _>>().map(Self)
    }

    pub fn all<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        let mut found = vec![value];
        for segment in &self.0 {
            found = found.into_iter().flat_map(|value| segment.of(value)).collect();
        }
        found
    }

    /// Whether it may find several.
    pub fn is_many(&self) -> bool {
        self.0.contains(&Segment::Each)
    }

    /// What it finds; None where there is not even an empty list to find it in.
    pub fn members<'v>(&self, value: &'v Value) -> Option<Vec<&'v Value>> {
        let (_, parents) = self.0.split_last()?;
        let lists = Self(parents.to_vec());
        lists.all(value).iter().any(|value| value.is_array()).then(|| self.all(value))
    }
}

impl Segment {
    fn of<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match (self, value) {
            (Self::Each, Value::Array(list)) => list.iter().collect(),
            (Self::Each, Value::Object(members)) => members.values().collect(),
            (Self::Key(key), Value::Object(members)) => members.get(key).into_iter().collect(),
            (Self::Key(key), Value::Array(list)) => key.parse::<usize>().ok().and_then(|at| list.get(at)).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_can_be_found() {
        let data = json!({
            "errors": [{"code": 7, "to": "x"}, {"code": "a"}, {"code": null}, {"code": ""}],
            "a/b": {"~": true}, "empty": [], "deep": {"x": {"n": 1}, "y": {"n": 2.5}},
        });
        let mut headers = HeaderMap::new();
        headers.insert("x-message-id", HeaderValue::from_static("M1"));
        let query = [("delivery".to_owned(), "D1".to_owned()), ("e".to_owned(), String::new())];
        let source =
            Source { status: Some(422), headers: &headers, query: &query, body: b"<Code>Throttling</Code><Code>2</Code>", data: &data };
        let table: &[(&str, &[&str])] = &[
            ("/errors/*/code", &["7", "a"]),
            ("/errors/0/code", &["7"]),
            ("/errors/9/code", &[]),
            ("/errors", &["a list"]),
            ("/errors/0", &["an object"]),
            ("/a~1b/~0", &["true"]),
            ("/empty", &[]),
            ("/deep/*/n", &["1", "2.5"]),
            ("", &["an object"]),
            ("header.X-Message-Id", &["M1"]),
            ("header.x-other", &[]),
            ("query.delivery", &["D1"]),
            ("query.e", &[]),
            (r"body:<Code>(\w+)</Code>", &["Throttling"]),
            ("body:<Code>", &["<Code>"]),
            ("body:nothing", &[]),
            ("status", &["422"]),
        ];
        for (place, expected) in table {
            assert_eq!(Place::parse(place).unwrap().all(&source), *expected, "{place}");
        }
    }

    #[test]
    fn what_is_no_place_says_what_one_is() {
        let table = [
            ("errors/0", "is no place; one is /a/b/0 in the body, header.NAME, query.NAME, body:REGULAR EXPRESSION, or status"),
            ("/a//b", "is no JSON pointer that finds anything: it has an empty segment"),
            ("/a~b", "is no JSON pointer; ~ is written ~0, and / within a name ~1"),
            ("header.a b", "names no header: `a b`"),
            ("query.", "is no place; one is /a/b/0 in the body, header.NAME, query.NAME, body:REGULAR EXPRESSION, or status"),
            ("body:(", "is no regular expression: unclosed group"),
            ("body:(a{1000}){1000}", "is no regular expression: Compiled regex exceeds size limit of 262144 bytes."),
        ];
        for (text, expected) in table {
            assert_eq!(Place::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
