//! Which settings must not be shown, and secrets that stand in files of their own.

use toml::{Table, Value};

use super::layers::{Layers, Path};
use super::problem::Findings;

/// How the names of secret settings end. Rather one too many: all that a name here costs is that its value is not shown.
const ENDINGS: &[&str] = &["password", "secret", "token", "key", "creds", "service_account", "auth"];

/// Whether a setting's value is for nobody's eyes.
pub fn is_secret(path: &[String]) -> bool {
    path.last().is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// Whether a setting may be given as `…_file`: secrets, and URLs that can hold a password.
fn may_be_in_file(path: &[String]) -> bool {
    is_secret(path) || path == ["database", "url"] || path == ["nats", "url"]
}

/// A value as an error may show it: in one line, shortened, without secrets.
pub fn shown(path: &[String], value: &Value) -> String {
    /// So much of a value is enough to recognise it.
    const LONGEST: usize = 80;
    if is_secret(path) {
        return "(secret)".to_owned();
    }
    let text = match value {
        Value::String(text) => format!("{:?}", without_userinfo(text)),
        other => other.to_string().replace('\n', " "),
    };
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
}

/// `nats://user:password@host` as `nats://…@host`, in each part of a list.
fn without_userinfo(text: &str) -> String {
    let part = |part: &str| match part.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, host)) => format!("{scheme}://…@{host}"),
        None => part.to_owned(),
    };
    text.split(',').map(part).collect::<Vec<_>>().join(",")
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
            let sentence = format!("given here, and {} at {other} as well; keep one of them", super::layers::dotted(&path));
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
