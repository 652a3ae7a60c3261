//! Resources as Notiflows writes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use watchbell_core::contact::{Contact, ContactKind, shown};
use watchbell_core::event::SubscriptionData;
use watchbell_core::ids::digest;
use watchbell_core::preference::{Category, ChannelType, Switches};
use watchbell_core::user::User;
use watchbell_core::{EventId, UserId};
use watchbell_store::directory::{Subscription, Topic};
use watchbell_store::runs::{RunDelivery, RunNotification};

use super::external_id_of;
use super::told::STATUSES;
use crate::problem::rfc3339;

/// A user with the email address and the phone number that stand for them.
pub(super) fn user(user: &User, contacts: &[Contact]) -> Value {
    json!({
        "id": user.public_id,
        "external_id": external_id_of(user),
        "email": shown(contacts, ContactKind::Email).map(|email| &email.target),
        "phone": shown(contacts, ContactKind::Phone).map(|phone| &phone.target),
        "first_name": given(&user.first_name),
        "last_name": given(&user.last_name),
        "avatar": user.profile.avatar,
        "locale": user.locale,
        "timezone": user.timezone,
        "custom_fields": user.custom_fields,
        "created_at": rfc3339(user.created_at),
        "updated_at": rfc3339(user.updated_at),
    })
}

pub(super) fn topic(topic: &Topic) -> Value {
    json!({ "id": topic.name, "name": topic.name, "created_at": rfc3339(topic.created_at) })
}

/// `user` is the subscriber's `U…` id. The subscription's own is made of what it connects.
pub(super) fn subscription(subscription: &Subscription, user: &str) -> Value {
    json!({
        "id": format!("sub_{}", digest(&[&subscription.topic, user])),
        "topic_name": subscription.topic,
        "user_id": user,
        "created_at": rfc3339(subscription.created_at),
    })
}

/// What a delivery or a notification speaks of.
pub(super) struct About<'a> {
    /// Written users.
    pub recipient: &'a Value,
    pub actor: Option<&'a Value>,
    /// None where it was deleted.
    pub category: Option<&'a Category>,
}

impl About<'_> {
    fn write(&self, data: &SubscriptionData) -> Value {
        let handle = data.category.as_deref().unwrap_or_default();
        json!({
            "notiflow_id": self.category.map_or(handle, |category| &category.id),
            "notiflow_handle": handle,
            "recipient": self.recipient,
            "actor": self.actor,
            "topic": data.topic,
        })
    }
}

pub(super) fn delivery(delivery: &RunDelivery, about: &About<'_>) -> Value {
    let mut body = about.write(&delivery.data);
    body["id"] = delivery.id.as_str().into();
    body["notification_id"] = notification_id(&delivery.event_id, delivery.user_id).into();
    body["channel_type"] = ChannelType::of(delivery.channel, delivery.device).map(ChannelType::as_str).into();
    body["channel_id"] = delivery.provider.as_deref().into();
    let status = STATUSES.iter().find(|(_, states)| states.contains(&delivery.state));
    body["status"] = status.map(|(name, _)| *name).into();
    body["data"] = told(&delivery.data);
    let times = [
        ("sent_at", delivery.sent_at),
        ("seen_at", delivery.seen_at),
        ("read_at", delivery.read_at),
        // Nothing here tells of a click.
        ("clicked_at", None),
        ("archived_at", delivery.dismissed_at),
        ("created_at", Some(delivery.created_at)),
        ("updated_at", Some(delivery.updated_at)),
    ];
    for (name, time) in times {
        body[name] = time.map_or(Value::Null, rfc3339);
    }
    body
}

pub(super) fn notification(notification: &RunNotification, about: &About<'_>) -> Value {
    let mut body = about.write(&notification.data);
    body["id"] = notification_id(&notification.event_id, notification.user_id).into();
    body["notiflow_run_id"] = notification.event_id.as_str().into();
    body["status"] = if notification.is_unreachable { "failed" } else { "processed" }.into();
    let given = notification.data.run.as_ref().and_then(|run| serde_json::from_str(&run.data).ok());
    body["data"] = given.unwrap_or_else(|| told(&notification.data));
    body["processed_at"] = rfc3339(notification.created_at);
    body["created_at"] = rfc3339(notification.created_at);
    body["updated_at"] = rfc3339(notification.updated_at);
    body
}

fn notification_id(event: &EventId, user: UserId) -> String {
    format!("{event}-{user}")
}

/// What the user is told, whatever a channel makes of it.
fn told(data: &SubscriptionData) -> Value {
    json!({ "title": data.title, "body": data.message, "url": data.url })
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
