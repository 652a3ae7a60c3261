//! The `message` that FCM is sent.

use serde_json::{Map, Value, json};
use watchbell_core::Timestamp;

use super::super::apns::ALERT_CATEGORY;
use crate::fit::cut;
use crate::inbound::Action;
use crate::provider::Outgoing;
use crate::thread;

/// The payload, in bytes: FCM's limit, which holds for notification and data together.
const LARGEST_PAYLOAD: usize = 4096;
/// The longest that FCM keeps a message for a device that is off, in seconds: four weeks.
const LONGEST_TTL_S: i64 = 28 * 24 * 60 * 60;
/// What a button is called, in characters.
const LONGEST_LABEL: usize = 40;
/// The name of a thread, in bytes: as much as `apns-collapse-id` takes.
const LONGEST_THREAD: usize = 64;

/// `{"message": …}`. A text that would make it too large is cut.
pub fn body(token: &str, message: &Outgoing) -> Value {
    let subject = cut(&message.content.subject, 200);
    let body = |text: &str| with_texts(token, &subject, text, message);
    body(&message.content.short.fit(|text| body(text).to_string().len() <= LARGEST_PAYLOAD))
}

fn with_texts(token: &str, title: &str, text: &str, message: &Outgoing) -> Value {
    json!({"message": {
        "token": token,
        "notification": {"title": title, "body": text},
        "data": data(message),
        "android": android(message),
        "apns": apns(message),
    }})
}

/// For the app: what it opens, acknowledges and replaces. Values can only be strings.
fn data(message: &Outgoing) -> Value {
    let mut data = Map::new();
    data.insert("deliveryId".to_owned(), json!(message.delivery_id.as_str()));
    data.insert("urgent".to_owned(), json!(message.urgent.to_string()));
    data.insert("critical".to_owned(), json!(message.critical.to_string()));
    if let Some(thread) = &message.thread {
        data.insert("thread".to_owned(), json!(thread::key(thread, LONGEST_THREAD)));
    }
    // An address is of use whole, or not at all.
    if let Some(url) = message.content.url.as_ref().filter(|url| url.len() <= 1_000) {
        data.insert("url".to_owned(), json!(url));
    }
    // The app makes buttons of these, and answers on the page or with its user's key.
    if let Some(offer) = &message.answer {
        let labels = [(Action::Accept, &offer.accept), (Action::Resolve, &offer.resolve), (Action::Decline, &offer.decline)];
        data.extend(labels.map(|(action, label)| (action.as_str().to_owned(), json!(cut(label, LONGEST_LABEL)))));
        data.extend(offer.url.as_ref().map(|url| ("answerUrl".to_owned(), json!(url))));
    }
    Value::Object(data)
}

fn android(message: &Outgoing) -> Value {
    // Not `collapse_key`: a device keeps four of them and drops messages beyond that. A tag replaces what is shown instead.
    let mut notification = json!({
        "default_sound": true,
        "notification_priority": if message.urgent { "PRIORITY_MAX" } else { "PRIORITY_DEFAULT" },
        "channel_id": match (message.critical, message.urgent) { (true, _) => "critical", (_, true) => "urgent", _ => "default" },
    });
    if let Some(thread) = &message.thread {
        notification["tag"] = json!(thread::key(thread, LONGEST_THREAD));
    }
    json!({
        "priority": if message.urgent || message.critical { "HIGH" } else { "NORMAL" },
        "ttl": format!("{}s", ttl_s(message)),
        "notification": notification,
    })
}

fn apns(message: &Outgoing) -> Value {
    let prompt = message.urgent || message.critical;
    let mut headers = json!({
        "apns-priority": if prompt { "10" } else { "5" },
        "apns-expiration": (message.now.as_millis() / 1000 + ttl_s(message)).to_string(),
    });
    let mut aps = json!({
        "sound": "default",
        "interruption-level": match (message.critical, message.urgent) { (true, _) => "critical", (_, true) => "time-sensitive", _ => "active" },
    });
    if message.critical {
        aps["sound"] = json!({"critical": 1, "name": "default", "volume": 1.0});
    }
    if message.answer.is_some() {
        aps["category"] = json!(ALERT_CATEGORY);
    }
    if let Some(thread) = &message.thread {
        aps["thread-id"] = json!(thread::key(thread, LONGEST_THREAD));
        headers["apns-collapse-id"] = json!(thread::key(thread, LONGEST_THREAD));
    }
    json!({"headers": headers, "payload": {"aps": aps}})
}

/// Seconds that the message is of use, from now.
fn ttl_s(message: &Outgoing) -> i64 {
    let until = message.expires_at.unwrap_or(Timestamp::MAX);
    (until.ms_since(message.now) / 1000).clamp(0, LONGEST_TTL_S)
}
