//! The built-in definitions against real answers and requests: a module each.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod aws_eum;
mod aws_sns;
mod bird;
mod mailgun;
mod meta;
mod mistakes;
mod own;
mod plivo;
mod postmark;
mod schema;
mod sendgrid;
mod ses;
mod telnyx;
mod vonage;
mod vonage_messages;

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, ManualClock};

use crate::http::Answer;
use crate::inbound::{Heard, Notice, Refusal, Request};
use crate::kinds::stand_in::{Act, Seen, StandIn, at, outgoing};
use crate::provider::{Address, Found, Outgoing, Provider};
use crate::settings::ProviderSettings;

pub const PHONE: &str = "+4915112345678";
/// When it is, in all of these tests: 1795161600 in seconds since 1970.
pub const NOW: &str = "2026-11-20T08:00:00Z";
/// The delivery of [`outgoing`].
pub const DELIVERY: &str = "01KAFX8M00ABCDEFGHJKMNPQRS";

/// A table of a provider, as the configuration would read it.
pub fn settings(table: &Value) -> ProviderSettings {
    let settings = ProviderSettings::read(table.as_object().unwrap().clone()).unwrap();
    settings.validate().unwrap();
    settings
}

/// A table with a stand-in behind its `base_url`.
pub struct Service {
    pub stand_in: StandIn,
    pub provider: Arc<dyn Provider>,
}

impl Service {
    pub async fn start(table: &Value, acts: impl IntoIterator<Item = Act>) -> Self {
        let stand_in = StandIn::start(acts).await;
        let mut table = table.clone();
        table["base_url"] = json!(stand_in.url);
        table["timeout_s"] = json!(stand_in.common().timeout_s);
        let provider = settings(&table).build("sms-a", Arc::new(ManualClock::new(at(NOW)))).unwrap();
        assert!(!format!("{provider:?}").contains("s3cret"), "a secret is shown");
        Self { stand_in, provider }
    }
}

/// Sends one message; what the service answered it means, and what it was sent.
pub async fn send(table: &Value, message: &Outgoing, answer: Act) -> (Report, Option<Seen>) {
    let service = Service::start(table, [answer]).await;
    (service.provider.send(message).await, service.stand_in.seen().pop())
}

pub async fn look_up(table: &Value, message: &Outgoing, answer: Act) -> (Option<Vec<Found>>, Option<Seen>) {
    let service = Service::start(table, [answer]).await;
    (service.provider.look_up(message, at(NOW)).await, service.stand_in.seen().pop())
}

pub fn sms() -> Outgoing {
    outgoing(Channel::Sms, Address::Phone(PHONE.to_owned()))
}

/// What a table says of answers: status, headers, body.
pub fn classify(definition: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> Report {
    let definition = super::Definition::read(definition).unwrap();
    let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(*value).unwrap())).collect();
    definition.answers.report(&Answer { status, headers, body: body.as_bytes().to_vec() }, at(NOW))
}

pub fn accepted(id: &str) -> Report {
    Report::accepted(id.to_owned())
}

pub fn refused(outcome: Outcome, code: &str) -> Report {
    Report::new(outcome, code.to_owned())
}

pub fn retry(after: Option<&str>, scope: LimitScope) -> Outcome {
    Outcome::Retry { after: after.map(at), scope }
}

/// A request to `/callbacks/sms-a`.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Call {
    pub fn get(query: &str) -> Self {
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { method: Method::GET, query, headers: HeaderMap::new(), body: Vec::new() }
    }

    pub fn form(body: &str) -> Self {
        Self { method: Method::POST, body: body.into(), ..Self::get("") }.header("content-type", "application/x-www-form-urlencoded")
    }

    pub fn json(body: &str) -> Self {
        Self { method: Method::POST, body: body.into(), ..Self::get("") }.header("content-type", "application/json")
    }

    pub fn query(mut self, query: &str) -> Self {
        self.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
        self
    }

    /// The whole URL, as the provider called it.
    pub fn url(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("https://bell.example.org/wb/callbacks/sms-a{mark}{query}")
    }

    pub async fn read(&self, table: &Value) -> Result<Heard, Refusal> {
        let inbound = settings(table).inbound("sms-a").unwrap().expect("something is taken");
        let url = self.url();
        let request = Request {
            method: &self.method,
            path: "",
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
            public_url: "https://bell.example.org/wb",
            url: &url,
            now: at(NOW),
        };
        inbound.read(&request).await
    }

    pub async fn notices(&self, table: &Value) -> Vec<Notice> {
        self.read(table).await.unwrap().notices
    }

    /// What its only receipt says: of which delivery and message, what, and the code.
    pub async fn receipt(&self, table: &Value) -> Option<Said> {
        let notices = self.notices(table).await;
        assert!(notices.len() <= 1, "{notices:?}");
        notices.into_iter().next().map(|notice| match notice {
            Notice::Receipt(receipt) => (receipt.of.delivery.0, receipt.of.message_id, receipt.outcome, receipt.code),
            other => panic!("no receipt: {other:?}"),
        })
    }
}

pub type Said = (String, Option<String>, ReceiptOutcome, Option<String>);

pub fn said(message_id: &str, outcome: ReceiptOutcome, code: Option<&str>) -> Said {
    (DELIVERY.to_owned(), Some(message_id.to_owned()), outcome, code.map(str::to_owned))
}

#[test]
fn every_built_in_definition_can_be_used() {
    let defined = crate::registry::kinds().iter().filter(|kind| !kind.channels().is_empty());
    assert!(defined.count() > 10);
}
