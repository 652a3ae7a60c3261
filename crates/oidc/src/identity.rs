//! Somebody, as their provider knows them.

use serde_json::{Map, Value};

/// What an ID token says of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The provider's id of them.
    pub subject: String,
    /// Only one of which the provider says that it has verified it.
    pub email: Option<String>,
    pub username: Option<String>,
    pub first_name: String,
    pub last_name: String,
    pub locale: Option<String>,
    pub timezone: Option<String>,
    /// What the claim of roles says.
    pub role_values: Vec<String>,
}

/// The values of a claim: a text, or a list of texts. A path with dots leads into objects, such as Keycloak's `realm_access.roles`,
/// unless a claim has that very name.
pub(crate) fn values(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let found = claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    });
    match found {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_of_roles_is_a_text_or_a_list_wherever_it_stands() {
        let claims = json!({
            "groups": ["ops", 7, "all"], "role": "admin", "realm_access": { "roles": ["x"] }, "https://example.org/roles": ["y"], "a.b": "z",
        });
        let claims = claims.as_object().cloned().unwrap_or_default();
        let table: [(&str, &[&str]); 6] = [
            ("groups", &["ops", "all"]),
            ("role", &["admin"]),
            ("realm_access.roles", &["x"]),
            ("https://example.org/roles", &["y"]),
            ("a.b", &["z"]),
            ("realm_access", &[]),
        ];
        for (name, expected) in table {
            assert_eq!(values(&claims, name), expected, "{name}");
        }
    }
}
