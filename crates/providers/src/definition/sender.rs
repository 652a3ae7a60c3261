//! The sending half of a provider that is data.

use std::sync::Arc;

use async_trait::async_trait;
use minijinja::Value;
use url::Url;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, Timestamp};

use super::format::Server;
use super::request::{Body, Send};
use super::values::Values;
use super::{Definition, message};
use crate::endpoint::Endpoints;
use crate::http::Http;
use crate::jwt::SigningKey;
use crate::provider::{Address, Found, Outgoing, Provider};

/// A definition with the values of one provider's table.
#[derive(Debug)]
pub struct Sender {
    /// The provider's table, which its callbacks are addressed by.
    pub name: String,
    pub definition: Arc<Definition>,
    pub values: Values,
    /// The private key that requests are signed with, where the definition names one.
    pub signing_key: Option<Arc<SigningKey>>,
    pub client: Client,
}

/// How its server is reached.
#[derive(Debug)]
pub enum Client {
    Service(Box<Http>),
    /// Servers that users name.
    Recipients(Box<Endpoints>),
}

#[async_trait]
impl Provider for Sender {
    async fn send(&self, message: &Outgoing) -> Report {
        let Some(send) = self.definition.send.get(&message.channel) else {
            return Report::new(Outcome::BadMessage, "channel".to_owned());
        };
        if !takes(send, message.channel, &message.to) {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        }
        let variables = self.variables(message);
        // Templates were tried when the definition was read; one that fails all the same fails because of what this message says.
        let Ok((url, fill)) = send.fill(&self.definition.auth, self.signing_key.as_ref(), &variables) else {
            return Report::new(Outcome::BadMessage, "template".to_owned());
        };
        let answer = match &self.client {
            Client::Service(http) => match Url::parse(&url) {
                // A request without a body does not pass the gate by itself.
                Ok(_) if matches!(send.body, Body::None) && !message.gate.opens().await => {
                    return Report::new(Outcome::Unknown, "not_wanted".to_owned());
                }
                Ok(url) => http.hand_over(message, fill(http.request(send.method.clone(), &url))).await,
                Err(_) => return Report::new(Outcome::BadMessage, "url".to_owned()),
            },
            Client::Recipients(endpoints) => endpoints.call(send.method.clone(), &url, message, fill).await,
        };
        match answer {
            Ok(answer) => self.of_server(self.definition.answers.report(&answer, message.now)),
            Err(report) => report,
        }
    }

    fn has_receipts(&self, _channel: Channel) -> bool {
        self.definition.inbound.as_ref().is_some_and(|inbound| inbound.receipt.is_some())
    }

    fn takes(&self, to: &Address) -> bool {
        self.definition.send.iter().any(|(channel, send)| takes(send, *channel, to))
    }

    fn is_one_service(&self) -> bool {
        self.definition.server == Server::Service
    }

    fn hears_replies(&self, channel: Channel, is_reachable: bool) -> bool {
        let inbound = self.definition.inbound.as_ref().filter(|_| is_reachable);
        inbound.is_some_and(|inbound| inbound.hears_replies(&self.values, channel))
    }

    fn can_look_up(&self, _channel: Channel) -> bool {
        self.definition.look_up.is_some()
    }

    async fn look_up(&self, message: &Outgoing, since: Timestamp) -> Option<Vec<Found>> {
        let (look_up, Client::Service(http)) = (self.definition.look_up.as_ref()?, &self.client) else { return None };
        look_up.ask(self, http, message, since).await
    }
}

/// Whether an address is of the kind that a channel's message goes to.
fn takes(send: &Send, channel: Channel, to: &Address) -> bool {
    match to {
        Address::Email(_) => channel == Channel::Email,
        Address::Phone(_) => matches!(channel, Channel::Sms | Channel::Voice | Channel::Whatsapp),
        Address::Telegram(_) => channel == Channel::Telegram,
        Address::Device { kind, .. } => channel == Channel::Push && send.device == Some(*kind),
        Address::Inbox { .. } => false,
        Address::Other(_) => !matches!(
            channel,
            Channel::Email | Channel::Sms | Channel::Voice | Channel::Whatsapp | Channel::Telegram | Channel::Push | Channel::InApp
        ),
    }
}

impl Sender {
    pub fn variables(&self, message: &Outgoing) -> Value {
        let callback = self.definition.inbound.as_ref().and_then(|inbound| inbound.callback(&self.name, &self.values, message));
        message::variables(&self.values.for_templates, message, callback.as_ref())
    }

    /// What one recipient's own server says holds up that recipient alone.
    fn of_server(&self, report: Report) -> Report {
        let outcome = match report.outcome {
            outcome if self.is_one_service() => outcome,
            Outcome::Retry { after, .. } => Outcome::Retry { after, scope: LimitScope::Recipient },
            Outcome::ProviderDown => Outcome::BadMessage,
            outcome => outcome,
        };
        Report { outcome, ..report }
    }
}
