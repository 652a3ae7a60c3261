//! Conditions: what must stand at a place for a rule to apply. Texts and numbers are compared as texts, as services write codes
//! as either.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use regex::Regex;
use serde_json::Value;

use super::place::{Place, Source, regex};

/// A place, and what must stand there.
#[derive(Debug)]
pub struct Condition {
    place: Place,
    test: Test,
}

#[derive(Debug)]
enum Test {
    /// One of the texts there is one of these.
    Any(Values),
    /// There are some, and each is one of these.
    Every(Values),
    /// None of the texts there is one of these.
    Not(Values),
    Matches(Regex),
    Exists(bool),
}

impl Condition {
    /// Reads what stands at a key of `where`.
    pub fn parse(place: &str, given: &Value) -> Result<Self, String> {
        let place = Place::parse(place)?;
        let Value::Object(given) = given else { return Ok(Self { place, test: Test::Any(Values::parse(given)?) }) };
        let test = match given.iter().next().filter(|_| given.len() == 1) {
            Some((key, value)) if key == "every" => Test::Every(Values::parse(value)?),
            Some((key, value)) if key == "not" => Test::Not(Values::parse(value)?),
            Some((key, Value::String(pattern))) if key == "matches" => Test::Matches(regex(pattern)?),
            Some((key, Value::Bool(there))) if key == "exists" => Test::Exists(*there),
            _ => {
                return Err("must be a value, a list of values, or one of { matches = \"…\" }, { exists = true }, { every = […] }, \
                            { not = […] }"
                    .to_owned());
            }
        };
        Ok(Self { place, test })
    }

    pub fn holds(&self, source: &Source<'_>) -> bool {
        let found = self.place.all(source);
        match &self.test {
            Test::Any(values) => found.iter().any(|text| values.contain(text)),
            Test::Every(values) => !found.is_empty() && found.iter().all(|text| values.contain(text)),
            Test::Not(values) => !found.iter().any(|text| values.contain(text)),
            Test::Matches(regex) => found.iter().any(|text| regex.is_match(text)),
            Test::Exists(there) => found.is_empty() != *there,
        }
    }
}

/// Texts, and ranges of whole numbers.
#[derive(Debug, Default)]
pub struct Values {
    texts: Vec<String>,
    ranges: Vec<RangeInclusive<u64>>,
}

impl Values {
    /// From one value or a list of them: `7`, `"a"`, `true`, `"200-299"`, or `"4xx"` for a hundred.
    pub fn parse(given: &Value) -> Result<Self, String> {
        let mut read = Self::default();
        match given {
            Value::Array(list) if list.is_empty() => return Err("is empty, so it would never hold".to_owned()),
            Value::Array(list) => list.iter().try_for_each(|value| read.add(value))?,
            value => read.add(value)?,
        }
        Ok(read)
    }

    pub fn add(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) => match range(text) {
                Some(range) if range.is_empty() => return Err(format!("has the range `{text}`, which is empty")),
                Some(range) => self.ranges.push(range),
                None => self.texts.push(text.clone()),
            },
            Value::Number(number) => self.texts.push(number.to_string()),
            Value::Bool(value) => self.texts.push(value.to_string()),
            _ => return Err("must be numbers, texts, true or false".to_owned()),
        }
        Ok(())
    }

    pub fn contain(&self, text: &str) -> bool {
        let number = || text.parse::<u64>().ok();
        self.texts.iter().any(|known| known == text)
            || (!self.ranges.is_empty() && number().is_some_and(|number| self.ranges.iter().any(|range| range.contains(&number))))
    }
}

/// `200-299`, or `2xx` for the same.
fn range(text: &str) -> Option<RangeInclusive<u64>> {
    if let Some(hundreds) = text.strip_suffix("xx") {
        let hundreds: u64 = hundreds.parse().ok().filter(|_| hundreds.len() == 1)?;
        return Some(hundreds * 100..=hundreds * 100 + 99);
    }
    let (from, to) = text.split_once('-')?;
    let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    Some(number(from)?..=number(to)?)
}

/// All conditions of a rule; wrong ones are told with their key.
pub fn parse_all(given: &BTreeMap<String, Value>, mut wrong: impl FnMut(&str, String)) -> Vec<Condition> {
    let parse = |(place, value): (&String, &Value)| Condition::parse(place, value).map_err(|error| wrong(place, error)).ok();
    given.iter().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use http::HeaderMap;
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_as_they_say() {
        let data = json!({"parts": [{"status": "0"}, {"status": 5}], "code": 30005, "text": "STOP all", "flag": false, "none": null});
        let headers = HeaderMap::new();
        let source = Source { status: Some(404), headers: &headers, query: &[], body: b"", data: &data };
        let table = [
            ("/code", json!(30005), true),
            ("/code", json!("30005"), true),
            ("/code", json!([1, "30000-30010"]), true),
            ("/code", json!(["30006-30010"]), false),
            ("/parts/*/status", json!(0), true),
            ("/parts/*/status", json!({"every": [0]}), false),
            ("/parts/*/status", json!({"every": [0, 5]}), true),
            ("/nothing/*/status", json!({"every": [0]}), false),
            ("/parts/*/status", json!({"not": [5]}), false),
            ("/parts/*/status", json!({"not": 6}), true),
            ("/text", json!({"matches": "^STOP"}), true),
            ("/text", json!({"matches": "^OP"}), false),
            ("/flag", json!(false), true),
            ("/none", json!({"exists": false}), true),
            ("/text", json!({"exists": true}), true),
            ("status", json!("4xx"), true),
            ("status", json!([500, "5xx"]), false),
        ];
        for (place, given, expected) in table {
            assert_eq!(Condition::parse(place, &given).unwrap().holds(&source), expected, "{place} {given}");
        }
    }

    #[test]
    fn what_is_no_condition_says_what_one_is() {
        for (given, part) in [
            (json!({"like": "x"}), "must be a value, a list"),
            (json!({"exists": "yes"}), "must be a value, a list"),
            (json!({"matches": "("}), "is no regular expression"),
            (json!([]), "never hold"),
            (json!(["9-1"]), "range `9-1`, which is empty"),
            (json!([null]), "must be numbers"),
        ] {
            let error = Condition::parse("/a", &given).unwrap_err();
            assert!(error.contains(part), "{given}: {error}");
        }
    }
}
