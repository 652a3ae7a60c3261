//! What a service's codes mean: one table for answers and receipts.

use watchbell_core::outcome::{LimitScope, Outcome};

use super::condition::Values;
use super::format;

/// The class of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    Retry,
    BadAddress,
    BadMessage,
    BadRoute,
    ProviderDown,
}

impl Meaning {
    /// As an outcome; of a retry without what the answer says of it.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Retry => Outcome::Retry { after: None, scope: LimitScope::Message },
            Self::BadAddress => Outcome::BadAddress,
            Self::BadMessage => Outcome::BadMessage,
            Self::BadRoute => Outcome::BadRoute,
            Self::ProviderDown => Outcome::ProviderDown,
        }
    }
}

#[derive(Debug)]
pub struct Codes(Vec<(Meaning, Values)>);

impl Codes {
    /// `wrong` is told what is wrong with which list.
    pub fn parse(given: &format::Codes, mut wrong: impl FnMut(&str, String)) -> Self {
        let lists = [
            ("retry", Meaning::Retry, &given.retry),
            ("bad_address", Meaning::BadAddress, &given.bad_address),
            ("bad_message", Meaning::BadMessage, &given.bad_message),
            ("bad_route", Meaning::BadRoute, &given.bad_route),
            ("provider_down", Meaning::ProviderDown, &given.provider_down),
        ];
        let mut read = Self(Vec::new());
        for (key, meaning, list) in lists {
            let mut values = Values::default();
            for code in list {
                // Two meanings of one code: which one counts would be nobody's to see.
                let is_known = match code {
                    serde_json::Value::String(text) => read.meaning(text).is_some(),
                    other => read.meaning(&other.to_string()).is_some(),
                };
                if is_known {
                    wrong(key, format!("has the code {code}, which another list has as well"));
                }
                values.add(code).unwrap_or_else(|error| wrong(key, error));
            }
            read.0.push((meaning, values));
        }
        read
    }

    pub fn meaning(&self, code: &str) -> Option<Meaning> {
        self.0.iter().find(|(_, values)| values.contain(code)).map(|(meaning, _)| *meaning)
    }
}

/// A code as the record of an attempt may keep it: short, without signs that an address or a text has, and no number as long as a
/// phone's.
pub fn recorded(code: &str) -> Option<String> {
    const LONGEST: usize = 64;
    const MOST_DIGITS: usize = 7;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':');
    let digits = code.bytes().filter(u8::is_ascii_digit).count();
    let is_code = (1..=LONGEST).contains(&code.len()) && code.bytes().all(is_plain) && digits <= MOST_DIGITS;
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use serde_json::json;

    use super::*;

    fn codes(given: serde_json::Value) -> format::Codes {
        watchbell_core::setting::read(given).unwrap()
    }

    #[test]
    fn a_code_has_one_meaning() {
        let given = codes(json!({"retry": [1, "Throttling"], "bad_address": ["132000-132099"], "provider_down": [0, "1"]}));
        let mut wrong = Vec::new();
        let read = Codes::parse(&given, |key, error| wrong.push(format!("{key}: {error}")));
        assert_eq!(wrong, ["provider_down: has the code \"1\", which another list has as well"]);
        let table = [("1", Some(Meaning::Retry)), ("Throttling", Some(Meaning::Retry)), ("132012", Some(Meaning::BadAddress)), ("7", None)];
        for (code, meaning) in table {
            assert_eq!(read.meaning(code), meaning, "{code}");
        }
    }

    #[test]
    fn what_could_be_an_address_is_no_code() {
        for code in ["21211", "InvalidParameter", "5.1.1", "131026", "TEXT_INVALID"] {
            assert_eq!(recorded(code).as_deref(), Some(code));
        }
        for text in ["", "+4915112345678", "4915112345678", "a@b.example", "no such user", &"x".repeat(65)] {
            assert_eq!(recorded(text), None, "{text}");
        }
    }
}
