//! What comes back from a provider: what became of a message, what people answered, which chats they linked.
//!
//! A provider calls `/callbacks/{table}`, or is asked by a [`Source`] where nobody can call this server. Either way the kind
//! verifies and reads what it is given ([`Inbound::read`]) into [`Heard`]: a list of [`Notice`]s, and how to reply. Whoever
//! received it applies the notices, one [`Effect`] each, and lets the kind word its reply from what they came to, in the
//! language of whom it is said to. A kind changes nothing by itself, and who applies knows no kind.
//!
//! Nothing is lost if a process dies in between: the provider gets no reply, so it says the same again, and every notice can be
//! applied twice.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use http::Response;
use url::Url;
use watchbell_core::contact::ContactKind;
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::device::DeviceKind;
pub use watchbell_core::event::Action;
use watchbell_core::{Channel, DeliveryId, Secret, Timestamp};

use crate::phrase::{Phrase, Since, Wording};

/// The receiving half of one provider, that is of one table of the configuration.
#[async_trait]
pub trait Inbound: Send + Sync + fmt::Debug {
    /// The header by which whoever calls proves to be the provider: nothing of a body is read without it. None where the proof
    /// stands in the body.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where nothing is taken under that path.
    fn proof(&self, path: &str) -> Result<Option<&str>, Refusal>;

    /// Verifies one request and reads it. Callbacks are GET or POST; which of them is taken is the kind's to say
    /// ([`Request::posted`]).
    ///
    /// # Errors
    /// It is not the provider's, or makes no sense.
    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal>;

    /// Says something to who wrote or pressed, by a message of its own: [`Reply::Messages`] says to whom.
    async fn say(&self, _to: &Whom, _text: &str) -> Result<(), InboundError> {
        Err(InboundError("this provider's replies are part of its answers".to_owned()))
    }

    /// Tells the provider the URL of its own callbacks, where it has to be told. Asked once, at start, of what is called.
    async fn announce(&self, _url: &Url) -> Result<(), InboundError> {
        Ok(())
    }

    /// Says to people what the answer to the provider's call could not carry: [`FollowUp`], put beside that answer. Asked once the
    /// call was answered; what cannot be said then is not said again.
    async fn follow_up(&self, _follow_up: FollowUp) -> Result<(), InboundError> {
        Ok(())
    }

    /// What is to be asked for news instead of being called; `is_reachable` says whether the provider could call this server.
    /// None where it only calls.
    fn source(&self, _is_reachable: bool) -> Option<&dyn Source> {
        None
    }

    /// The same, where it can only be asked of one message at a time.
    fn inquiry(&self, _is_reachable: bool) -> Option<&dyn Inquiry> {
        None
    }
}

/// A provider that can be asked for what it would otherwise call with.
#[async_trait]
pub trait Source: Send + Sync + fmt::Debug {
    /// Prepares for asking. Called before the first question, and again after one that failed.
    async fn open(&self) -> Result<(), InboundError>;

    /// Waits for something new, as long as one question may take. `position` is where the batch before this one ended.
    async fn next(&self, position: Option<&str>) -> Result<Batch, InboundError>;

    /// Hands over the reply that the provider would have been given had it called.
    async fn reply(&self, reply: Response<String>) -> Result<(), InboundError>;
}

/// A provider that can be asked what became of a message on a device.
#[async_trait]
pub trait Inquiry: Send + Sync + fmt::Debug {
    /// To what kind of device such messages go.
    fn device(&self) -> DeviceKind;

    /// At least so much time is between two questions about the same message.
    fn pause(&self) -> Duration;

    /// For so long after it was sent a message can be answered there, in seconds.
    fn window_s(&self) -> i64;

    /// What its reader did with it. `message_id` is what the provider calls the message, `token` is the device's.
    async fn ask(&self, delivery: &DeliveryId, message_id: &str, token: &Secret) -> Result<Vec<Notice>, InboundError>;
}

/// What one question brought, in order.
#[derive(Debug, Default)]
pub struct Batch {
    pub heard: Vec<Heard>,
    /// Where it ended; None where it brought nothing.
    pub position: Option<String>,
}

/// Why a provider could not be asked or told. Says nothing of the URL, which may hold a token, nor of what the provider wrote,
/// which may hold a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InboundError(pub String);

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub method: &'r http::Method,
    /// Below the provider's name, without a slash before it; empty for the provider's own path.
    pub path: &'r str,
    /// Decoded, in order.
    pub query: &'r [(String, String)],
    pub headers: &'r http::HeaderMap,
    pub body: &'r [u8],
    /// `http.public_url`, without a slash at the end.
    pub public_url: &'r str,
    /// The whole URL as the provider called it, which is what most of them sign.
    pub url: &'r str,
    pub now: Timestamp,
}

impl Request<'_> {
    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Refuses what is no POST.
    ///
    /// # Errors
    /// [`Refusal::Method`].
    pub fn posted(&self) -> Result<(), Refusal> {
        if self.method == http::Method::POST { Ok(()) } else { Err(Refusal::Method(self.method.clone())) }
    }

    /// A parameter of the query that is given once, and not empty.
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|value| !value.is_empty() && values.next().is_none())
    }

    /// The delivery that the request's URL names, as [`crate::http::callback`] wrote it.
    ///
    /// # Errors
    /// There is none.
    pub fn delivery(&self) -> Result<DeliveryId, Refusal> {
        /// More than any id has, in bytes.
        const LONGEST_ID: usize = 64;
        let id = self.query("delivery").filter(|id| id.len() <= LONGEST_ID);
        id.map(|id| DeliveryId(id.to_owned()))
            .ok_or_else(|| Refusal::Malformed("delivery is missing; it must be a delivery's id".to_owned()))
    }
}

/// Why a request is not taken. The texts are told to the caller, and hold nothing of what it sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is taken there.
    #[error("{0}")]
    NotFound(&'static str),
    /// It is not the provider's.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It is the provider's, and cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Whether it is the provider's cannot be found out now; the provider should say it again.
    #[error("{0}")]
    Unavailable(&'static str),
    /// Nothing is taken there by this method.
    #[error("{0} is not taken here")]
    Method(http::Method),
}

/// What one request, or one piece of a batch, came to.
#[derive(Debug)]
pub struct Heard {
    /// In the order in which they were said; empty where nothing of it is of interest.
    pub notices: Vec<Notice>,
    pub reply: Reply,
}

impl Heard {
    /// What is taken without anything to reply.
    pub fn taken(notices: Vec<Notice>) -> Self {
        Self { notices, reply: Reply::Plain(nothing()) }
    }
}

fn nothing() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    response
}

/// One thing that a provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    Receipt(Receipt),
    Answer(Answer),
    Text(Text),
    Link(Link),
    Consent(Consent),
}

/// The message that something is said about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub delivery: DeliveryId,
    /// How a message of which such a thing is said may have been sent.
    pub channels: &'static [Channel],
    /// The provider's id of the message, where it names one.
    pub message_id: Option<String>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub of: Subject,
    pub outcome: ReceiptOutcome,
    /// The provider's own code for it. It is kept with the attempt, so it must not be able to hold an address or a text.
    pub code: Option<String>,
}

/// What a person did with a message, by a key, a button or a link: it says itself what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub of: AnswerTo,
    /// None where it means nothing. It changes nothing then, but who answered is found out, to be told so in their language.
    pub action: Option<Action>,
    /// Who pressed, where more people than the addressee can see the message. None: it was the addressee.
    pub by: Option<Presser>,
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerTo {
    /// The provider was told which delivery it is, as in a call's URL.
    Delivery(Subject),
    /// The token of the message's [`AnswerOffer`](crate::provider::AnswerOffer), which a button carries.
    Token(Secret),
}

/// An account at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presser {
    /// What kind of address names it: contacts of that kind are looked through, and what users have linked.
    pub service: ContactKind,
    /// Its id, as contacts of that kind write it.
    pub account: Secret,
}

/// What a person wrote to us. What it means, and to which message it is an answer, whoever applies it finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// How a message may have been sent that this answers.
    pub channels: &'static [Channel],
    /// Where it came from, as contacts of that channel write it: the number, the chat.
    pub from: Secret,
    /// Who wrote it, where `from` is no one person's.
    pub by: Option<Presser>,
    /// The provider's id of the message that it is a reply to, where the service says so.
    pub replies_to: Option<String>,
    /// The provider's id of this message, by which it is known when it comes again.
    pub message_id: Option<String>,
    pub text: Secret,
    /// BCP 47: what whoever is not known to us is spoken to in; empty where nobody knows.
    pub locale: String,
}

/// An address opted out, or in again, where its carrier or service minds that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    pub channels: &'static [Channel],
    pub address: Secret,
    pub is_in: bool,
}

/// Somebody opened a chat by the link that they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The link's token, which says whose it is.
    pub token: Secret,
    /// The chat.
    pub address: Secret,
    /// BCP 47: what whoever is not known to us is spoken to in.
    pub locale: String,
}

/// What a notice came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    pub change: Change,
    /// BCP 47: the language of whom it is about; empty where nobody knows.
    pub locale: String,
    /// What to say to whoever answered or wrote, and to nobody else, in their language: plain text. Empty where nothing is to be
    /// said, as to what is no answer, or to somebody who was helped a moment ago.
    pub said: String,
}

impl Effect {
    /// What nobody has to be told of.
    pub fn quiet(change: Change) -> Self {
        Self { change, locale: String::new(), said: String::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is done: now, or before by the same notice.
    Done,
    /// It is about nothing that there is, or that this provider sent.
    Unknown,
    /// It means nothing that changes anything.
    Nothing,
    /// Whoever pressed is no user that we know.
    Stranger,
    /// The message was sent too long ago to be answered.
    Expired,
    /// The round of the alert is over: what the alert is, and since when, unless it was opened again.
    Over(Option<Since>),
}

/// Words what is said to people; what it says comes from the templates.
pub trait Words {
    fn say(&self, phrase: Phrase, locale: &str, since: Option<&Since>) -> Wording;
}

/// Words a reply from what each notice came to, in their order.
type Worded = dyn FnOnce(&[Effect], &dyn Words) -> Response<String> + Send;

/// What a provider is told in return.
pub enum Reply {
    /// The same, whatever came of it.
    Plain(Response<String>),
    Worded(Box<Worded>),
    /// The same, and what each notice came to is said by a message of its own ([`Inbound::say`]) to who is named in its place.
    Messages {
        response: Response<String>,
        to: Vec<Option<Whom>>,
    },
}

/// Who wrote or pressed, and can be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    pub channel: Channel,
    pub address: Secret,
    /// When they did.
    pub at: Timestamp,
}

impl Reply {
    pub fn worded(word: impl FnOnce(&[Effect], &dyn Words) -> Response<String> + Send + 'static) -> Self {
        Self::Worded(Box::new(word))
    }

    pub fn give(self, effects: &[Effect], words: &dyn Words) -> Response<String> {
        match self {
            Self::Plain(response) | Self::Messages { response, .. } => response,
            Self::Worded(word) => word(effects, words),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply(…)")
    }
}

/// What is to be said once the provider's call was answered, in the kind's own form. It stands among a reply's extensions.
#[derive(Clone)]
pub struct FollowUp(pub serde_json::Value);

impl fmt::Debug for FollowUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FollowUp(…)")
    }
}

/// Reads what [`AnswerOffer::button`](crate::provider::AnswerOffer::button) wrote.
pub fn button(text: &str) -> Option<(Action, Secret)> {
    let (action, token) = text.split_once(':')?;
    Some((action.parse().ok()?, Secret::new(token)))
}

/// An answer with a body of that media type.
pub fn response(media_type: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    response
}

/// How chats are linked with a bot: users open it by a link that holds a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLink {
    /// What comes before the token.
    prefix: String,
}

impl ChatLink {
    pub fn new(prefix: String) -> Self {
        Self { prefix }
    }

    pub fn url(&self, token: &Secret) -> String {
        format!("{}{}", self.prefix, token.expose())
    }
}
