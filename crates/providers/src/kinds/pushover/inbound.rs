//! Acknowledgements. A callback is unsigned, so it only says that there is something to ask for: Pushover itself is asked what became
//! of the receipt. Where nobody can call this server, it is asked again and again, as long as the alert is open.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use url::Url;
use watchbell_core::device::DeviceKind;
use watchbell_core::{Channel, DeliveryId, Secret};

use super::{LONGEST_S, Settings, callback, is_receipt};
use crate::http::{self as client, Http};
use crate::inbound::{Action, Answer, AnswerTo, Heard, Inbound, InboundError, Inquiry, Notice, Refusal, Request, Subject};
use crate::settings::{self, CommonSettings, SettingError};

/// Pushover asks for no more than one question in five seconds about a receipt.
const PAUSE: Duration = Duration::from_secs(5);

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
    async fn known(&self, receipt: &str) -> Result<Value, InboundError> {
        let mut url = client::join(&self.base, &["receipts", &format!("{receipt}.json")]);
        url.query_pairs_mut().append_pair("token", self.token.expose());
        let answer = self.http.call(self.http.get(&url)).await;
        let answer = answer.map_err(|report| InboundError(report.code.unwrap_or_else(|| "no answer".to_owned())))?;
        let body = answer.json();
        if answer.is_success() && body["status"] == 1 { Ok(body) } else { Err(InboundError(format!("HTTP {}", answer.status))) }
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
        let is_addressee = |user: &str| callback::is_theirs(whose, user);
        let receipt = url::form_urlencoded::parse(request.body).find(|(name, _)| name == "receipt").map(|(_, value)| value.into_owned());
        let receipt = receipt.filter(|receipt| is_receipt(receipt));
        let receipt = receipt.ok_or_else(|| Refusal::Malformed("receipt is missing; it must be 30 letters and digits".to_owned()))?;
        let known = self.known(&receipt).await.map_err(|_| Refusal::Forbidden("Pushover does not confirm that receipt"))?;
        Ok(Heard::taken(acknowledged(&known, is_addressee, delivery, receipt)))
    }

    fn inquiry(&self, is_reachable: bool) -> Option<&dyn Inquiry> {
        (!is_reachable).then_some(self as &dyn Inquiry)
    }
}

#[async_trait]
impl Inquiry for Receipts {
    fn device(&self) -> DeviceKind {
        DeviceKind::Pushover
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    /// What rings no more can be acknowledged no more.
    fn window_s(&self) -> i64 {
        LONGEST_S
    }

    async fn ask(&self, delivery: &DeliveryId, message_id: &str, token: &Secret) -> Result<Vec<Notice>, InboundError> {
        // What does not ring has no receipt.
        if !is_receipt(message_id) {
            return Ok(Vec::new());
        }
        let known = self.known(message_id).await?;
        Ok(acknowledged(&known, |user| user == token.expose(), delivery.clone(), message_id.to_owned()))
    }
}

/// What a receipt says. Whoever else is in a group acknowledges for themselves, and nobody here knows who that is.
fn acknowledged(known: &Value, is_addressee: impl Fn(&str) -> bool, delivery: DeliveryId, receipt: String) -> Vec<Notice> {
    if client::number(known, "/acknowledged") != Some(1.0) || !known["acknowledged_by"].as_str().is_some_and(is_addressee) {
        return Vec::new();
    }
    let of = Subject { delivery, channels: &[Channel::Push], message_id: Some(receipt) };
    vec![Notice::Answer(Answer { of: AnswerTo::Delivery(of), action: Some(Action::Accept), by: None })]
}
