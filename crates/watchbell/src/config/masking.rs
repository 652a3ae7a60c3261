//! What of a setting's value may be shown.

use toml::Value;

/// How the names of secret settings end. Rather one too many: all that a name here costs is that its value is not shown.
const ENDINGS: &[&str] = &["password", "secret", "token", "key", "creds", "service_account", "auth"];

/// Whether a setting's value is for nobody's eyes.
pub fn is_secret(path: &[String]) -> bool {
    // What calls it says that all is well; headers are for keys; and who knows a calendar's address reads it.
    let is_whole = path == ["watchdog", "url"] || path == ["traces", "headers"];
    let is_calendar = matches!(path, [table, _, key] if table == "calendars" && key == "url");
    is_whole || is_calendar || path.last().is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
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
