//! `WATCHBELL_SECTION__KEY` variables as the topmost layer.

use std::ffi::OsString;

use toml::{Table, Value};

use super::layers::{Layers, Origin, Path};
use super::problem::{Findings, Problem};

const PREFIX: &str = "WATCHBELL_";

/// Variables that are no settings: they belong to the command line, to `make run` and to the tests.
const NO_SETTINGS: &[&str] = &["WATCHBELL_CONFIG", "WATCHBELL_URL", "WATCHBELL_KEY", "WATCHBELL_RUN_BIN"];
const TESTS: &str = "WATCHBELL_TEST_";

/// Lays every variable that names a setting over the layers. Values stay texts here: what a text means is known only when the
/// setting's type is ([`super::read`]).
pub fn apply(layers: &mut Layers, variables: impl IntoIterator<Item = (OsString, OsString)>, findings: &mut Findings) {
    let mut named: Vec<_> = variables.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
    named.retain(|(name, _)| name.starts_with(PREFIX) && !NO_SETTINGS.contains(&name.as_str()) && !name.starts_with(TESTS));
    named.sort();
    for (name, value) in named {
        let mut wrong = |sentence: &str| {
            let problem = Problem { place: name.clone(), key: String::new(), value: None, sentence: sentence.to_owned() };
            findings.problems.push(problem);
        };
        let Some(path) = path_of(&name, &layers.values) else {
            wrong("not the name of a setting; WATCHBELL_KEY and WATCHBELL_SECTION__KEY are, with two underscores between the parts");
            continue;
        };
        match value.into_string() {
            Ok(text) => layers.set(&path, Value::String(text), Origin::Variable(name)),
            Err(_) => wrong("the value is not UTF-8"),
        }
    }
}

/// The setting that a variable names; where one is known by that name in another spelling (`My-Twilio`), that one.
fn path_of(name: &str, known: &Table) -> Option<Path> {
    let mut path = vec![];
    let mut here = Some(known);
    for part in name.strip_prefix(PREFIX)?.split("__") {
        if part.is_empty() {
            return None;
        }
        let same = |key: &&String| key.replace('-', "_").eq_ignore_ascii_case(part);
        let key = here.and_then(|table| table.keys().find(same)).cloned().unwrap_or_else(|| part.to_ascii_lowercase());
        here = here.and_then(|table| table.get(&key)).and_then(Value::as_table);
        path.push(key);
    }
    Some(path)
}

/// The variable that sets a setting.
pub fn name_of(path: &[String]) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_ascii_uppercase().replace('-', "_")).collect();
    format!("{PREFIX}{}", parts.join("__"))
}

/// What the text of a variable may mean where no text is wanted: a TOML value, or a list with commas.
pub fn readings(text: &str) -> Vec<Value> {
    let toml_value = |text: &str| format!("value = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let texts = parts().map(|part| Value::String(part.to_owned())).collect();
    let values = parts().map(|part| toml_value(part).unwrap_or_else(|| Value::String(part.to_owned()))).collect();
    toml_value(text.trim()).into_iter().chain([Value::Array(texts), Value::Array(values)]).collect()
}
