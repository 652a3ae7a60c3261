//! The fields of a rule, each checked on its own; what is wrong is told of all of them at once.

use serde_json::{Map, Value};

use super::{duration, error};
use crate::problem::Problem;

/// The longest text that is read as a number.
const LONGEST_NUMBER: usize = 1000;

/// A body's members, taken one by one, and what was wrong with them.
#[derive(Debug)]
pub(super) struct Fields {
    members: Map<String, Value>,
    errors: Map<String, Value>,
}

impl Fields {
    pub fn new(members: Map<String, Value>) -> Self {
        Self { members, errors: Map::new() }
    }

    fn wrong<T>(&mut self, name: &str, wrong: impl Into<String>) -> Option<T> {
        self.errors.insert(name.to_owned(), vec![wrong.into()].into());
        None
    }

    fn null<T>(&mut self, name: &str) -> Option<T> {
        self.wrong(name, "This field may not be null.")
    }

    /// Whom a rule is for: any value that there is, if it is not blank.
    pub fn user(&mut self, name: &str) -> Option<Value> {
        match self.members.remove(name) {
            None => self.wrong(name, "This field is required."),
            Some(Value::Null) => self.null(name),
            Some(Value::String(text)) if text.trim().is_empty() => self.wrong(name, "This field may not be blank."),
            given => given,
        }
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.members.remove(name)? {
            Value::Null => self.null(name),
            Value::String(text) if text.trim().is_empty() => self.wrong(name, "This field may not be blank."),
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => self.wrong(name, "Not a valid string."),
        }
    }

    /// A whole number, written as one or with a fraction of zeros, as a number or as a text. What is beyond 64 bits becomes
    /// the nearest that is not, which no field takes.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let read = match self.members.remove(name)? {
            Value::Null => return self.null(name),
            Value::String(text) if text.chars().count() > LONGEST_NUMBER => return self.wrong(name, "String value too large."),
            Value::String(text) => whole(&text),
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(rounded)),
            _ => None,
        };
        read.map_or_else(|| self.wrong(name, "A valid integer is required."), Some)
    }

    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        let read = match self.members.remove(name)? {
            Value::Null => return self.null(name),
            Value::Bool(value) => Some(value),
            Value::Number(number) => [(0.0, false), (1.0, true)].into_iter().find(|(n, _)| number.as_f64() == Some(*n)).map(|(_, b)| b),
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "t" | "y" | "yes" | "true" | "on" | "1" => Some(true),
                "f" | "n" | "no" | "false" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.map_or_else(|| self.wrong(name, "Must be a valid boolean."), Some)
    }

    /// Seconds of a wait.
    ///
    /// # Errors
    /// What is no duration at all is told at once, before anything else.
    pub fn duration(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(value) = self.members.remove(name) else { return Ok(None) };
        let text = duration::text(&value).ok_or_else(|| Problem::bad_request("Invalid duration format"))?;
        match duration::seconds(&text) {
            Some(seconds) => Ok(Some(seconds)),
            None => Ok(self.wrong(name, format!("\"{text}\" is not a valid choice."))),
        }
    }

    /// # Errors
    /// All that was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(error::fields(self.errors)) }
    }
}

/// Reads a text such as ` 1` or `1.00`.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let text = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().unwrap_or(i64::MAX);
    Some(if is_negative { -number } else { number })
}

#[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest integer")]
fn rounded(number: f64) -> Option<i64> {
    (number.fract() == 0.0).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read<T>(value: &Value, read: impl FnOnce(&mut Fields, &str) -> Option<T>) -> Result<Option<T>, Value> {
        let mut fields = Fields::new(Map::from_iter([("f".to_owned(), value.clone())]));
        let found = read(&mut fields, "f");
        if fields.errors.is_empty() { Ok(found) } else { Err(fields.errors["f"][0].clone()) }
    }

    #[test]
    fn integers() {
        const WRONG: &str = "A valid integer is required.";
        let table = [
            (json!(1), Ok(Some(1))),
            (json!(-1), Ok(Some(-1))),
            (json!(1.0), Ok(Some(1))),
            (json!("1"), Ok(Some(1))),
            (json!(" 1.0 "), Ok(Some(1))),
            (json!("-2"), Ok(Some(-2))),
            (json!("99999999999999999999"), Ok(Some(i64::MAX))),
            (json!(u64::MAX), Ok(Some(i64::MAX))),
            (json!(1e30), Ok(Some(i64::MAX))),
            (json!(1.5), Err(json!(WRONG))),
            (json!("x"), Err(json!(WRONG))),
            (json!(""), Err(json!(WRONG))),
            (json!("-"), Err(json!(WRONG))),
            (json!("1.5"), Err(json!(WRONG))),
            (json!("1e3"), Err(json!(WRONG))),
            (json!(true), Err(json!(WRONG))),
            (json!([]), Err(json!(WRONG))),
            (json!({}), Err(json!(WRONG))),
            (json!("1".repeat(1001)), Err(json!("String value too large."))),
            (json!(null), Err(json!("This field may not be null."))),
        ];
        for (value, expected) in table {
            assert_eq!(read(&value, Fields::integer), expected, "{value}");
        }
    }

    #[test]
    fn booleans() {
        const WRONG: &str = "Must be a valid boolean.";
        let yes = [json!(true), json!(1), json!(1.0), json!("yes"), json!("Y"), json!("TRUE"), json!("on"), json!("1")];
        let no = [json!(false), json!(0), json!(0.0), json!("no"), json!("F"), json!("False"), json!("off"), json!("0")];
        let wrong = [json!("maybe"), json!(""), json!(2), json!(0.5), json!([]), json!({}), json!("null")];
        for (values, expected) in [(&yes[..], Ok(Some(true))), (&no[..], Ok(Some(false))), (&wrong[..], Err(json!(WRONG)))] {
            for value in values {
                assert_eq!(read(value, Fields::boolean), expected, "{value}");
            }
        }
        assert_eq!(read(&json!(null), Fields::boolean), Err(json!("This field may not be null.")));
    }

    #[test]
    fn texts() {
        let table = [
            (json!(" wait "), Ok(Some("wait".to_owned()))),
            (json!(7), Ok(Some("7".to_owned()))),
            (json!(""), Err(json!("This field may not be blank."))),
            (json!("  "), Err(json!("This field may not be blank."))),
            (json!(null), Err(json!("This field may not be null."))),
            (json!(true), Err(json!("Not a valid string."))),
            (json!([]), Err(json!("Not a valid string."))),
        ];
        for (value, expected) in table {
            assert_eq!(read(&value, Fields::text), expected, "{value}");
        }
    }
}
