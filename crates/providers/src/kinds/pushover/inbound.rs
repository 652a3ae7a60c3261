//! Acknowledgements. A callback is unsigned, so it only says that there is something to ask for: Pushover itself is asked what became
//! of the receipt.

use async_trait::async_trait;
use serde_json::Value;
use url::Url;
use watchbell_core::{Channel, Secret};

use super::{Settings, callback, is_receipt};
use crate::http::{self as client, Http};
use crate::inbound::{Action, Answer, AnswerTo, Heard, Inbound, Notice, Refusal, Request, Subject};
use crate::settings::{self, CommonSettings, SettingError};

#[derive(Debug)]
pub struct Receipts {
    http: Http,
    base: Url,
    token: Secret,
}

impl Receipts {
    pub fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        let base = settings::base_url("base_url", &settings.base_url)?;
        Ok(Self { http: Http::new(common)?, base, token: settings.token.clone() })
    }

    /// What Pushover knows of a receipt.
    async fn ask(&self, receipt: &str) -> Option<Value> {
        let mut url = client::join(&self.base, &["receipts", &format!("{receipt}.json")]);
        url.query_pairs_mut().append_pair("token", self.token.expose());
        let answer = self.http.call(self.http.get(&url)).await.ok()?;
        Some(answer.json()).filter(|body| answer.is_success() && body["status"] == 1)
    }
}

#[async_trait]
impl Inbound for Receipts {
    /// A path is of one message, see [`callback`].
    fn proof(&self, path: &str) -> Result<Option<&'static str>, Refusal> {
        if path.is_empty() || path.contains('/') { Err(Refusal::NotFound("no such callback of Pushover was asked for")) } else { Ok(None) }
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        let delivery = request.delivery()?;
        let whose = callback::whose(&self.token, request.path, &delivery);
        let whose = whose.ok_or(Refusal::Forbidden("no callback for that delivery was given to Pushover here"))?;
        let receipt = url::form_urlencoded::parse(request.body).find(|(name, _)| name == "receipt").map(|(_, value)| value.into_owned());
        let receipt = receipt.filter(|receipt| is_receipt(receipt));
        let receipt = receipt.ok_or_else(|| Refusal::Malformed("receipt is missing; it must be 30 letters and digits".to_owned()))?;
        let known = self.ask(&receipt).await;
        let known = known.ok_or(Refusal::Forbidden("Pushover does not confirm that receipt"))?;
        // Whoever else is in a group acknowledges for themselves, and nobody here knows who that is.
        let is_addressee = known["acknowledged_by"].as_str().is_some_and(|user| callback::is_theirs(whose, user));
        if client::number(&known, "/acknowledged") != Some(1.0) || !is_addressee {
            return Ok(Heard::taken(Vec::new()));
        }
        let of = Subject { delivery, channels: &[Channel::Push], message_id: Some(receipt) };
        let answer = Answer { of: AnswerTo::Delivery(of), action: Some(Action::Accept), by: None };
        Ok(Heard::taken(vec![Notice::Answer(answer)]))
    }
}
