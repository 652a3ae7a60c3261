//! Reading JSON that anybody may have written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{Fault, Problem};

/// Parses a body. Beside what is no JSON this refuses what readers understand differently (a key twice) and what no
/// database keeps (NULs). Depth is bounded by serde_json (128).
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(wrong("the body is empty; it must be a JSON object"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("the body is not UTF-8"))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| wrong(format!("the body is not valid JSON: {error}")))
}

/// A body that is not what every body must be.
pub(crate) fn wrong(message: impl Into<Cow<'static, str>>) -> Problem {
    Problem::bad_request(message).because(Fault::Syntax)
}

/// What a value is, for people.
pub(crate) fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        no_nul(text).map(|()| Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            no_nul(&name)?;
            let value = from.next_value_seed(Strict)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
        }
        Ok(Value::Object(members))
    }
}

fn no_nul<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("a text has a NUL")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn plain_json_is_read() {
        let text = r#"{"a":[1,-2,3.5,1e3,true,null,"x\u00e4"],"b":{"c":18446744073709551615}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_dangerous_is_refused() {
        let deep = "[".repeat(100_000);
        let table: [(&[u8], &str); 10] = [
            (b"", "empty"),
            (b"  ", "empty"),
            (b"{", "not valid JSON"),
            (b"{} {}", "not valid JSON"),
            (br#"{"a":1,"a":2}"#, "a key stands twice"),
            (br#"{"a":"\u0000"}"#, "NUL"),
            (br#"{"\u0000":1}"#, "NUL"),
            (br#"{"a":"\ud800"}"#, "not valid JSON"),
            (b"{\"a\":\"\xff\"}", "UTF-8"),
            (deep.as_bytes(), "recursion"),
        ];
        for (bytes, why) in table {
            let message = parse(bytes).unwrap_err().message;
            assert!(message.contains(why), "{message}");
        }
        assert!(parse(br#"{"a":1e999}"#).is_err());
    }
}
