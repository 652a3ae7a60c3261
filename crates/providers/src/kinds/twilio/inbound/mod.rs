//! What Twilio calls with: what became of a message or a call, and keys pressed during a call.
//!
//! Twilio repeats what it says, and in any order; states move only forward, and an answer counts once.

mod key;
mod receipt;
mod signature;

use async_trait::async_trait;
use watchbell_core::Secret;

use super::Settings;
use crate::inbound::{Heard, Inbound, Notice, Receipt, Refusal, Request};

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
    /// Any of them may sign: the account's token, and the one before the last rotation.
    tokens: Vec<Secret>,
}

impl Callbacks {
    pub fn new(name: &str, settings: &Settings) -> Self {
        let tokens = std::iter::once(&settings.auth_token).chain(&settings.previous_auth_token).cloned().collect();
        Self { name: name.to_owned(), tokens }
    }
}

#[async_trait]
impl Inbound for Callbacks {
    fn proof(&self, path: &str) -> Result<Option<&'static str>, Refusal> {
        topic(path).map(|_| Some(signature::HEADER))
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        let topic = topic(request.path)?;
        request.posted()?;
        let form: Form = url::form_urlencoded::parse(request.body).into_owned().collect();
        let given = request.header(signature::HEADER).unwrap_or_default();
        if !signature::is_right(&self.tokens, request.url, &form, given) {
            return Err(Refusal::Forbidden("X-Twilio-Signature does not fit this request"));
        }
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
