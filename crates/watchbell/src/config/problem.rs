//! What is wrong with the configuration, in a form that says where and what would be right.

use std::fmt;

use super::layers::{Layers, dotted};
use super::masking;

/// One wrong, unknown or missing setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `FILE:LINE` or a variable's name.
    pub place: String,
    /// The setting, dotted.
    pub key: String,
    /// What was given; never a secret's.
    pub value: Option<String>,
    /// What is wrong with it, or what would be right.
    pub sentence: String,
}

/// `watchbell.toml:3: http.listen = "8080": must be …`, always one line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.key)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        let separator = if self.key.is_empty() { "" } else { ": " };
        write!(f, "{separator}{}", self.sentence.replace('\n', " "))
    }
}

/// A configuration that cannot be used: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(problems))]
pub struct Invalid {
    pub problems: Vec<Problem>,
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What was found so far, by setting; places and values are looked up when all is known.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<(Vec<String>, String)>,
    /// Those that are not about a setting's value.
    pub(super) problems: Vec<Problem>,
}

impl Findings {
    /// The part of the settings whose keys lie under `path`.
    pub fn section<'a>(&'a mut self, path: &[&str]) -> Section<'a> {
        Section { findings: self, prefix: path.iter().map(ToString::to_string).collect() }
    }

    pub(super) fn push(&mut self, path: Vec<String>, sentence: String) {
        // One sentence a setting is enough: what follows from a wrong value is noise.
        if !self.has(&path) {
            self.found.push((path, sentence));
        }
    }

    /// Whether something at or under `path` is wrong already.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.found.iter().any(|(found, _)| found.starts_with(path))
    }

    /// Everything found, with places and values from the layers.
    pub(super) fn into_problems(self, layers: &Layers) -> Vec<Problem> {
        let of = |(path, sentence): (Vec<String>, String)| Problem {
            place: layers.place(&path),
            value: layers.given(&path).map(|value| masking::shown(&path, value)),
            key: dotted(&path),
            sentence,
        };
        self.problems.into_iter().chain(self.found.into_iter().map(of)).collect()
    }
}

/// Where a section's `validate` says what is wrong.
#[derive(Debug)]
pub struct Section<'a> {
    findings: &'a mut Findings,
    prefix: Vec<String>,
}

impl Section<'_> {
    /// Notes that `key` must be something else unless `right`. The sentence follows `key = value: `.
    pub fn check(&mut self, right: bool, key: &str, sentence: impl Into<String>) {
        if !right {
            self.wrong(key, sentence);
        }
    }

    pub fn wrong(&mut self, key: &str, sentence: impl Into<String>) {
        let mut path = self.prefix.clone();
        path.extend(key.split('.').filter(|part| !part.is_empty()).map(str::to_owned));
        self.findings.push(path, sentence.into());
    }

    /// A section inside this one.
    pub fn inner(&mut self, key: &str) -> Section<'_> {
        let mut prefix = self.prefix.clone();
        prefix.push(key.to_owned());
        Section { findings: self.findings, prefix }
    }
}

/// The known name that `name` is probably a slip of.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().map(|known| (distance(name, known), known)).filter(|(far, known)| *far <= 1 + known.len() / 4).min().map(|(_, k)| k)
}

/// How many letters must be changed, added or taken away to get from one word to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in to.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(letter != *other)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["listen", "public_url", "body_limit_bytes", "url"];
        assert_eq!(closest("listne", known), Some("listen"));
        assert_eq!(closest("publicurl", known), Some("public_url"));
        assert_eq!(closest("ulr", known), None);
        assert_eq!(closest("urls", known), Some("url"));
        assert_eq!(closest("colour", known), None);
    }
}
