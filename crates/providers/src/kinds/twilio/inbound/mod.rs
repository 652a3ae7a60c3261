//! What Twilio calls with: what became of a message or a call, keys pressed during a call, and what people write.
//!
//! Twilio repeats what it says, and in any order; states move only forward, and an answer counts once.

mod key;
mod poll;
mod receipt;
mod text;

use async_trait::async_trait;
use url::Url;
use watchbell_core::Secret;

use super::{Replies, Settings, is_number};
use crate::http::Http;
use crate::inbound::{Heard, Inbound, Notice, Receipt, Refusal, Request, Source};
use crate::settings::{CommonSettings, SettingError};
use crate::signature::{self, Scheme, Verifier};

/// A form that Twilio posted, in order.
type Form = Vec<(String, String)>;

fn value<'f>(form: &'f Form, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// What a callback is about, by the path that it was given.
enum Topic {
    Status,
    Key,
    Message,
}

fn topic(path: &str) -> Result<Topic, Refusal> {
    match path {
        "" => Ok(Topic::Status),
        super::KEY_PATH => Ok(Topic::Key),
        super::MESSAGE_PATH => Ok(Topic::Message),
        _ => Err(Refusal::NotFound("Twilio is told to call nothing under this path")),
    }
}

/// Reads the callbacks of one account.
#[derive(Debug)]
pub struct Callbacks {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    verifier: Verifier,
    account_sid: String,
    auth_token: Secret,
    /// Our numbers as Twilio names them; empty where a messaging service has them.
    numbers: Vec<String>,
    http: Http,
    messages: Url,
    replies: Option<Replies>,
    /// Whether anybody can write to us.
    has_number: bool,
}

impl Callbacks {
    pub fn new(name: &str, settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        // Any of them may sign: the account's token, the one before the last rotation, and the shared key of a webhook rule.
        let keys =
            std::iter::once(&settings.auth_token).chain(&settings.previous_auth_token).chain(&settings.webhook_key).cloned().collect();
        let verifier = Scheme::Twilio(signature::Twilio {}).verifier("auth_token", keys, None, common)?;
        let whatsapp = settings.whatsapp_from.as_ref().map(|number| format!("whatsapp:{number}"));
        let sms = settings.sms_from.clone().filter(|sender| is_number(sender));
        let has_number = sms.is_some() || whatsapp.is_some() || settings.messaging_service_sid.is_some();
        let numbers = if settings.messaging_service_sid.is_some() { Vec::new() } else { sms.into_iter().chain(whatsapp).collect() };
        Ok(Self {
            name: name.to_owned(),
            verifier,
            account_sid: settings.account_sid.clone(),
            auth_token: settings.auth_token.clone(),
            numbers,
            http: Http::new(common)?,
            messages: settings.messages()?,
            replies: settings.replies,
            has_number,
        })
    }
}

#[async_trait]
impl Inbound for Callbacks {
    fn proof(&self, path: &str) -> Result<Option<&str>, Refusal> {
        topic(path).map(|_| self.verifier.proof())
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        let topic = topic(request.path)?;
        request.posted()?;
        self.verifier.verify(request).await?;
        let form: Form = url::form_urlencoded::parse(request.body).into_owned().collect();
        Ok(match topic {
            Topic::Message => text::heard(&form),
            Topic::Status => {
                let delivery = request.delivery()?;
                let outcome = receipt::outcome(&form, request.now);
                let notice =
                    outcome.map(|(outcome, code)| Notice::Receipt(Receipt { of: receipt::subject(&form, delivery), outcome, code }));
                Heard::taken(notice.into_iter().collect())
            }
            Topic::Key => key::heard(&form, request.delivery()?, &self.name, request),
        })
    }

    fn source(&self, is_reachable: bool) -> Option<&dyn Source> {
        (self.has_number && Replies::of(self.replies, is_reachable) == Replies::Poll).then_some(self)
    }
}

#[cfg(test)]
mod tests;
