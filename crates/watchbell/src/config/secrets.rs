//! Secrets that stand in files of their own.

use toml::{Table, Value};

use super::layers::{Layers, Path, dotted};
use super::masking::is_secret;
use super::problem::Findings;

/// Whether a setting may be given as `…_file`: secrets, and URLs that can hold a password.
fn may_be_in_file(path: &[String]) -> bool {
    is_secret(path) || path == ["database", "url"] || path == ["nats", "url"]
}

/// Puts the content of the file that `x_file` names in the place of `x`, everywhere.
pub fn read_files(layers: &mut Layers, findings: &mut Findings) {
    let mut named = vec![];
    collect(&layers.values, &mut vec![], &mut named);
    for (path, file_path) in named {
        let Some(Value::String(file)) = layers.remove(&file_path) else {
            findings.push(file_path, "must be a text: the name of the file that holds the secret".to_owned());
            continue;
        };
        // An empty name is how a variable is given without meaning it.
        if file.is_empty() {
            continue;
        }
        let Some(origin) = layers.origin(&file_path).cloned() else { continue };
        let given = layers.get(&path).is_some_and(|value| value.as_str() != Some(""));
        if let Some(other) = layers.origin(&path).filter(|_| given) {
            let sentence = format!("given here, and {} at {other} as well; keep one of them", dotted(&path));
            layers.reread(&file_path, Value::String(file));
            findings.push(file_path.clone(), sentence);
            continue;
        }
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
                layers.set(&path, Value::String(text.to_owned()), origin);
            }
            Err(error) => {
                layers.reread(&file_path, Value::String(file));
                findings.push(file_path, format!("cannot be read ({error}); it must be the name of a readable file that holds the secret"));
            }
        }
    }
}

/// Every `x_file` of a secret `x`, as (path of `x`, path of `x_file`).
fn collect(table: &Table, at: &mut Path, named: &mut Vec<(Path, Path)>) {
    for (key, value) in table {
        at.push(key.clone());
        if let Value::Table(inner) = value {
            collect(inner, at, named);
        } else if let Some(secret) = key.strip_suffix("_file") {
            let mut path = at.clone();
            path.pop();
            path.push(secret.to_owned());
            if may_be_in_file(&path) {
                named.push((path, at.clone()));
            }
        }
        at.pop();
    }
}
