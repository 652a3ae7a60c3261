//! Resources as ilert writes them. What a resource does not have is left out: null breaks the schema.

use serde_json::{Map, Value, json};
use watchbell_core::contact::{Contact, ContactKind};
use watchbell_core::user::User;

pub(super) fn contact(contact: &Contact) -> Value {
    let mut body = json!({ "id": contact.id.0, "target": contact.target, "status": contact.status.as_str() });
    if contact.kind == ContactKind::Phone {
        body["primary"] = contact.primary.into();
        if let Some(region) = &contact.region {
            body["regionCode"] = region.as_str().into();
        }
    }
    body
}

/// A user with their first email address, and their primary phone number or else the first.
pub(super) fn user(user: &User, contacts: &[Contact]) -> Value {
    let mut body = Map::new();
    body.insert("id".to_owned(), user.id.0.into());
    body.insert("username".to_owned(), user.username.as_str().into());
    body.insert("firstName".to_owned(), user.first_name.as_str().into());
    body.insert("lastName".to_owned(), user.last_name.as_str().into());
    body.insert("timezone".to_owned(), user.timezone.as_str().into());
    body.insert("language".to_owned(), user.locale.as_str().into());
    if let Some(email) = contacts.iter().find(|contact| contact.kind == ContactKind::Email) {
        body.insert("email".to_owned(), email.target.as_str().into());
    }
    let mut phones = contacts.iter().filter(|contact| contact.kind == ContactKind::Phone);
    if let Some(phone) = phones.clone().find(|phone| phone.primary).or_else(|| phones.next()) {
        body.insert("phone".to_owned(), json!({ "regionCode": phone.region.as_deref().unwrap_or_default(), "number": phone.target }));
    }
    Value::Object(body)
}
