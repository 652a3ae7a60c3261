//! Telnyx's calls by TeXML, which is Twilio's markup and Twilio's words for what became of a call.
//!
//! Events and keys come back to `/callbacks/{name}`, signed with Telnyx's key; without that key nothing that comes is believed, so no
//! key press is asked for. The application's webhook method has to be POST, as Telnyx tells keys by it.

mod inbound;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::http::{self, Answer, Http, callback};
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use crate::twiml;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    pub api_key: Secret,
    /// The account (organisation) id, which is in the URL.
    pub account_id: String,
    /// The TeXML application that calls.
    pub application_id: String,
    /// The number that calls, with `+`.
    pub from: String,
    /// The key by which what Telnyx calls with is verified: base64, as the portal shows it.
    #[serde(default)]
    pub public_key: Option<Secret>,
}

/// Where keys pressed in a call are told, below the provider's own path; what became of it comes to that itself.
const KEY_PATH: &str = "key";
/// `Texml` of a call, in characters, as Twilio has it.
const LONGEST_TEXML: usize = 4000;
/// How long a call rings, in seconds: about six rings, and shorter than most voice mails wait.
const RING_S: u8 = 30;

fn default_base_url() -> String {
    "https://api.telnyx.com".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "telnyx-voice";
    const CHANNELS: &'static [Channel] = &[Channel::Voice];

    /// Two calls a second are what a new account may begin.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 2.0, burst: 2, in_flight: 8, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        settings::token("api_key", self.api_key.expose())?;
        settings::token("account_id", &self.account_id)?;
        settings::token("application_id", &self.application_id)?;
        let digits = self.from.strip_prefix('+').filter(|digits| (7..=15).contains(&digits.len()));
        if !digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
            let right = "must be a phone number with + and country code, such as +15005550006";
            return Err(SettingError::new("from", self.from.clone(), right));
        }
        self.inbound("", common).map(drop)
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        Ok(Arc::new(Voice {
            name: name.to_owned(),
            calls: http::join(&base, &["v2", "texml", "Accounts", &self.account_id, "Calls"]),
            settings: self.clone(),
            http: Http::new(common)?,
        }))
    }

    fn inbound(&self, name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        let Some(key) = &self.public_key else { return Ok(None) };
        Ok(Some(Arc::new(inbound::Callbacks::new(name, key, common)?)))
    }
}

#[derive(Debug)]
struct Voice {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    calls: Url,
    settings: Settings,
    http: Http,
}

#[async_trait]
impl Provider for Voice {
    /// Told of only where it can be verified.
    fn has_receipts(&self, _channel: Channel) -> bool {
        self.settings.public_key.is_some()
    }

    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Phone(to) = &message.to else { return Report::new(Outcome::BadMessage, "address_kind".to_owned()) };
        let request = self.http.post(&self.calls).bearer_auth(self.settings.api_key.expose()).json(&self.call(to, message));
        match self.http.hand_over(message, request).await {
            Ok(answer) => by_answer(&answer, message.now),
            Err(report) => report,
        }
    }
}

impl Voice {
    /// What makes the call.
    fn call(&self, to: &str, message: &Outgoing) -> Value {
        let url = |segments: &[&str]| {
            let base = message.callback_base.as_deref().filter(|_| self.settings.public_key.is_some())?;
            Some(callback(base, segments, message.delivery_id.as_str()))
        };
        let key_url = url(&[&self.name, KEY_PATH]).filter(|_| !message.content.menu.is_empty());
        let mut call = json!({
            "ApplicationSid": self.settings.application_id,
            "To": to,
            "From": self.settings.from,
            "Texml": twiml::call(&message.content, key_url.as_deref(), LONGEST_TEXML, twiml::ask_or_go_on),
            "Timeout": RING_S,
            // Answered by a machine is not an answer; the receipt says by whom.
            "MachineDetection": "Enable",
        });
        if let Some(status_url) = url(&[&self.name]) {
            call["StatusCallback"] = json!(status_url);
            call["StatusCallbackMethod"] = json!("POST");
            call["StatusCallbackEvent"] = json!("completed");
        }
        call
    }
}

/// What the answer to a new call means; codes are those of Telnyx's table of API errors.
fn by_answer(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    if answer.is_success() {
        let id = ["/call_sid", "/sid", "/data/call_sid", "/data/sid"].iter().find_map(|place| http::text(&body, place));
        // Not every answer names the call; that there is a state says that there is one.
        let is_taken = id.is_some() || ["/status", "/data/status"].iter().any(|place| http::text(&body, place).is_some());
        return if is_taken { Report::accepted(id.map(str::to_owned)) } else { Report::new(Outcome::Unknown, "broken_answer".to_owned()) };
    }
    let status = http::by_status(answer, now);
    let code = http::id(&body, "/errors/0/code").filter(|code| code.len() <= 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(code) = code else {
        // An account or an application that is not there, or a base URL that is not Telnyx's.
        let outcome = if answer.status == 404 { Outcome::ProviderDown } else { status.outcome };
        return Report { outcome, ..status };
    };
    let retry = |scope| Outcome::Retry { after: answer.retry_after(now), scope };
    let outcome = match code.as_str() {
        // A status that passes is never made permanent by a code.
        _ if http::is_passing(answer.status) => status.outcome,
        // Too many requests; a fault of theirs.
        "10011" => retry(LimitScope::Provider),
        "10007" | "10008" => retry(LimitScope::Message),
        // No number.
        "10002" | "10016" => Outcome::BadAddress,
        // No such account or application; credentials; credit.
        "10005" | "10009" | "10010" | "10012" | "20100" | "20012" => Outcome::ProviderDown,
        _ if answer.status == 404 => Outcome::ProviderDown,
        _ => status.outcome,
    };
    Report::new(outcome, code)
}
