//! Resources as ilert writes them. What a resource does not have is left out: null breaks the schema.

use serde_json::{Value, json};
use watchbell_core::contact::{Contact, ContactKind, shown};
use watchbell_core::user::{Profile, User};

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

/// A user with the email address and the phone number that stand for them.
pub(super) fn user(user: &User, contacts: &[Contact]) -> Value {
    let mut body = json!({
        "id": user.id.0,
        "username": user.username,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "timezone": user.timezone,
        "language": user.locale,
        "role": role(&user.profile),
    });
    let Profile { role: _, position, department, region, shift_color, avatar: _ } = &user.profile;
    let email = shown(contacts, ContactKind::Email).map(|email| &email.target);
    let optional = [
        ("position", position.as_ref()),
        ("department", department.as_ref()),
        ("region", region.as_ref()),
        ("shiftColor", shift_color.as_ref()),
        ("email", email),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body[name] = value.as_str().into();
        }
    }
    if let Some(phone) = shown(contacts, ContactKind::Phone) {
        body["phone"] = json!({ "regionCode": phone.region.as_deref().unwrap_or_default(), "number": phone.target });
    }
    body
}

/// `USER` unless told, as ilert has it.
pub(super) fn role(profile: &Profile) -> &str {
    profile.role.as_deref().unwrap_or("USER")
}
