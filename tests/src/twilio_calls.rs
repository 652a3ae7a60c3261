//! What Twilio calls, signed as it signs.

use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::Value;
use sha1::Sha1;

use crate::bed::Bed;
use crate::client::{Answer, Client};
use crate::settings::PUBLIC_URL;
use crate::stand_ins::TWILIO_TOKEN;

/// Posts a callback signed with that token.
pub async fn call_back(bed: &Bed, path: &str, form: &[(&str, &str)], token: &str) -> Answer {
    call(bed.api(), path, form, token).await
}

/// The same to any process.
pub async fn call(api: &Client, path: &str, form: &[(&str, &str)], token: &str) -> Answer {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(format!("{PUBLIC_URL}{path}").as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let headers = [("x-twilio-signature", signature.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    api.with_key("").try_call(Method::POST, path, &headers, Some(body)).await.unwrap()
}

/// Has somebody write to our number; what is replied, as text.
pub async fn text(bed: &Bed, from: &str, body: &str, id: &str) -> String {
    let form = [("From", from), ("To", "+15005550006"), ("Body", body), ("MessageSid", id)];
    let Value::String(reply) = call_back(bed, "/callbacks/twilio/message", &form, TWILIO_TOKEN).await.expect(200) else { panic!("TwiML") };
    let inner = reply.split_once("<Response>").and_then(|(_, rest)| rest.split_once("</Response>")).expect("TwiML").0;
    inner.replace("<Message>", "").replace("</Message>", "").replace("&quot;", "\"").replace("&amp;", "&")
}
