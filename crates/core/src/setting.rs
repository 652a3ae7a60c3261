//! Reading settings, and what is wrong with one that cannot be used.
//!
//! The configuration and the providers read their tables by [`read`]. Its deserializer keeps as data what serde says in English,
//! so that an error can be told in the words of whoever shows it.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use serde_path_to_error::Segment;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct SettingError {
    /// The key within the table that was read, dotted; of a list's value with its place, as `servers[1]`.
    pub key: String,
    /// What was written there; never a secret's.
    pub value: Option<String>,
    pub wrong: Wrong,
}

impl SettingError {
    /// What a check says of a value: `sentence` names what would be right.
    pub fn new(key: &str, value: impl Into<Option<String>>, sentence: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.into(), wrong: Wrong::Refused(sentence.into()) }
    }

    fn sentence(&self) -> String {
        match &self.value {
            Some(value) => format!("`{}` = `{value}`: {}", self.key, self.wrong),
            None => format!("`{}`: {}", self.key, self.wrong),
        }
    }
}

/// The value is left out, and so is what a type's own reader says of it: it may be a secret.
impl From<Misread> for SettingError {
    fn from(misread: Misread) -> Self {
        let (key, wrong) = match misread.wrong {
            Wrong::Missing(name) => (name.clone(), Wrong::Missing(name)),
            Wrong::Unknown { name, known } => (name.clone(), Wrong::Unknown { name, known }),
            Wrong::Type { expected } => (misread.place, Wrong::Type { expected }),
            Wrong::Refused(_) => (misread.place, Wrong::Refused("has not the form that it must have".to_owned())),
        };
        Self { key, value: None, wrong }
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It has no default and was not given.
    #[error("is missing")]
    Missing(String),
    /// Nothing has this name.
    #[error("no such key; {}", listed(known))]
    Unknown { name: String, known: Vec<String> },
    /// The value is of another type, or none of those that there are.
    #[error("must be {expected}")]
    Type {
        /// In serde's words: `u16`, `a string`, `` one of `a`, `b` ``.
        expected: String,
    },
    /// A check refused it, in this sentence.
    #[error("{0}")]
    Refused(String),
}

impl serde::de::Error for Wrong {
    fn custom<T: std::fmt::Display>(sentence: T) -> Self {
        Self::Refused(sentence.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type { expected: expected.to_string() }
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Type { expected: expected.to_string() }
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::Type { expected: listed(&owned(known)) }
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { name: name.to_owned(), known: owned(known) }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name.to_owned())
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Names as serde lists them.
fn listed(names: &[String]) -> String {
    match names {
        [] => "there are none".to_owned(),
        [one] => format!("`{one}`"),
        [one, other] => format!("`{one}` or `{other}`"),
        many => format!("one of {}", many.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// Where and why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// The keys that lead to what is wrong. What is missing is not in it, but what it is missing from.
    pub path: Vec<String>,
    /// The same in one text, with places in lists: `servers[1]`. A dot for the table as a whole.
    pub place: String,
    /// Whether it is one of a list's values that is wrong; the path is the list's.
    pub in_list: bool,
    pub wrong: Wrong,
}

/// Reads settings.
///
/// # Errors
/// The first thing that is wrong.
pub fn read<T: DeserializeOwned>(values: Value) -> Result<T, Misread> {
    serde_path_to_error::deserialize(Given(values)).map_err(|error| {
        let key = |segment: &Segment| if let Segment::Map { key } = segment { Some(key.clone()) } else { None };
        let path: Vec<String> = error.path().iter().map_while(key).collect();
        let in_list = matches!(error.path().iter().nth(path.len()), Some(Segment::Seq { .. }));
        Misread { path, place: error.path().to_string(), in_list, wrong: error.into_inner() }
    })
}

/// A value as it was given.
struct Given(Value);

impl<'de> Deserializer<'de> for Given {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(whole), ..) => visitor.visit_u64(whole),
                (_, Some(negative), _) => visitor.visit_i64(negative),
                (.., number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter().map(Given))),
            Value::Object(table) => visitor.visit_map(MapDeserializer::new(table.into_iter().map(|(key, value)| (key, Given(value))))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    /// One of several words, or a table with one of them as its only key.
    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, known: &'static [&'static str], visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(StringDeserializer::new(text)),
            Value::Object(table) if table.len() == 1 => {
                let entries = table.into_iter().map(|(key, value)| (key, Given(value)));
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(entries)))
            }
            _ => Err(Wrong::Type { expected: listed(&owned(known)) }),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Wrong> for Given {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Lamp {
        name: String,
        #[serde(default)]
        colour: Option<Colour>,
        #[serde(default)]
        hours: Vec<u8>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Green,
    }

    #[test]
    fn what_is_wrong_is_data_and_where_it_is_as_well() {
        let lamp = Lamp { name: "hall".to_owned(), colour: Some(Colour::Green), hours: vec![7, 22] };
        assert_eq!(read(json!({"name": "hall", "colour": "green", "hours": [7, 22]})), Ok(lamp));
        let table = [
            (json!({}), ".", Wrong::Missing("name".to_owned())),
            (json!({"nam": 1}), "nam", Wrong::Unknown { name: "nam".to_owned(), known: owned(&["name", "colour", "hours"]) }),
            (json!({"name": 7}), "name", Wrong::Type { expected: "a string".to_owned() }),
            (json!({"name": "a", "colour": "blue"}), "colour", Wrong::Type { expected: "`red` or `green`".to_owned() }),
            (json!({"name": "a", "colour": 1}), "colour", Wrong::Type { expected: "`red` or `green`".to_owned() }),
            (json!({"name": "a", "hours": [1, -1]}), "hours[1]", Wrong::Type { expected: "u8".to_owned() }),
        ];
        for (given, place, wrong) in table {
            let misread = read::<Lamp>(given.clone()).err();
            assert_eq!(misread.as_ref().map(|misread| (misread.place.as_str(), &misread.wrong)), Some((place, &wrong)), "{given}");
            assert_eq!(misread.is_some_and(|misread| misread.in_list), place.contains('['), "{given}");
        }
    }
}
