//! The members of a JSON object, taken out one by one.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::json::describe;
use crate::problem::{Fault, Problem};

/// An object of a request's body. A member that is null counts as absent, unless it is asked for with
/// [`Fields::nullable`].
#[derive(Clone, Debug)]
pub struct Fields {
    /// `contact.` inside of `contact`.
    prefix: String,
    members: Map<String, Value>,
}

/// Whole numbers up to here are exact as a float, so `5.0` is read as 5.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Fields {
    pub fn new(members: Map<String, Value>) -> Self {
        Self { prefix: String::new(), members }
    }

    /// The members of an entry of an array, which messages name by its place.
    pub fn within(place: &str, members: Map<String, Value>) -> Self {
        Self { prefix: format!("{place}."), members }
    }

    /// The name of a field as messages give it.
    pub fn name(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    pub fn invalid(&self, field: &str, wrong: &str, right: &str) -> Problem {
        Problem::invalid(&self.name(field), wrong, right)
    }

    /// The refusal of a value of another type.
    fn mistyped(&self, field: &str, value: &Value, right: &str) -> Problem {
        self.invalid(field, &format!("is {}", describe(value)), right).because(Fault::Type)
    }

    pub fn take(&mut self, field: &str) -> Option<Value> {
        self.members.remove(field).filter(|value| !value.is_null())
    }

    /// The member as it came, which stays.
    pub fn peek(&self, field: &str) -> Option<&Value> {
        self.members.get(field)
    }

    /// Whether the member is there, if only as null; then null becomes absent.
    pub fn is_given(&self, field: &str) -> bool {
        self.members.contains_key(field)
    }

    /// For where null is not as good as absent: such as an offset, which is 0 unless told and should not be so by accident.
    pub fn refuse_null(&self, fields: &[&str]) -> Result<(), Problem> {
        match fields.iter().find(|field| self.members.get(**field).is_some_and(Value::is_null)) {
            None => Ok(()),
            Some(field) => Err(self.invalid(field, "is null", "it must be left out, or have a value").because(Fault::Type)),
        }
    }

    pub fn required<T>(&self, field: &str, value: Option<T>, right: &str) -> Result<T, Problem> {
        value.ok_or_else(|| self.invalid(field, "is missing", right).because(Fault::Missing))
    }

    /// A text of so many characters, without control characters.
    pub fn text(&mut self, field: &str, chars: &RangeInclusive<usize>) -> Result<Option<String>, Problem> {
        let right = || format!("it must be a text of {} to {} characters", chars.start(), chars.end());
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => {
                let count = text.chars().count();
                if !chars.contains(&count) {
                    return Err(self.invalid(field, &format!("has {count} characters"), &right()));
                }
                if text.chars().any(char::is_control) {
                    return Err(self.invalid(field, "has control characters", &right()));
                }
                Ok(Some(text))
            }
            Some(other) => Err(self.mistyped(field, &other, &right())),
        }
    }

    pub fn required_text(&mut self, field: &str, chars: &RangeInclusive<usize>) -> Result<String, Problem> {
        let text = self.text(field, chars)?;
        self.required(field, text, &format!("it must be a text of {} to {} characters", chars.start(), chars.end()))
    }

    pub fn integer(&mut self, field: &str, range: &RangeInclusive<i64>) -> Result<Option<i64>, Problem> {
        let right = || format!("it must be an integer from {} to {}", range.start(), range.end());
        let Some(value) = self.take(field) else { return Ok(None) };
        let Some(number) = whole(&value) else {
            let wrong = if value.is_number() { "is no 64-bit integer".to_owned() } else { format!("is {}", describe(&value)) };
            return Err(self.invalid(field, &wrong, &right()).because(Fault::Type));
        };
        if range.contains(&number) { Ok(Some(number)) } else { Err(self.invalid(field, &format!("is {number}"), &right())) }
    }

    pub fn boolean(&mut self, field: &str) -> Result<Option<bool>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(self.mistyped(field, &other, "it must be true or false")),
        }
    }

    /// One of some names, with what each stands for.
    pub fn choice<T: Copy>(&mut self, field: &str, choices: &[(&str, T)]) -> Result<Option<T>, Problem> {
        let right = || choices_text(choices);
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => match choices.iter().find(|(name, _)| *name == text) {
                Some((_, choice)) => Ok(Some(*choice)),
                None => Err(self.invalid(field, "is unknown", &right())),
            },
            Some(other) => Err(self.mistyped(field, &other, &right())),
        }
    }

    pub fn required_choice<T: Copy>(&mut self, field: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
        let choice = self.choice(field, choices)?;
        self.required(field, choice, &choices_text(choices))
    }

    pub fn object(&mut self, field: &str) -> Result<Option<Self>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self { prefix: format!("{}.", self.name(field)), members })),
            Some(other) => Err(self.mistyped(field, &other, "it must be an object")),
        }
    }

    pub fn array(&mut self, field: &str, most: usize) -> Result<Option<Vec<Value>>, Problem> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Array(items)) if items.len() <= most => Ok(Some(items)),
            Some(Value::Array(items)) => {
                Err(self.invalid(field, &format!("has {} entries", items.len()), &format!("at most {most} are taken at once")))
            }
            Some(other) => Err(self.mistyped(field, &other, "it must be an array")),
        }
    }

    /// What is left.
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    /// The names of what is left.
    pub fn names(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// What is left, as JSON.
    pub fn into_value(self) -> Value {
        Value::Object(self.members)
    }

    /// Refuses members that nobody asked for, where a misspelt name should not pass.
    pub fn finish(self) -> Result<(), Problem> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let shown: String = unknown.chars().take(64).collect();
                Err(self.invalid(&shown, "is no known field", "leave it out, or check how it is written").because(Fault::Unknown))
            }
        }
    }
}

fn choices_text<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    format!("it must be one of {}", names.join(", "))
}

/// A number that is whole, also when it is written as `5.0`.
fn whole(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let float = value.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        Fields::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn integers_are_whole_and_in_range() {
        let table = [
            (json!(5), Ok(Some(5))),
            (json!(5.0), Ok(Some(5))),
            (json!(null), Ok(None)),
            (json!(5.5), Err("n is no 64-bit integer; it must be an integer from 0 to 120")),
            (json!(1e30), Err("n is no 64-bit integer; it must be an integer from 0 to 120")),
            (json!(121), Err("n is 121; it must be an integer from 0 to 120")),
            (json!(-1), Err("n is -1; it must be an integer from 0 to 120")),
            (json!("5"), Err("n is a string; it must be an integer from 0 to 120")),
        ];
        for (value, expected) in table {
            let read = fields(&json!({ "n": value })).integer("n", &(0..=120)).map_err(|problem| problem.message);
            assert_eq!(read.as_ref().map_err(AsRef::as_ref), expected.as_ref().map_err(|text| *text));
        }
    }

    #[test]
    fn inner_fields_are_named_with_their_outer_one() {
        let mut inner = fields(&json!({"contact": {"id": [], "x": 1}})).object("contact").unwrap().unwrap();
        let problem = inner.integer("id", &(1..=9)).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("contact.id"));
        assert_eq!(inner.finish().unwrap_err().field.as_deref(), Some("contact.x"));
    }

    #[test]
    fn texts_have_a_length_and_no_control_characters() {
        assert_eq!(fields(&json!({"t": "äö"})).text("t", &(1..=2)).unwrap().as_deref(), Some("äö"));
        for bad in [json!(""), json!("abc"), json!("a\n"), json!(1), json!({})] {
            assert!(fields(&json!({ "t": bad })).text("t", &(1..=2)).is_err());
        }
        assert!(fields(&json!({})).required_text("t", &(1..=2)).unwrap_err().message.contains("is missing"));
    }
}
