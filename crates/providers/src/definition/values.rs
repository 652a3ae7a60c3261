//! What a provider's table gives for the settings that its definition declares.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};
use watchbell_core::Secret;
use watchbell_core::setting::{SettingError, Wrong};

use super::format::SettingType;
use crate::settings;

/// A setting that a definition declares.
#[derive(Debug)]
pub struct Declared {
    pub kind: SettingType,
    pub default: Option<Value>,
    pub optional: bool,
    /// Needed for these channels alone; for all where it is empty.
    pub channels: Vec<watchbell_core::Channel>,
    pub pattern: Option<Regex>,
    pub doc: String,
}

/// The settings' values. None of them is shown: which are secret, only the definition knows.
#[derive(Clone)]
pub struct Values {
    values: BTreeMap<String, Value>,
    /// The same, as templates see them; what was not given is none.
    pub for_templates: minijinja::Value,
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Values(…)")
    }
}

impl Values {
    /// Reads a table without what every provider's has.
    ///
    /// # Errors
    /// A key that is not declared, is missing, or has a value that cannot be used.
    pub fn read(
        mut table: Map<String, Value>,
        declared: &BTreeMap<String, Declared>,
        one_of: &[Vec<String>],
    ) -> Result<Self, SettingError> {
        if let Some(name) = table.keys().find(|key| !declared.contains_key(*key)) {
            let wrong = Wrong::Unknown { name: name.clone(), known: declared.keys().cloned().collect() };
            return Err(SettingError { key: name.clone(), value: None, wrong });
        }
        let mut values = BTreeMap::new();
        for (key, declared) in declared {
            // An empty text is how a variable is given without meaning it.
            let given = table.remove(key).filter(|value| value.as_str() != Some(""));
            match given.or_else(|| declared.default.clone()) {
                Some(value) => {
                    declared.check(key, &value)?;
                    values.insert(key.clone(), value);
                }
                None if declared.optional || !declared.channels.is_empty() => {}
                None => return Err(SettingError { key: key.clone(), value: None, wrong: Wrong::Missing(key.clone()) }),
            }
        }
        for group in one_of {
            if let (Some(first), false) = (group.first(), group.iter().any(|key| values.contains_key(key))) {
                let others = group[1..].join(" or ");
                return Err(SettingError::new(first, None, format!("or {others} must be given")));
            }
        }
        let none = declared.keys().map(|key| (key.clone(), minijinja::Value::from(())));
        let given = values.iter().map(|(key, value)| (key.clone(), minijinja::Value::from(minijinja::value::Serde(value))));
        let for_templates = minijinja::Value::from(none.chain(given).collect::<BTreeMap<_, _>>());
        Ok(Self { values, for_templates })
    }

    /// What a template sees of settings that are as they should be, to try templates with.
    pub fn sample(declared: &BTreeMap<String, Declared>, with_optional: bool) -> Self {
        let sample = |declared: &Declared| match (&declared.default, declared.kind) {
            (Some(value), _) => value.clone(),
            (None, SettingType::Text | SettingType::Secret) => Value::from("sample"),
            (None, SettingType::Url) => Value::from("https://service.example"),
            (None, SettingType::Integer) => Value::from(1),
            (None, SettingType::Boolean) => Value::from(true),
        };
        let is_given = |declared: &Declared| with_optional || !declared.optional;
        let values: BTreeMap<_, _> = declared.iter().filter(|(_, d)| is_given(d)).map(|(key, d)| (key.clone(), sample(d))).collect();
        let all: BTreeMap<_, _> =
            declared.keys().map(|key| (key.clone(), minijinja::Value::from(minijinja::value::Serde(values.get(key))))).collect();
        let for_templates = minijinja::Value::from(all);
        Self { values, for_templates }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.text(key).map(Secret::new)
    }

    pub fn is_given(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
}

impl Declared {
    pub fn check(&self, key: &str, value: &Value) -> Result<(), SettingError> {
        let expected =
            |expected: &str| SettingError { key: key.to_owned(), value: None, wrong: Wrong::Type { expected: expected.to_owned() } };
        match (self.kind, value) {
            (SettingType::Text, Value::String(text)) => self.check_text(key, text, Some(text.clone())),
            (SettingType::Secret, Value::String(text)) => {
                settings::token(key, text).or_else(|error| if text.contains("-----BEGIN") { Ok(()) } else { Err(error) })?;
                self.check_text(key, text, None)
            }
            (SettingType::Url, Value::String(text)) => settings::base_url(key, text).map(drop),
            (SettingType::Text | SettingType::Secret | SettingType::Url, _) => Err(expected("a string")),
            (SettingType::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
            (SettingType::Integer, _) => Err(expected("i64")),
            (SettingType::Boolean, Value::Bool(_)) => Ok(()),
            (SettingType::Boolean, _) => Err(expected("a boolean")),
        }
    }

    fn check_text(&self, key: &str, text: &str, shown: Option<String>) -> Result<(), SettingError> {
        let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) else { return Ok(()) };
        let sentence = format!("must match {}: {}", pattern.as_str(), self.doc.to_lowercase());
        Err(SettingError::new(key, shown, sentence))
    }
}
