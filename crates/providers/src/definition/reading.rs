//! Reading a definition file: what is wrong with it, and in which line.

use std::collections::BTreeMap;
use std::fmt;

use toml::de::{DeTable, DeValue};
use watchbell_core::setting::{self, Wrong};

use super::format::File;

/// One thing that is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub line: usize,
    /// Dotted, with places in lists: `answer[2].code`. Empty where the file is no TOML.
    pub key: String,
    /// What was written there, if it is short.
    pub value: Option<String>,
    /// What is wrong with it, and what would be right.
    pub sentence: String,
}

/// `12: send.sms.url = "{{ base }}": names …`
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.line)?;
        if !self.key.is_empty() {
            f.write_str(&self.key)?;
            if let Some(value) = &self.value {
                write!(f, " = {value}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.sentence)
    }
}

/// What was found so far, with what is needed to say where.
#[derive(Debug, Default)]
pub struct Mistakes {
    /// Each key's line and value.
    written: BTreeMap<String, (usize, Option<String>)>,
    found: Vec<Mistake>,
}

impl Mistakes {
    pub fn add(&mut self, key: &str, sentence: impl Into<String>) {
        // What is not in the file itself is told of what it belongs to.
        let mut place = key;
        let (line, value) = loop {
            match self.written.get(place) {
                Some((line, value)) => break (*line, value.clone().filter(|_| place == key)),
                None => match place.rfind(['.', '[']) {
                    Some(end) => place = &place[..end],
                    None => break (1, None),
                },
            }
        };
        self.found.push(Mistake { line, key: key.to_owned(), value, sentence: sentence.into() });
    }

    /// # Errors
    /// Something was wrong: all of it, in order of the lines.
    pub fn none(mut self) -> Result<(), Vec<Mistake>> {
        self.found.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}

/// Reads a file's text into the format's types.
///
/// # Errors
/// It is no TOML: every mistake. Or it has not the format's shape: the first one.
pub fn read(text: &str) -> Result<(File, Mistakes), Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let line = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
    if !errors.is_empty() {
        let told = |error: &toml::de::Error| Mistake {
            line: error.span().map_or(1, |span| line(span.start)),
            key: String::new(),
            value: None,
            sentence: format!("this is not TOML: {}", error.message()),
        };
        return Err(errors.iter().map(told).collect());
    }
    let mut mistakes = Mistakes::default();
    note(table.get_ref(), "", &line, &mut mistakes.written);
    let values: toml::Table = match text.parse() {
        Ok(values) => values,
        Err(error) => {
            mistakes.add("", format!("this is not TOML: {error}"));
            return Err(mistakes.found);
        }
    };
    let read = serde_json::to_value(values).map_err(|error| error.to_string()).map(setting::read::<File>);
    match read {
        Ok(Ok(file)) => Ok((file, mistakes)),
        Ok(Err(misread)) => {
            let (key, sentence) = match misread.wrong {
                Wrong::Missing(name) if misread.place == "." => (name, "is missing".to_owned()),
                Wrong::Missing(name) => (format!("{}.{name}", misread.place), "is missing".to_owned()),
                wrong => (misread.place, wrong.to_string()),
            };
            mistakes.add(&key, sentence);
            Err(mistakes.found)
        }
        Err(error) => {
            mistakes.add("", error);
            Err(mistakes.found)
        }
    }
}

type Written = BTreeMap<String, (usize, Option<String>)>;

fn note(table: &DeTable<'_>, at: &str, line: &dyn Fn(usize) -> usize, written: &mut Written) {
    for (key, value) in table {
        let place = if at.is_empty() { key.get_ref().to_string() } else { format!("{at}.{}", key.get_ref()) };
        note_value(value.get_ref(), line(key.span().start), &place, line, written);
    }
}

fn note_value(value: &DeValue<'_>, at: usize, place: &str, line: &dyn Fn(usize) -> usize, written: &mut Written) {
    /// So much of a value is enough to recognise it.
    const LONGEST: usize = 80;
    let shown = match value {
        DeValue::String(text) => Some(format!("{text:?}")),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    };
    written.insert(place.to_owned(), (at, shown.filter(|text| text.chars().count() <= LONGEST)));
    match value {
        DeValue::Table(table) => note(table, place, line, written),
        DeValue::Array(list) => {
            for (number, value) in list.iter().enumerate() {
                note_value(value.get_ref(), line(value.span().start), &format!("{place}[{number}]"), line, written);
            }
        }
        _ => {}
    }
}
