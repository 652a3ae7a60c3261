//! What Vonage calls with: what became of a call, and keys pressed during it.

use ::http::Response;
use async_trait::async_trait;
use serde_json::Value;
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{Channel, Secret};

use super::{KEY_PATH, ncco};
use crate::call_menu::{Pressed, Said};
use crate::http;
use crate::inbound::{Heard, Inbound, Notice, Receipt, Refusal, Request, Subject, response};
use crate::settings::{CommonSettings, SettingError};
use crate::signature::{JwtHmac, Scheme, Verifier};

/// Reads the callbacks of one application.
#[derive(Debug)]
pub struct Callbacks {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    verifier: Verifier,
}

impl Callbacks {
    /// Any of the secrets may have signed.
    pub fn new(name: &str, secrets: Vec<Secret>, common: &CommonSettings) -> Result<Self, SettingError> {
        let scheme = Scheme::JwtHmac(JwtHmac {
            header: "authorization".to_owned(),
            issuer: Some("Vonage".to_owned()),
            url_hash: None,
            body_hash: "payload_hash".to_owned(),
            max_age_s: None,
        });
        Ok(Self { name: name.to_owned(), verifier: scheme.verifier("signature_secret", secrets, None, common)? })
    }
}

#[async_trait]
impl Inbound for Callbacks {
    fn proof(&self, path: &str) -> Result<Option<&str>, Refusal> {
        match path {
            "" | KEY_PATH => Ok(self.verifier.proof()),
            _ => Err(Refusal::NotFound("Vonage is told to call nothing under this path")),
        }
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        self.verifier.verify(request).await?;
        let body: Value = serde_json::from_slice(request.body).map_err(|_| Refusal::Malformed("the body must be JSON".to_owned()))?;
        let delivery = request.delivery()?;
        // An answering machine's event has the call's id under another name.
        let call = ["/uuid", "/call_uuid"].iter().find_map(|place| http::text(&body, place)).filter(|id| !id.is_empty());
        let of = Subject { delivery, channels: &[Channel::Voice], message_id: call.map(str::to_owned) };
        if request.path == KEY_PATH {
            let key = http::text(&body, "/dtmf/digits").unwrap_or_default();
            let pressed = Pressed::new(request, &[&self.name, KEY_PATH], &of.delivery, key, false);
            return Ok(pressed.heard(of, speak));
        }
        let receipt = outcome(&body).map(|(outcome, code)| Notice::Receipt(Receipt { of, outcome, code }));
        Ok(Heard::taken(receipt.into_iter().collect()))
    }
}

fn speak(said: &Said) -> Response<String> {
    let actions = match &said.next {
        Some(next) => ncco::ask(&said.text, &said.language, 1, next),
        None => ncco::say(&said.text, &said.language, 1),
    };
    response("application/json", actions.to_string())
}

/// What an event means, and Vonage's word for it; None where nothing is known yet.
///
/// That a call was answered proves nothing before it is known by whom, and that it has ended tells that no more: so it is `human`
/// that counts.
fn outcome(event: &Value) -> Option<(ReceiptOutcome, Option<String>)> {
    use ReceiptOutcome::{BadAddress, Delivered, NotAnswered, Undelivered};
    let status = http::text(event, "/status")?;
    let detail = http::text(event, "/detail").filter(|detail| DETAILS.contains(detail));
    let outcome = match (status, detail) {
        ("human", _) => Delivered,
        ("machine" | "busy" | "timeout" | "unanswered", _) | ("rejected", Some("declined")) => NotAnswered,
        ("failed" | "rejected", Some("invalid_number" | "number_out_of_service")) => BadAddress,
        ("failed" | "rejected" | "cancelled", _) => Undelivered,
        _ => return None,
    };
    Some((outcome, (outcome != Delivered).then(|| detail.unwrap_or(status).to_owned())))
}

/// Words that say more of why; none else is kept.
const DETAILS: [&str; 9] = [
    "cannot_route",
    "carrier_timeout",
    "declined",
    "internal_error",
    "invalid_number",
    "number_out_of_service",
    "restricted",
    "timeout",
    "unavailable",
];
