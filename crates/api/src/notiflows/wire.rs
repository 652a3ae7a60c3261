//! Resources as Notiflows writes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use watchbell_core::contact::{Contact, ContactKind, shown};
use watchbell_core::preference::{Category, ChannelType, Switches};
use watchbell_core::user::User;

use crate::problem::rfc3339;

/// A user with the email address and the phone number that stand for them. Who has no external id, having
/// been made elsewhere, is named by the `U…` id.
pub(super) fn user(user: &User, contacts: &[Contact]) -> Value {
    json!({
        "id": user.public_id,
        "external_id": user.external_id.as_deref().unwrap_or(&user.public_id),
        "email": shown(contacts, ContactKind::Email).map(|email| &email.target),
        "phone": shown(contacts, ContactKind::Phone).map(|phone| &phone.target),
        "first_name": given(&user.first_name),
        "last_name": given(&user.last_name),
        "avatar": null,
        "locale": user.locale,
        "timezone": user.timezone,
        "custom_fields": user.custom_fields,
        "created_at": rfc3339(user.created_at),
        "updated_at": rfc3339(user.updated_at),
    })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Every switch there is, whether it was ever set or not.
pub(super) fn preferences(categories: &[Category], switches: &Switches) -> Value {
    let notiflow = |category: &Category| {
        let set = switches.notiflows.get(&category.handle);
        let written = json!({
            "name": category.name,
            "enabled": set.and_then(|set| set.enabled).unwrap_or(true),
            "channel_types": channel_types(set.map(|set| &set.channel_types)),
        });
        (category.handle.clone(), written)
    };
    json!({
        "channel_types": channel_types(Some(&switches.channel_types)),
        "notiflows": categories.iter().map(notiflow).collect::<Map<_, _>>(),
    })
}

fn channel_types(set: Option<&BTreeMap<ChannelType, bool>>) -> Map<String, Value> {
    let value = |kind: &ChannelType| set.and_then(|set| set.get(kind)).copied().unwrap_or(true);
    ChannelType::ALL.iter().map(|kind| (kind.as_str().to_owned(), value(kind).into())).collect()
}
