//! What a transition changed, field by field, as the audit log keeps it.

use serde::Serialize;
use serde_json::{Map, Value};

/// Fields of one entry at most; the rest is counted. A user has some dozen of them, only switches may be many.
const MOST_FIELDS: usize = 50;

/// The longest value that is shown, in bytes; a longer one is shown as having changed.
const MOST_BYTES: usize = 1_024;

/// Changed fields with what they were and what they are. Texts that say who somebody is, or where they can be reached, are
/// given masked, so that the log can be read by people who may not see those.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    fields: Map<String, Value>,
    more: usize,
}

impl Changes {
    /// A field that is shown as it is. Nothing is noted where it did not change.
    pub fn field<T: PartialEq + Serialize>(self, name: &str, before: Option<&T>, after: Option<&T>) -> Self {
        self.shown(name, before, after, |value| serde_json::to_value(value).unwrap_or_default())
    }

    /// A text that is shown as its first letter.
    pub fn masked(self, name: &str, before: Option<&str>, after: Option<&str>) -> Self {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let shown = |text: &String| Value::String(text.chars().take(usize::from(text.chars().nth(1).is_some())).chain(['…']).collect());
        self.shown(name, given(before).as_ref(), given(after).as_ref(), shown)
    }

    /// A field that `show` makes presentable. What changed is decided by the values themselves.
    pub fn shown<T: PartialEq>(mut self, name: &str, before: Option<&T>, after: Option<&T>, show: impl Fn(&T) -> Value) -> Self {
        if before == after {
            return self;
        }
        if self.fields.len() == MOST_FIELDS {
            self.more += 1;
            return self;
        }
        let sides = [("before", before), ("after", after)];
        let sides = sides.into_iter().filter_map(|(side, value)| Some((side.to_owned(), bounded(show(value?)))));
        self.fields.insert(name.to_owned(), Value::Object(sides.filter(|(_, value)| !value.is_null()).collect()));
        self
    }

    /// The entry's detail; None where no field changed.
    pub fn into_detail(mut self) -> Option<Map<String, Value>> {
        if self.more > 0 {
            self.fields.insert("more".to_owned(), self.more.into());
        }
        Some(self.fields).filter(|fields| !fields.is_empty())
    }
}

fn bounded(value: Value) -> Value {
    if value.to_string().len() > MOST_BYTES { Value::String("…".to_owned()) } else { value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_changed_is_noted_and_who_it_is_about_is_masked() {
        let changes = Changes::default()
            .field("timezone", Some(&"UTC"), Some(&"Europe/Berlin"))
            .field("locale", Some(&"en"), Some(&"en"))
            .field("quietHours", None, Some(&json!({ "from": "22:00" })))
            .field("position", Some(&3), None)
            // Masked values that look alike were different all the same.
            .masked("firstName", Some("Anna"), Some("Anne"))
            .masked("lastName", Some(""), Some("Ö"))
            .masked("username", Some("anna"), Some("anna"));
        let expected = json!({
            "timezone": { "before": "UTC", "after": "Europe/Berlin" },
            "quietHours": { "after": { "from": "22:00" } },
            "position": { "before": 3 },
            "firstName": { "before": "A…", "after": "A…" },
            "lastName": { "after": "…" },
        });
        assert_eq!(changes.into_detail().map(Value::Object), Some(expected));
        assert_eq!(Changes::default().field("a", Some(&1), Some(&1)).into_detail(), None);
    }

    #[test]
    fn an_entry_is_bounded() {
        let long = "x".repeat(MOST_BYTES);
        let mut changes = Changes::default().field("long", None, Some(&long));
        for number in 0..1_000 {
            changes = changes.field(&format!("f{number}"), None, Some(&true));
        }
        let detail = changes.into_detail().unwrap_or_default();
        assert_eq!(detail["long"], json!({ "after": "…" }));
        assert_eq!((detail.len(), &detail["more"]), (MOST_FIELDS + 1, &json!(951)));
    }
}
