//! What Apple is sent: a few headers, and a payload whose `aps` is the system's.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use watchbell_core::Timestamp;

use crate::fit::cut;
use crate::provider::Outgoing;
use crate::thread;

/// In bytes.
const LARGEST_PAYLOAD: usize = 4096;
/// `apns-collapse-id`, in bytes.
const LONGEST_COLLAPSE_ID: usize = 64;
/// The category that an app registers for messages about an alert that can be answered: its actions are the buttons (an app names them
/// itself), and `answerUrl` is where they are answered.
pub const ALERT_CATEGORY: &str = "WATCHBELL_ALERT";
/// Apple keeps a message for a device that is off for 30 days at most, in seconds.
const LONGEST_LIFE_S: i64 = 30 * 24 * 60 * 60;

pub fn headers(message: &Outgoing) -> Vec<(&'static str, String)> {
    let prompt = message.urgent || message.critical;
    let now_s = message.now.as_millis().div_euclid(1000);
    let until = message.expires_at.unwrap_or(Timestamp::MAX);
    let life_s = (until.ms_since(message.now) / 1000).clamp(0, LONGEST_LIFE_S);
    let mut headers = vec![
        ("apns-push-type", "alert".to_owned()),
        ("apns-priority", if prompt { "10" } else { "5" }.to_owned()),
        ("apns-expiration", (now_s + life_s).to_string()),
        ("apns-id", uuid(message.delivery_id.as_str())),
    ];
    if let Some(thread) = &message.thread {
        headers.push(("apns-collapse-id", thread::key(thread, LONGEST_COLLAPSE_ID).into_owned()));
    }
    headers
}

/// `{"aps": …}` and what the app opens. A text that would make it too large is cut.
pub fn payload(message: &Outgoing) -> Value {
    with_text(message, &message.content.short.fit(|text| with_text(message, text).to_string().len() <= LARGEST_PAYLOAD))
}

fn with_text(message: &Outgoing, text: &str) -> Value {
    let mut aps = json!({
        "alert": {"title": cut(&message.content.subject, 200), "body": text},
        "sound": "default",
        "interruption-level": match (message.critical, message.urgent) { (true, _) => "critical", (_, true) => "time-sensitive", _ => "active" },
    });
    if message.critical {
        // Needs an entitlement of the app's; without it the system takes it for an ordinary sound.
        aps["sound"] = json!({"critical": 1, "name": "default", "volume": 1.0});
    }
    if message.answer.is_some() {
        aps["category"] = json!(ALERT_CATEGORY);
    }
    if let Some(thread) = &message.thread {
        aps["thread-id"] = json!(thread::key(thread, LONGEST_COLLAPSE_ID));
    }
    let mut payload = json!({"aps": aps, "deliveryId": message.delivery_id.as_str()});
    // An address is of use whole, or not at all.
    if let Some(url) = message.content.url.as_ref().filter(|url| url.len() <= 1_000) {
        payload["url"] = json!(url);
    }
    if let Some(url) = message.answer.as_ref().and_then(|offer| offer.url.as_ref()) {
        payload["answerUrl"] = json!(url);
    }
    payload
}

/// A UUID (version 8: of one's own making) that is the same for every try of a delivery.
fn uuid(delivery_id: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(delivery_id)[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
