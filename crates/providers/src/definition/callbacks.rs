//! The receiving half of a provider that is data.
//!
//! A request is verified, then read: its data is the query of a GET, a form, or JSON, by what it says it is. It may hold several
//! events, each of which may be a receipt, a text, a press of a button or an opt-out, or nothing of interest.

use std::sync::Arc;

use ::http::{HeaderValue, Method, Response, StatusCode};
use async_trait::async_trait;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, DeliveryId, Secret};

use super::codes::recorded;
use super::condition::Condition;
use super::message::Callback;
use super::place::{Place, Pointer, Source};
use super::receipt::{self, Receipt};
use super::sender::Sender;
use super::template::Template;
use super::values::Values;
use super::{Definition, message};
use crate::consent::{self, Keyword};
use crate::http;
use crate::inbound::{self, Answer, AnswerTo, Consent, Heard, InboundError, Notice, Refusal, Reply, Request, Subject, Text, Whom};
use crate::provider::{Outgoing, Provider as _};
use crate::signature::{Scheme, Verified, Verifier};

/// More events of one request are not read: no service sends so many.
const MOST_EVENTS: usize = 2_000;
/// More than any id or token of ours has, in bytes.
const LONGEST_ID: usize = 64;
/// More of what a service wants to see again is not sent back, in bytes.
const LONGEST_ECHO: usize = 256;

/// How requests are verified, read and answered.
#[derive(Debug)]
pub struct Inbound {
    pub signature: Scheme,
    /// The settings that hold its keys.
    pub keys: Vec<String>,
    pub callback_query: Vec<(String, Template)>,
    pub inside: Option<Place>,
    pub each: Option<Pointer>,
    pub reply: Response<String>,
    pub unreadable: Option<StatusCode>,
    pub challenge: Option<Challenge>,
    /// What a message may have been sent by that something is said about.
    pub channels: &'static [Channel],
    pub receipt: Option<Receipt>,
    pub texts: Vec<TextRule>,
    pub buttons: Vec<ButtonRule>,
    pub consents: Vec<ConsentRule>,
}

#[derive(Debug)]
pub struct Challenge {
    pub token: Place,
    pub setting: String,
    pub echo: Place,
}

#[derive(Debug)]
pub struct TextRule {
    /// The setting that holds what people reply to.
    pub sender: Option<String>,
    /// What it answers may have been sent by, what it came by first.
    pub channels: &'static [Channel],
    pub each: Option<Pointer>,
    pub conditions: Vec<Condition>,
    pub from: Place,
    pub text: Place,
    pub message_id: Option<Place>,
    pub replies_to: Option<Place>,
}

#[derive(Debug)]
pub struct ButtonRule {
    /// Who pressed.
    pub from: Option<Place>,
    pub each: Option<Pointer>,
    pub conditions: Vec<Condition>,
    pub value: Place,
}

#[derive(Debug)]
pub struct ConsentRule {
    pub channels: &'static [Channel],
    pub each: Option<Pointer>,
    pub conditions: Vec<Condition>,
    pub address: Place,
    pub is_in: bool,
}

impl Inbound {
    /// Whether there is a key to verify with.
    pub fn is_verifiable(&self, values: &Values) -> bool {
        self.keys.iter().any(|key| values.is_given(key))
    }

    pub fn keys(&self, values: &Values) -> Vec<Secret> {
        self.keys.iter().filter_map(|key| values.secret(key)).collect()
    }

    /// Whether what people reply by a channel is heard.
    pub fn hears_replies(&self, values: &Values, channel: Channel) -> bool {
        let has_letters = |key: &String| values.text(key).is_some_and(|sender| sender.contains(char::is_alphabetic));
        let of_channel = |rule: &TextRule| rule.channels.first() == Some(&channel) && !rule.sender.as_ref().is_some_and(has_letters);
        self.is_verifiable(values) && self.texts.iter().any(of_channel)
    }

    /// Where the service shall report to; None where nobody can call us, or where nothing could be verified.
    pub fn callback(&self, name: &str, values: &Values, message: &Outgoing) -> Option<Callback> {
        let base = message.callback_base.as_deref().filter(|_| self.is_verifiable(values))?;
        let mut with_delivery = http::callback(base, &[name], message.delivery_id.as_str());
        let mut url = with_delivery.split('?').next().unwrap_or_default().to_owned();
        let variables = message::variables(&values.for_templates, message, None);
        for (at, (key, template)) in self.callback_query.iter().enumerate() {
            // What cannot be written was found out when the definition was read.
            let value = template.text(&variables).unwrap_or_default();
            url.push(if at == 0 { '?' } else { '&' });
            with_delivery.push('&');
            for url in [&mut url, &mut with_delivery] {
                http::encode(url, key);
                url.push('=');
                http::encode(url, &value);
            }
        }
        Some(Callback { with_delivery, url })
    }
}

/// Reads what comes for one provider's table.
#[derive(Debug)]
pub struct Callbacks {
    pub definition: Arc<Definition>,
    pub verifier: Verifier,
    /// Who answers people.
    pub sender: Sender,
    /// What a challenge must carry.
    pub challenge_token: Option<Secret>,
}

#[async_trait]
impl inbound::Inbound for Callbacks {
    fn proof(&self, path: &str) -> Result<Option<&str>, Refusal> {
        let inbound = self.inbound(path)?;
        // A challenge carries no signature.
        Ok(self.verifier.proof().filter(|_| inbound.challenge.is_none()))
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        let inbound = self.inbound(request.path)?;
        if let (Some(challenge), &Method::GET) = (&inbound.challenge, request.method) {
            return self.meet(challenge, request);
        }
        let body = match self.verifier.verify(request).await? {
            Verified::Body(body) => body,
            Verified::Handshake => return Ok(Heard { notices: Vec::new(), reply: Reply::Plain(copy(&inbound.reply)) }),
        };
        match inbound.events(request, &body) {
            Some(events) => {
                let (notices, to) = events.iter().flat_map(|event| inbound.notices(request, &body, event)).unzip();
                Ok(Heard { notices, reply: Reply::Messages { response: copy(&inbound.reply), to } })
            }
            None => match inbound.unreadable {
                Some(status) => Ok(Heard { notices: Vec::new(), reply: Reply::Plain(with_status(status)) }),
                None => Err(Refusal::Malformed("this is neither JSON nor a form as this provider sends them".to_owned())),
            },
        }
    }

    async fn say(&self, to: &Whom, text: &str) -> Result<(), InboundError> {
        let report = self.sender.send(&message::reply(to, text)).await;
        if matches!(report.outcome, Outcome::Accepted { .. }) { Ok(()) } else { Err(not_said(&report)) }
    }
}

/// What a refused reply says of itself: never whom it went to.
fn not_said(report: &Report) -> InboundError {
    InboundError(format!("{:?}, code {}", report.outcome.class(), report.code.as_deref().unwrap_or("none")))
}

fn with_status(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

fn copy(reply: &Response<String>) -> Response<String> {
    let mut response = Response::new(reply.body().clone());
    *response.status_mut() = reply.status();
    *response.headers_mut() = reply.headers().clone();
    response
}

impl Callbacks {
    fn inbound(&self, path: &str) -> Result<&Inbound, Refusal> {
        let inbound = self.definition.inbound.as_ref().filter(|_| path.is_empty());
        inbound.ok_or(Refusal::NotFound("nothing is taken under this path"))
    }

    /// Answers what makes sure that the URL is ours.
    fn meet(&self, challenge: &Challenge, request: &Request<'_>) -> Result<Heard, Refusal> {
        let source = Source { status: None, headers: request.headers, query: request.query, body: &[], data: &Value::Null };
        let given = challenge.token.first(&source).unwrap_or_default();
        let is_right = self.challenge_token.as_ref().is_some_and(|right| bool::from(right.expose().as_bytes().ct_eq(given.as_bytes())));
        if !is_right {
            return Err(Refusal::Forbidden("the token is not the configured one"));
        }
        let echo = challenge.echo.first(&source).filter(|text| text.len() <= LONGEST_ECHO && text.bytes().all(|b| b.is_ascii_graphic()));
        let echo = echo.ok_or_else(|| Refusal::Malformed("there is nothing to send back".to_owned()))?;
        let mut reply = inbound::response("text/plain; charset=utf-8", echo);
        reply.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        Ok(Heard { notices: Vec::new(), reply: Reply::Plain(reply) })
    }
}

impl Inbound {
    /// The events of a request; None where it cannot be read.
    fn events(&self, request: &Request<'_>, body: &[u8]) -> Option<Vec<Value>> {
        let mut data = data(request, body)?;
        if let Some(inside) = &self.inside {
            let source = Source { status: None, headers: request.headers, query: request.query, body, data: &data };
            data = serde_json::from_str(&inside.first(&source)?).ok()?;
        }
        Some(match &self.each {
            Some(each) => each.all(&data).into_iter().take(MOST_EVENTS).cloned().collect(),
            None => vec![data],
        })
    }

    /// What an event says, each with who wrote or pressed, if they can be told what came of it.
    fn notices(&self, request: &Request<'_>, body: &[u8], event: &Value) -> Vec<(Notice, Option<Whom>)> {
        let parts = |each: Option<&Pointer>| match each {
            Some(each) => each.all(event).into_iter().take(MOST_EVENTS).collect(),
            None => vec![event],
        };
        let source = |data| Source { status: None, headers: request.headers, query: request.query, body, data };
        let holds = |conditions: &[Condition], source: &Source<'_>| conditions.iter().all(|condition| condition.holds(source));
        let whom = |channels: &[Channel], address| Some(Whom { channel: *channels.first()?, address, at: request.now });
        let mut notices = Vec::new();
        if let Some(receipt) = &self.receipt {
            for source in parts(receipt.each.as_ref()).into_iter().map(source).filter(|source| holds(&receipt.conditions, source)) {
                notices.extend(self.receipt(receipt, &source).map(|receipt| (Notice::Receipt(receipt), None)));
            }
        }
        for rule in &self.consents {
            for source in parts(rule.each.as_ref()).into_iter().map(source).filter(|source| holds(&rule.conditions, source)) {
                let consent = |address| Consent { channels: rule.channels, address: self.address(address), is_in: rule.is_in };
                notices.extend(rule.address.first(&source).map(|address| (Notice::Consent(consent(address)), None)));
            }
        }
        for rule in &self.buttons {
            for source in parts(rule.each.as_ref()).into_iter().map(source).filter(|source| holds(&rule.conditions, source)) {
                let pressed = rule.value.first(&source).and_then(|value| inbound::button(&value));
                let from = rule.from.as_ref().and_then(|place| whom(self.channels, self.address(place.first(&source)?)));
                let answer = |(action, token)| Answer { of: AnswerTo::Token(token), action: Some(action), by: None };
                notices.extend(pressed.map(answer).map(|answer| (Notice::Answer(answer), from)));
            }
        }
        for rule in &self.texts {
            for source in parts(rule.each.as_ref()).into_iter().map(source).filter(|source| holds(&rule.conditions, source)) {
                let Some(text) = self.text(rule, &source) else { continue };
                let from = whom(rule.channels, text.from.clone());
                notices.extend(self.meant(text).into_iter().map(|notice| (notice, from.clone())));
            }
        }
        notices
    }

    /// None where nothing is known yet, or where it is about no delivery of ours.
    fn receipt(&self, receipt: &Receipt, source: &Source<'_>) -> Option<inbound::Receipt> {
        let delivery = receipt.delivery.first(source).filter(|id| id.len() <= LONGEST_ID)?;
        let outcome = receipt::outcome(&receipt.rules, source, receipt.code.as_ref())?;
        let message_id = receipt.message_id.as_ref().and_then(|place| place.first(source));
        let code = receipt.code.as_ref().and_then(|place| place.all(source).iter().find_map(|code| recorded(code)));
        let of = Subject { delivery: DeliveryId(delivery), channels: self.channels, message_id };
        Some(inbound::Receipt { of, outcome, code })
    }

    fn text(&self, rule: &TextRule, source: &Source<'_>) -> Option<Text> {
        let at = |place: &Option<Place>| place.as_ref().and_then(|place| place.first(source));
        Some(Text {
            channels: rule.channels,
            from: self.address(rule.from.first(source)?),
            by: None,
            replies_to: at(&rule.replies_to),
            message_id: at(&rule.message_id),
            text: Secret::new(rule.text.first(source)?),
            locale: String::new(),
        })
    }

    /// A text, or what it says of being written to, where the service did not act on that itself.
    fn meant(&self, text: Text) -> Vec<Notice> {
        let consent = |is_in| Notice::Consent(Consent { channels: text.channels, address: text.from.clone(), is_in });
        match consent::keyword(text.text.expose()).filter(|_| self.is_phone()) {
            Some(Keyword::Out) => vec![consent(false)],
            // YES is both.
            Some(Keyword::In) => vec![consent(true), Notice::Text(text)],
            Some(Keyword::Help) => Vec::new(),
            None => vec![Notice::Text(text)],
        }
    }

    fn is_phone(&self) -> bool {
        self.channels.iter().any(|channel| matches!(channel, Channel::Sms | Channel::Voice | Channel::Whatsapp))
    }

    /// An address as contacts have it: numbers with their `+`.
    fn address(&self, text: String) -> Secret {
        let is_bare = text.len() > 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        Secret::new(if self.is_phone() && is_bare { format!("+{text}") } else { text })
    }
}

/// What a request says, as data.
fn data(request: &Request<'_>, body: &[u8]) -> Option<Value> {
    /// Of several fields with one name the first counts.
    fn members(pairs: impl Iterator<Item = (String, String)>) -> Value {
        let mut members = Map::new();
        for (key, value) in pairs {
            members.entry(key).or_insert(Value::String(value));
        }
        Value::Object(members)
    }
    if request.method == Method::GET {
        return Some(members(request.query.iter().cloned()));
    }
    let media_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if media_type.starts_with("application/x-www-form-urlencoded") {
        return Some(members(url::form_urlencoded::parse(body).into_owned()));
    }
    // JSON is sent as text/plain too, as by SNS.
    serde_json::from_slice(body).ok().filter(|value: &Value| value.is_object() || value.is_array())
}
