//! What Twilio calls with: what became of a message or a call, and keys pressed during a call.
//!
//! Twilio repeats what it says, and in any order; states move only forward, and an answer counts once.

mod key;
mod receipt;

use async_trait::async_trait;

use super::Settings;
use crate::inbound::{Heard, Inbound, Notice, Receipt, Refusal, Request};
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
}

fn topic(path: &str) -> Result<Topic, Refusal> {
    match path {
        "" => Ok(Topic::Status),
        super::KEY_PATH => Ok(Topic::Key),
        _ => Err(Refusal::NotFound("Twilio is told to call nothing under this path")),
    }
}

/// Reads the callbacks of one account.
#[derive(Debug)]
pub struct Callbacks {
    /// The provider's table, which its callbacks are addressed by.
    name: String,
    verifier: Verifier,
}

impl Callbacks {
    pub fn new(name: &str, settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        // Any of them may sign: the account's token, the one before the last rotation, and the shared key of a webhook rule.
        let keys = std::iter::once(&settings.auth_token).chain(&settings.previous_auth_token).chain(&settings.webhook_key).cloned().collect();
        let verifier = Scheme::Twilio(signature::Twilio {}).verifier("auth_token", keys, None, common)?;
        Ok(Self { name: name.to_owned(), verifier })
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
        let delivery = request.delivery()?;
        Ok(match topic {
            Topic::Status => {
                let outcome = receipt::outcome(&form, request.now);
                let notice = outcome.map(|(outcome, code)| Notice::Receipt(Receipt { of: receipt::subject(&form, delivery), outcome, code }));
                Heard::taken(notice.into_iter().collect())
            }
            Topic::Key => key::heard(&form, delivery, &key::Place { name: &self.name, request }),
        })
    }
}

#[cfg(test)]
mod tests;
