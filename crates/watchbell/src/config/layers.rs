//! The settings of all layers in one tree, and where each of them came from.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

/// The way to a setting: `["http", "listen"]`.
pub type Path = Vec<String>;

pub fn dotted(path: &[String]) -> String {
    path.join(".")
}

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File { name: String, line: usize },
    Variable(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// The built-in defaults, and what was laid over them.
#[derive(Clone, Debug)]
pub struct Layers {
    pub values: Table,
    defaults: Table,
    origins: BTreeMap<Path, Origin>,
}

impl Layers {
    pub fn new(defaults: Table) -> Self {
        Self { values: defaults.clone(), defaults, origins: BTreeMap::new() }
    }

    /// Lays a configuration file over what is there.
    ///
    /// # Errors
    /// The text is no TOML: every mistake, with its line.
    pub fn add_file(&mut self, name: &str, text: &str) -> Result<(), Vec<(usize, String)>> {
        let (spans, errors) = DeTable::parse_recoverable(text);
        let line = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
        let told = |error: &toml::de::Error| {
            // What is neither a number nor anything else is mostly a text without its quotes.
            let hint = if error.message().starts_with("invalid ") { " (a text stands in quotes)" } else { "" };
            (error.span().map_or(1, |span| line(span.start)), format!("this is not TOML: {}{hint}", error.message()))
        };
        let mut mistakes: Vec<_> = errors.iter().map(told).collect();
        mistakes.sort();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let values: Table = text.parse().map_err(|error: toml::de::Error| vec![(1, error.message().to_owned())])?;
        merge(&mut self.values, values);
        note_lines(spans.get_ref(), &mut vec![], &mut |path, at| {
            self.origins.insert(path, Origin::File { name: name.to_owned(), line: line(at) });
        });
        Ok(())
    }

    /// Lays one setting over what is there. A value cannot be set inside something that is no section; who made it one is wrong
    /// already.
    pub fn set(&mut self, path: &[String], value: Value, origin: Origin) {
        if let Some((last, parents)) = path.split_last()
            && let Some(table) = table_at(&mut self.values, parents)
        {
            table.insert(last.clone(), value);
            self.origins.insert(path.to_vec(), origin);
        }
    }

    /// Replaces a value by another reading of it.
    pub fn reread(&mut self, path: &[String], value: Value) {
        if let Some((last, parents)) = path.split_last()
            && let Some(table) = table_at(&mut self.values, parents)
        {
            table.insert(last.clone(), value);
        }
    }

    pub fn remove(&mut self, path: &[String]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        table_at(&mut self.values, parents)?.remove(last)
    }

    /// Puts the default back in the place of a wrong value, or takes it out where there is none.
    pub fn reset(&mut self, path: &[String]) {
        match value_at(&self.defaults, path).cloned() {
            Some(default) => self.reread(path, default),
            None => drop(self.remove(path)),
        }
    }

    pub fn get(&self, path: &[String]) -> Option<&Value> {
        value_at(&self.values, path)
    }

    pub fn default_of(&self, path: &[String]) -> Option<&Value> {
        value_at(&self.defaults, path)
    }

    /// Where a list was given and the defaults have a section. Serde would fill the section's fields from it, in their order.
    pub fn lists_for_sections(&self) -> Vec<Path> {
        fn find(values: &Table, defaults: &Table, at: &mut Path, found: &mut Vec<Path>) {
            for (key, value) in values {
                let Some(Value::Table(default)) = defaults.get(key) else { continue };
                at.push(key.clone());
                match value {
                    Value::Array(_) => found.push(at.clone()),
                    Value::Table(inner) => find(inner, default, at, found),
                    _ => {}
                }
                at.pop();
            }
        }
        let mut found = vec![];
        find(&self.values, &self.defaults, &mut vec![], &mut found);
        found
    }

    /// What was given for a setting; None for sections and for what nobody gave.
    pub fn given(&self, path: &[String]) -> Option<&Value> {
        self.get(path).filter(|value| !value.is_table())
    }

    /// Where exactly this setting was given.
    pub fn origin(&self, path: &[String]) -> Option<&Origin> {
        self.origins.get(path)
    }

    /// The place to look at for a setting: its own, else that of something in it, else the nearest section's around it.
    pub fn place(&self, path: &[String]) -> String {
        let around = || (1..path.len()).rev().find_map(|length| self.origins.get(&path[..length]));
        let inside = || self.origins.iter().find(|(inner, _)| inner.starts_with(path)).map(|(_, origin)| origin);
        let nearest = self.origins.get(path).or_else(inside).or_else(around);
        nearest.map_or_else(|| "built-in defaults".to_owned(), ToString::to_string)
    }
}

pub fn value_at<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() { Some(value) } else { value_at(value.as_table()?, rest) }
}

/// The section at `path`, made where it is absent; None where something else stands there.
fn table_at<'a>(table: &'a mut Table, path: &[String]) -> Option<&'a mut Table> {
    match path.split_first() {
        None => Some(table),
        Some((first, rest)) => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?;
            table_at(inner, rest)
        }
    }
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

fn note_lines(table: &DeTable<'_>, path: &mut Path, note: &mut impl FnMut(Path, usize)) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        note(path.clone(), key.span().start);
        if let DeValue::Table(inner) = value.get_ref() {
            note_lines(inner, path, note);
        }
        path.pop();
    }
}
