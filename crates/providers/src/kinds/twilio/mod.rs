//! Twilio, and what speaks like it: SMS, WhatsApp and calls.
//!
//! One account serves three channels. Receipts and key presses come back to `/callbacks/{name}`, signed with the account's
//! token. What its error codes mean is one table, of answers and of receipts: [`classify::by_code`].

mod classify;
mod inbound;
mod look_up;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::http::{self, Http, Request};
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Found, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    pub account_sid: String,
    pub auth_token: Secret,
    /// The token before the last rotation: callbacks signed with it are still believed.
    #[serde(default)]
    pub previous_auth_token: Option<Secret>,
    /// The shared key of a webhook rule: callbacks that Twilio signs with it, because a rule says so, are believed.
    #[serde(default)]
    pub webhook_key: Option<Secret>,
    /// Sender of SMS: a number or an alphanumeric id. One of it and `messaging_service_sid`, if SMS is used.
    #[serde(default)]
    pub sms_from: Option<String>,
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    #[serde(default)]
    pub voice_from: Option<String>,
    #[serde(default)]
    pub whatsapp_from: Option<String>,
    /// An approved WhatsApp template (`HX…`) whose variables 1 and 2 are the subject and the short text. Without it messages
    /// reach only who wrote to the sender within the last 24 hours.
    #[serde(default)]
    pub whatsapp_content_sid: Option<String>,
    /// Whether that template has quick-reply buttons, with the ids `accept:{{3}}`, `resolve:{{3}}` and `decline:{{3}}`.
    #[serde(default)]
    pub whatsapp_buttons: bool,
    /// How people's replies are heard; unless given, by callbacks where there is `http.public_url`, else by polling.
    #[serde(default)]
    pub replies: Option<Replies>,
}

/// How what people write to our numbers is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replies {
    /// Twilio calls `/callbacks/{name}/message`, as its numbers are set up to.
    Callback,
    Poll,
    /// Nobody hears them, so nobody is told to reply.
    Off,
}

impl Replies {
    /// As it is set, else as Twilio can or cannot call this server.
    fn of(set: Option<Self>, is_reachable: bool) -> Self {
        set.unwrap_or(if is_reachable { Self::Callback } else { Self::Poll })
    }
}

/// Where keys pressed in a call are told, below the provider's own path; receipts come to that itself.
const KEY_PATH: &str = "gather";

/// Where messages to our numbers are told.
const MESSAGE_PATH: &str = "message";

fn default_base_url() -> String {
    "https://api.twilio.com".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "twilio";
    const CHANNELS: &'static [Channel] = &[Channel::Sms, Channel::Voice, Channel::Whatsapp];

    /// Calls: 1 a second for an account, until Twilio raises it. WhatsApp: 80 a second for a number. SMS are queued by Twilio
    /// at the sender's own pace; the figure only keeps within the API's concurrency.
    fn limit(channel: Channel) -> AccountLimit {
        let (per_second, burst, in_flight) = match channel {
            Channel::Voice => (1.0, 1, 8),
            Channel::Whatsapp => (80.0, 80, 64),
            _ => (100.0, 100, 64),
        };
        AccountLimit { per_second, burst, in_flight, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        settings::token("auth_token", self.auth_token.expose())?;
        settings::token("account_sid", &self.account_sid)?;
        let number = |key: &str, value: &Option<String>| match value {
            Some(number) if !is_number(number) => {
                Err(SettingError::new(key, number.clone(), "must be a phone number with + and country code, such as +15005550006"))
            }
            _ => Ok(()),
        };
        number("voice_from", &self.voice_from)?;
        number("whatsapp_from", &self.whatsapp_from)?;
        if let Some(sender) = self.sms_from.as_deref().filter(|sender| !is_number(sender) && !is_sender_id(sender)) {
            let right = "must be a phone number such as +15005550006, a short code, or up to 11 letters, digits and spaces";
            return Err(SettingError::new("sms_from", sender.to_owned(), right));
        }
        if self.sms_from.is_some() && self.messaging_service_sid.is_some() {
            return Err(SettingError::new("sms_from", None, "and messaging_service_sid exclude each other; give one of them"));
        }
        if [&self.sms_from, &self.messaging_service_sid, &self.voice_from, &self.whatsapp_from].into_iter().all(Option::is_none) {
            let right = "or messaging_service_sid, voice_from or whatsapp_from must be given, as there is no sender for any channel";
            return Err(SettingError::new("sms_from", None, right));
        }
        Ok(())
    }

    fn check_channel(&self, channel: Channel) -> Result<(), SettingError> {
        let (key, sender) = match channel {
            Channel::Voice => ("voice_from", &self.voice_from),
            Channel::Whatsapp => ("whatsapp_from", &self.whatsapp_from),
            _ if self.messaging_service_sid.is_some() => return Ok(()),
            _ => ("sms_from", &self.sms_from),
        };
        match sender {
            Some(_) => Ok(()),
            None => Err(SettingError::new(key, None, format!("is missing, and the channel {channel} needs it"))),
        }
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = http::join(&settings::base_url("base_url", &self.base_url)?, &["2010-04-01", "Accounts", &self.account_sid]);
        Ok(Arc::new(Twilio {
            name: name.to_owned(),
            messages: self.messages()?,
            calls: http::join(&base, &["Calls.json"]),
            settings: self.clone(),
            http: Http::new(common)?,
        }))
    }

    fn inbound(&self, name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(Some(Arc::new(inbound::Callbacks::new(name, self, common)?)))
    }
}

impl Settings {
    fn messages(&self) -> Result<Url, SettingError> {
        let base = http::join(&settings::base_url("base_url", &self.base_url)?, &["2010-04-01", "Accounts", &self.account_sid]);
        Ok(http::join(&base, &["Messages.json"]))
    }
}

fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn is_sender_id(text: &str) -> bool {
    (1..=11).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ')
}

#[derive(Debug)]
struct Twilio {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    messages: Url,
    calls: Url,
    settings: Settings,
    http: Http,
}

#[async_trait]
impl Provider for Twilio {
    async fn send(&self, message: &Outgoing) -> Report {
        let (url, form) = match self.request(message) {
            Ok(request) => request,
            Err(report) => return report,
        };
        match self.http.hand_over(message, self.authorized(self.http.post(url)).form(&form)).await {
            Ok(answer) => classify::by_answer(&answer, message.now),
            Err(report) => report,
        }
    }

    fn has_receipts(&self, _channel: Channel) -> bool {
        true
    }

    fn can_look_up(&self, _channel: Channel) -> bool {
        true
    }

    fn hears_replies(&self, channel: Channel, is_reachable: bool) -> bool {
        // A name instead of a number cannot be replied to.
        let has_number = match channel {
            Channel::Sms => self.settings.messaging_service_sid.is_some() || self.settings.sms_from.as_deref().is_some_and(is_number),
            Channel::Whatsapp => true,
            _ => false,
        };
        has_number
            && match Replies::of(self.settings.replies, is_reachable) {
                Replies::Callback => is_reachable,
                Replies::Poll => true,
                Replies::Off => false,
            }
    }

    async fn look_up(&self, message: &Outgoing, since: Timestamp) -> Option<Vec<Found>> {
        let (list, form) = self.request(message).ok()?;
        let question = look_up::Question { list, is_call: message.channel == Channel::Voice, form: &form, since, now: message.now };
        question.ask(&self.http, |request| self.authorized(request)).await
    }
}

impl Twilio {
    /// What creates a message or call, and where.
    fn request(&self, message: &Outgoing) -> Result<(&Url, request::Form), Report> {
        let Address::Phone(to) = &message.to else {
            return Err(Report::new(Outcome::BadMessage, "address_kind".to_owned()));
        };
        let (url, form) = match message.channel {
            Channel::Sms => (&self.messages, request::sms(&self.settings, &self.name, to, message)),
            Channel::Whatsapp => (&self.messages, request::whatsapp(&self.settings, &self.name, to, message)),
            Channel::Voice => (&self.calls, request::call(&self.settings, &self.name, to, message)),
            _ => return Err(Report::new(Outcome::BadMessage, "channel".to_owned())),
        };
        let form = form.ok_or_else(|| Report::new(Outcome::ProviderDown, "no_sender".to_owned()))?;
        Ok((url, form))
    }

    fn authorized(&self, request: Request) -> Request {
        request.basic_auth(&self.settings.account_sid, self.settings.auth_token.expose())
    }
}
