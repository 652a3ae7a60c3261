//! A regular expression of a rule.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// A regular expression that the whole of a text has to match, as Alertmanager's matchers do. Matching takes time that is linear in
/// the text, whatever the expression.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Bytes of an expression.
    pub const MOST_BYTES: usize = 256;

    /// Bytes that one may take in memory: a rule stays there as long as its user is.
    const MOST_MEMORY: usize = 32 * 1024;

    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.len() > Self::MOST_BYTES {
            return Err(BadPattern::Long);
        }
        // By itself first, so that no expression gets out of the group that it is put into.
        let build = |text: &str| RegexBuilder::new(text).size_limit(Self::MOST_MEMORY).build();
        let regex = build(text).and_then(|_| build(&format!("^(?:{text})$"))).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => BadPattern::Large,
            _ => BadPattern::Syntax,
        })?;
        Ok(Self { text: text.to_owned(), regex })
    }

    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("it must have at most {} bytes", Pattern::MOST_BYTES)]
    Long,
    #[error("it stands for too much: large repetitions must be smaller")]
    Large,
    #[error("it must be a regular expression such as db-[0-9]+, without look-around and back-references; the whole value has to match it")]
    Syntax,
}

impl TryFrom<String> for Pattern {
    type Error = BadPattern;

    fn try_from(text: String) -> Result<Self, BadPattern> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn a_pattern_matches_the_whole_of_a_text() {
        let table = [
            ("db-[0-9]+", "db-12", true),
            ("db-[0-9]+", "old-db-12", false),
            ("db|web", "web", true),
            ("db|web", "webserver", false),
            (".*", "", true),
            ("grün.", "grüne", true),
            // Nobody gets out of the group.
            ("(?i)DB", "db", true),
        ];
        for (pattern, text, matches) in table {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn bad_patterns_are_told_apart() {
        let table = [
            ("(".to_owned(), BadPattern::Syntax),
            ("a)(b".to_owned(), BadPattern::Syntax),
            ("(?=x)".to_owned(), BadPattern::Syntax),
            (r"(a)\1".to_owned(), BadPattern::Syntax),
            ("a".repeat(257), BadPattern::Long),
            (r"\w{1000}".to_owned(), BadPattern::Large),
            ("((a{100}){100}){100}".to_owned(), BadPattern::Large),
        ];
        for (pattern, wrong) in table {
            assert_eq!(Pattern::parse(&pattern).unwrap_err(), wrong, "{pattern}");
        }
    }

    #[test]
    fn what_would_explode_elsewhere_is_linear() {
        let pattern = Pattern::parse("(a+)+b").unwrap();
        assert!(!pattern.matches(&"a".repeat(100_000)));
    }
}
