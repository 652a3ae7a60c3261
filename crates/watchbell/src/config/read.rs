//! From the tree of values to typed settings, past every mistake, so that all of them are told at once.
//!
//! A wrong value is noted and replaced by its default, and the tree is read again. A text that came from a variable and is not
//! wanted as a text is first read anew as what it may have meant ([`variables::readings`]); only if that does not help either
//! is it wrong. So an auth token `12345` stays a text and a port `12345` becomes a number.

use serde::de::DeserializeOwned;
use toml::{Table, Value};
use watchbell_core::setting::{self, Wrong};

use super::layers::{Layers, Origin, Path, dotted};
use super::problem::{Findings, closest};
use super::variables;

/// Where and why reading stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub path: Path,
    pub wrong: Wrong,
    /// Whether it is one of a list's values that is wrong; the path is the list's.
    pub in_list: bool,
}

/// Reads the settings; None when something is wrong that no default can stand in for.
pub fn read<T: DeserializeOwned>(layers: &mut Layers, findings: &mut Findings) -> Option<T> {
    /// Nobody reads more problems than that, and a mistake that cannot be stepped over ends here.
    const MOST_PROBLEMS: usize = 200;
    for path in layers.lists_for_sections() {
        findings.push(path.clone(), "must be a section".to_owned());
        layers.reset(&path);
    }
    for _ in 0..MOST_PROBLEMS {
        let stop = match attempt::<T>(&layers.values) {
            Ok(settings) => return Some(settings),
            Err(stop) => stop,
        };
        let Err(stop) = reread(layers, stop, |layers| attempt::<T>(&layers.values).err()) else { continue };
        let sentence = explain(layers, &stop);
        let absent = if let Wrong::Missing(field) = &stop.wrong { Some(field.clone()) } else { None };
        findings.push(stop.path.iter().cloned().chain(absent).collect(), sentence);
        if stop.path.is_empty() {
            return None;
        }
        layers.reset(&stop.path);
        if attempt::<T>(&layers.values).is_err_and(|next| next == stop) {
            return None;
        }
    }
    None
}

fn attempt<T: DeserializeOwned>(values: &Table) -> Result<T, Stop> {
    let stop = |path, wrong, in_list| Stop { path, wrong, in_list };
    let values = serde_json::to_value(values).map_err(|error| stop(vec![], Wrong::Refused(error.to_string()), false))?;
    setting::read(values).map_err(|misread| stop(misread.path, misread.wrong, misread.in_list))
}

/// Reads the text of the variable that stopped the reading as something else. `next_stop` says where reading stops then.
///
/// # Errors
/// No reading gets further; what is wrong with the one that came closest.
pub fn reread(layers: &mut Layers, stop: Stop, next_stop: impl Fn(&Layers) -> Option<Stop>) -> Result<(), Stop> {
    let (Some(Origin::Variable(_)), Some(Value::String(text))) = (layers.origin(&stop.path), layers.get(&stop.path).cloned()) else {
        return Err(stop);
    };
    let mut closest = None;
    // Serde would fill a section's fields from a list in their order; nobody means that.
    let is_section = layers.default_of(&stop.path).is_some_and(Value::is_table);
    for reading in variables::readings(&text).into_iter().filter(|reading| !is_section || reading.is_table()) {
        layers.reread(&stop.path, reading);
        match next_stop(layers) {
            Some(next) if next.path.starts_with(&stop.path) => {
                if next.in_list || next.path.len() > stop.path.len() {
                    closest = Some(next);
                }
            }
            _ => return Ok(()),
        }
    }
    layers.reread(&stop.path, Value::String(text));
    // The variable is the place, also of what is wrong deeper inside its value.
    Err(Stop { path: stop.path.clone(), ..closest.unwrap_or(stop) })
}

/// What is wrong, as a sentence that says what would be right.
fn explain(layers: &Layers, stop: &Stop) -> String {
    let Stop { path, wrong, in_list } = stop;
    let expected = match wrong {
        Wrong::Missing(_) => return "missing; it has no default".to_owned(),
        Wrong::Unknown { name, known } => {
            // Providers are read apart from the rest.
            let apart = (path.len() == 1).then(|| "providers".to_owned());
            return no_such_setting(layers, path, name, &known.iter().cloned().chain(apart).collect::<Vec<_>>());
        }
        // Our own types' words. They may quote the value.
        Wrong::Refused(_) if super::masking::is_secret(path) => return "not a usable value".to_owned(),
        Wrong::Refused(sentence) => return sentence.clone(),
        Wrong::Type { expected } => expected,
    };
    let words = in_words(expected);
    if words == "a section"
        && let (Some(Origin::Variable(_)), Some(Value::Table(section))) = (layers.origin(path), layers.default_of(path))
    {
        let keys: Vec<_> = section.keys().map(|key| variables::name_of(&[path.as_slice(), std::slice::from_ref(key)].concat())).collect();
        return format!("a section; its keys are set by {}", keys.join(", "));
    }
    let listed = words.contains('"') || words == "true or false";
    let example = layers.default_of(path).filter(|value| !listed && !value.is_table() && value.as_str() != Some(""));
    let example = example.map(|value| format!(" such as {value}, the default")).unwrap_or_default();
    let each = if *in_list { "each must be" } else { "must be" };
    format!("{each} {words}{example}").trim_end_matches(',').to_owned()
}

/// Says that the last part of `path` is unknown, and what it may have meant.
pub fn no_such_setting(layers: &Layers, path: &[String], unknown: &str, known: &[String]) -> String {
    let sibling = |name: &str| {
        let mut sibling = path.to_vec();
        sibling.pop();
        sibling.push(name.to_owned());
        match layers.origin(path) {
            Some(Origin::Variable(_)) => variables::name_of(&sibling),
            _ => dotted(&sibling),
        }
    };
    // A variable with one underscore where two belong: WATCHBELL_HTTP_LISTEN.
    let parts = unknown.split_once('_').map(|(section, key)| [section.to_owned(), key.to_owned()]);
    match (parts.filter(|parts| layers.default_of(parts).is_some()), closest(unknown, known.iter().map(String::as_str))) {
        (Some(parts), _) if path.len() == 1 => format!("no such setting; did you mean {}?", variables::name_of(&parts)),
        (_, Some(name)) => format!("no such setting; did you mean {}?", sibling(name)),
        _ if known.is_empty() => "no such setting".to_owned(),
        _ => format!("no such setting; here are {}", known.join(", ")),
    }
}

/// What serde expected, for people who do not write Rust.
pub fn in_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more,".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        "a map" => "a section".to_owned(),
        other if other.starts_with("struct ") => "a section".to_owned(),
        other => other.strip_prefix("a nonzero ").map_or_else(|| other.replace('`', "\""), |_| "a whole number, 1 or more,".to_owned()),
    }
}
