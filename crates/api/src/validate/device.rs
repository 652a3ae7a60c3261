//! Push tokens, as the services hand them to apps and people.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use watchbell_core::contact::parse_url;
use watchbell_core::device::DeviceKind;
use watchbell_core::network::Reach;

use super::Fields;
use crate::problem::Problem;

/// Characters in a token or a Web Push endpoint. FCM documents no limit; today's tokens have some 160.
const TOKEN: std::ops::RangeInclusive<usize> = 1..=2_048;

/// A device to be registered.
pub(crate) struct NewDevice {
    pub kind: DeviceKind,
    pub token: String,
    /// Web Push only: what the store keeps as JSON.
    pub keys: Option<String>,
}

/// `reach` is where browsers' push services may be: an endpoint is a URL that Watchbell will call.
pub(crate) fn read(fields: &mut Fields, reach: &Reach) -> Result<NewDevice, Problem> {
    let choices: Vec<(&str, DeviceKind)> = DeviceKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let kind = fields.required_choice("kind", &choices)?;
    let token = fields.required_text("token", &TOKEN)?;
    let is_hex = || token.bytes().all(|byte| byte.is_ascii_hexdigit()) && token.len().is_multiple_of(2);
    let token = match kind {
        DeviceKind::Fcm if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(token),
        DeviceKind::Fcm => Err("it must be an FCM registration token: ASCII without spaces".to_owned()),
        // Apple: 32 bytes today, of variable length by contract.
        DeviceKind::Apns if is_hex() && (64..=200).contains(&token.len()) => Ok(token),
        DeviceKind::Apns => Err("it must be an APNs device token in hex, 64 digits or more".to_owned()),
        DeviceKind::Webpush => parse_url(&token, reach).map_err(|bad| format!("it is the push subscription's endpoint, and {bad}")),
        DeviceKind::Ntfy if (1..=64).contains(&token.len()) && is_made_of(&token, b"-_") => Ok(token),
        DeviceKind::Ntfy => Err("it must be an ntfy topic: 1 to 64 letters, digits, - and _".to_owned()),
        DeviceKind::Gotify if (8..=128).contains(&token.len()) && is_made_of(&token, b"-_.") => Ok(token),
        DeviceKind::Gotify => Err("it must be the token of an application of the user's on the Gotify server".to_owned()),
        DeviceKind::Pushover if token.len() == 30 && is_made_of(&token, b"") => Ok(token),
        DeviceKind::Pushover => Err("it must be a user or group key of Pushover: 30 letters and digits".to_owned()),
    };
    let token = token.map_err(|right| fields.invalid("token", "cannot be used", &right))?;
    let keys = fields.object("keys")?;
    let keys = match (kind, keys) {
        (DeviceKind::Webpush, Some(keys)) => Some(web_push_keys(keys)?),
        (DeviceKind::Webpush, None) => return Err(fields.invalid("keys", "is missing", "a push subscription has p256dh and auth")),
        (_, Some(_)) => return Err(fields.invalid("keys", "is given", "only webpush has keys")),
        (_, None) => None,
    };
    Ok(NewDevice { kind, token, keys })
}

/// Whether a text is letters, digits and those signs alone.
fn is_made_of(text: &str, signs: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte))
}

/// RFC 8291: an uncompressed P-256 point of 65 bytes, and a secret of 16.
fn web_push_keys(mut keys: Fields) -> Result<String, Problem> {
    let mut read = |field: &str, bytes: usize| {
        let text = keys.required_text(field, &(1..=128))?;
        let text = text.trim_end_matches('=').to_owned();
        let is_right = URL_SAFE_NO_PAD.decode(&text).is_ok_and(|decoded| decoded.len() == bytes);
        if is_right { Ok(text) } else { Err(keys.invalid(field, "cannot be used", &format!("it must be {bytes} bytes in base64url"))) }
    };
    let p256dh = read("p256dh", 65)?;
    let auth = read("auth", 16)?;
    keys.finish()?;
    Ok(json!({ "p256dh": p256dh, "auth": auth }).to_string())
}
