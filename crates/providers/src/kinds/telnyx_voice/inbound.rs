//! What Telnyx calls with: what became of a call, and keys pressed during it.

use async_trait::async_trait;
use http::Response;
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{Channel, Secret};

use super::KEY_PATH;
use crate::call_menu::{Pressed, Said};
use crate::inbound::{Heard, Inbound, Notice, Receipt, Refusal, Request, Subject};
use crate::settings::{CommonSettings, SettingError};
use crate::signature::{Algorithm, Coding, Scheme, Signed, Source, Template, Verifier};
use crate::twiml;

/// Reads the callbacks of one account.
#[derive(Debug)]
pub struct Callbacks {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    verifier: Verifier,
}

impl Callbacks {
    pub fn new(name: &str, key: &Secret, common: &CommonSettings) -> Result<Self, SettingError> {
        let header = |name: &'static str| Source::Header(http::HeaderName::from_static(name));
        let text = Template::try_from("{timestamp}|{body}".to_owned()).map_err(|error| SettingError::new("public_key", None, error))?;
        let scheme = Scheme::Signed(Signed {
            algorithm: Algorithm::Ed25519,
            key: None,
            signature: header("telnyx-signature-ed25519"),
            coding: Coding::Base64,
            prefix: String::new(),
            separator: None,
            text,
            timestamp: Some(header("telnyx-timestamp")),
            max_age_s: None,
        });
        Ok(Self { name: name.to_owned(), verifier: scheme.verifier("public_key", vec![key.clone()], None, common)? })
    }
}

#[async_trait]
impl Inbound for Callbacks {
    fn proof(&self, path: &str) -> Result<Option<&str>, Refusal> {
        match path {
            "" | KEY_PATH => Ok(self.verifier.proof()),
            _ => Err(Refusal::NotFound("Telnyx is told to call nothing under this path")),
        }
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        self.verifier.verify(request).await?;
        let form: Vec<(String, String)> = url::form_urlencoded::parse(request.body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let call = Some(value("CallSid")).filter(|id| !id.is_empty()).map(str::to_owned);
        let of = Subject { delivery: request.delivery()?, channels: &[Channel::Voice], message_id: call };
        let is_machine = twiml::is_machine(value("AnsweredBy"));
        if request.path == KEY_PATH {
            let pressed = Pressed::new(request, &[&self.name, KEY_PATH], &of.delivery, value("Digits"), is_machine);
            return Ok(pressed.heard(of, speak));
        }
        let status = value("CallStatus");
        let receipt = outcome(status, is_machine).map(|outcome| {
            let code = (outcome != ReceiptOutcome::Delivered).then(|| status.to_owned());
            Notice::Receipt(Receipt { of, outcome, code })
        });
        Ok(Heard::taken(receipt.into_iter().collect()))
    }
}

fn speak(said: &Said) -> Response<String> {
    twiml::reply(&match &said.next {
        Some(next) => twiml::ask_or_go_on(&said.text, &said.language, 1, next),
        None => twiml::say(&said.text, &said.language, 1),
    })
}

/// What a call's state means; None while nothing is known.
fn outcome(status: &str, is_machine: bool) -> Option<ReceiptOutcome> {
    Some(match status {
        "busy" | "no-answer" => ReceiptOutcome::NotAnswered,
        "completed" if is_machine => ReceiptOutcome::NotAnswered,
        "completed" => ReceiptOutcome::Delivered,
        "failed" | "canceled" => ReceiptOutcome::Undelivered,
        _ => return None,
    })
}
