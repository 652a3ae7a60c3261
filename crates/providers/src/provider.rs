//! What every provider is: something that takes one rendered message for one address and says how that ended.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_core::device::DeviceKind;
use watchbell_core::event::Action;
use watchbell_core::outcome::Report;
use watchbell_core::{Channel, DeliveryId, EventId, Secret, Timestamp, TraceContext, UserId};

pub use crate::about::{About, Told};
pub use crate::fit::Text;
use crate::gate::Gate;

/// A service that delivers messages.
///
/// Implementations never retry, never wait for a limit, and never log: the worker does, once for all of them. They pass the
/// message's gate when all that is left is to write it. A call has
/// ended within the client's timeout; what happened is in the [`Report`], whatever happened.
#[async_trait]
pub trait Provider: Send + Sync + std::fmt::Debug {
    /// Hands one message over.
    async fn send(&self, message: &Outgoing) -> Report;

    /// Whether an address is of the kind that this provider delivers to. One channel can have several kinds (push: FCM, APNs,
    /// Web Push); the worker hands a message to the channel's first provider that takes its address.
    fn takes(&self, _to: &Address) -> bool {
        true
    }

    /// Whether one service is behind all addresses, so that a fault met with one of them says something about the others. Where
    /// each address is a server of somebody's own (a webhook), one that does not answer must not open the breaker for all.
    fn is_one_service(&self) -> bool {
        true
    }

    /// Whether it says later, of every message on this channel that it took, whether it arrived: by a callback, so only where the message
    /// has a `callback_base`.
    fn has_receipts(&self, _channel: Channel) -> bool {
        false
    }

    /// Whether it can be asked what became of a message on this channel whose sending ended as `Unknown`.
    fn can_look_up(&self, _channel: Channel) -> bool {
        false
    }

    /// Asks for what the provider has of a message whose sending ended as `Unknown`, and which was first handed over at `since`:
    /// all that may be it, the likeliest first. None where that cannot be said now.
    async fn look_up(&self, _message: &Outgoing, _since: Timestamp) -> Option<Vec<Found>> {
        None
    }

    /// Whether what people reply to its messages of that channel is heard; `is_reachable` says whether the provider could call this
    /// server. Where it is not, they are given a link to answer by.
    fn hears_replies(&self, _channel: Channel, _is_reachable: bool) -> bool {
        false
    }

    /// Changes a message that was sent, once somebody has answered: its buttons go, and it says who has it.
    async fn edit(&self, _edit: &Edit) -> EditOutcome {
        EditOutcome::Cannot
    }
}

/// A message that was sent, and what it is to say now.
#[derive(Clone)]
pub struct Edit {
    pub delivery_id: DeliveryId,
    pub channel: Channel,
    pub to: Address,
    /// The provider's id of the message.
    pub message_id: String,
    /// What it said, without what could be answered.
    pub content: Content,
    /// What it is to say beside that, in the reader's language: "Anna has accepted this, 03:07".
    pub note: String,
    /// When it is edited, by the worker's clock.
    pub now: Timestamp,
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("delivery_id", &self.delivery_id).field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// How an edit ended. None of them changes what is known of the delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditOutcome {
    /// It says so now, or did before.
    Done,
    /// This message cannot be changed: the service has no such thing, or the message is gone or too old.
    Cannot,
    /// It could not be changed now; why, as of a message that is sent.
    Failed(Report),
}

/// A message that a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub message_id: String,
    /// What became of it: [`Outcome::Accepted`](watchbell_core::outcome::Outcome) while it may yet arrive.
    pub report: Report,
}

/// A message on its way to a provider.
#[derive(Clone)]
pub struct Outgoing {
    /// The idempotency key, where the provider has one; the same on every try.
    pub delivery_id: DeliveryId,
    pub channel: Channel,
    pub to: Address,
    pub content: Content,
    /// How it can be answered; None where it cannot.
    pub answer: Option<AnswerOffer>,
    /// The span of this call, for who goes on with its trace.
    pub trace: Option<TraceContext>,
    /// Of a mail of a category: the page on which its reader can turn such mails off, which takes a POST as RFC 8058 has it. A secret.
    pub unsubscribe_url: Option<String>,
    /// Who is told, and of what; of a bundle or digest also what each of its messages is about.
    pub told: Told,
    pub about: About,
    pub members: Vec<About>,
    /// Which try this is, from 1.
    pub attempt: i64,
    /// HIGH alerts: high push priority, no silent notification.
    pub urgent: bool,
    /// Breaks through a device's do-not-disturb.
    pub critical: bool,
    /// The alert or duty that this is about: push messages with the same one replace each other on the device.
    pub thread: Option<String>,
    /// After this the message is of no use.
    pub expires_at: Option<Timestamp>,
    /// When it was handed to the provider, by the worker's clock.
    pub now: Timestamp,
    /// Where receipts and key presses shall go: `http.public_url`, if it is set.
    pub callback_base: Option<Arc<str>>,
    /// Asked right before it is handed over.
    pub gate: Gate,
}

impl Outgoing {
    /// A message that tells of no event: a trial, or what somebody who wrote is told. It cannot be answered, and nothing is heard of
    /// it afterwards. `kind` is the folder of its templates.
    pub fn of_no_event(
        delivery_id: DeliveryId,
        channel: Channel,
        to: Address,
        kind: &'static str,
        content: Content,
        now: Timestamp,
    ) -> Self {
        let about = About {
            kind,
            event_id: EventId(delivery_id.0.clone()),
            alert_id: None,
            round: None,
            duty_id: None,
            status: None,
            priority: None,
            category: None,
            labels: serde_json::Map::new(),
        };
        Self {
            delivery_id,
            channel,
            to,
            content,
            answer: None,
            trace: None,
            unsubscribe_url: None,
            told: Told { id: UserId(0), name: String::new() },
            about,
            members: Vec::new(),
            attempt: 1,
            urgent: false,
            critical: false,
            thread: None,
            expires_at: None,
            now,
            callback_base: None,
            gate: Gate::default(),
        }
    }
}

/// Nothing of a message belongs in a log but its id and channel.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("delivery_id", &self.delivery_id).field("channel", &self.channel).finish_non_exhaustive()
    }
}

/// Where a message goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    Email(String),
    /// E.164.
    Phone(String),
    /// A chat id.
    Telegram(String),
    Device {
        kind: DeviceKind,
        token: Secret,
        keys: Option<Secret>,
    },
    /// The user's inbox in the app, under the category of what is told.
    Inbox {
        user_id: UserId,
        category: Option<String>,
    },
    /// Of all other chats and of webhooks, the contact's target as it is: a URL, a channel, a member, a room.
    Other(Secret),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address(…)")
    }
}

/// A rendered message, in every length that some channel needs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// One line: an email's subject, a notification's title.
    pub subject: String,
    /// Plain text in full.
    pub text: Text,
    pub html: String,
    /// A few hundred characters: SMS, push bodies, WhatsApp.
    pub short: Text,
    /// To be spoken.
    pub speech: Text,
    /// To be spoken after it, where keys can be pressed: which one does what. Empty if there is nothing to choose.
    pub menu: String,
    /// The alert's page, or what else there is to open.
    pub url: Option<String>,
    /// What a link to that is called.
    pub open: String,
    /// BCP 47: the language that all of this is written in, which need not be the reader's.
    pub locale: String,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content(…)")
    }
}

/// How whoever is told of an alert can answer: accept it, resolve it, or say that it is not theirs.
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerOffer {
    /// What a button hands back ([`AnswerTo::Token`](crate::inbound::AnswerTo)): 43 characters of base64url, this delivery's alone.
    pub token: Secret,
    /// The page on which it can be answered, which changes nothing until a button there is pressed; None without
    /// `http.public_url`. A secret as the token is.
    pub url: Option<String>,
    /// What a reply can name the alert by, where its reader has several: `A7`.
    pub code: String,
    /// What the buttons are called, in the message's language.
    pub accept: String,
    pub resolve: String,
    pub decline: String,
}

impl AnswerOffer {
    /// What a link to the page is called, on which each of the three can be chosen.
    pub fn choices(&self) -> String {
        format!("{} / {} / {}", self.accept, self.resolve, self.decline)
    }

    /// What a button of that action hands back: 51 bytes at most, which [`crate::inbound::button`] reads.
    pub fn button(&self, action: Action) -> String {
        format!("{action}:{}", self.token.expose())
    }
}

impl std::fmt::Debug for AnswerOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerOffer(…)")
    }
}

/// A provider account's rate limit: how many calls in what time, how many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccountLimit {
    /// Calls a second that the provider account allows; below one for slower ones.
    pub per_second: f64,
    /// Calls that may come at once before the rate applies.
    pub burst: u32,
    /// Calls that may be in flight.
    pub in_flight: usize,
    /// Until a call is given up and counts as `Unknown`.
    pub timeout: Duration,
}

/// How many calls one recipient gets in what time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecipientLimit {
    pub calls: u32,
    pub per: Duration,
}

/// Any Telegram group's chat id begins with this; a person's never does.
const TELEGRAM_GROUP: char = '-';

impl RecipientLimit {
    /// What a recipient gets unless the configuration says otherwise; None is unlimited.
    ///
    /// SMS, voice: so that a phone stays usable. WhatsApp: Meta's pair limit (code 131056). Telegram: the Bot API's figures
    /// for a chat and for a group.
    pub fn default_for(channel: Channel, target: &str) -> Option<Self> {
        let every = |seconds| Some(Self { calls: 1, per: Duration::from_secs(seconds) });
        match channel {
            Channel::Voice => every(60),
            Channel::Whatsapp => every(6),
            Channel::Telegram if target.starts_with(TELEGRAM_GROUP) => Some(Self { calls: 20, per: Duration::from_mins(1) }),
            // Google Chat's is a figure for a space, which everything in it shares; Discord's and Matrix's are guards.
            Channel::Sms
            | Channel::Telegram
            | Channel::Slack
            | Channel::Mattermost
            | Channel::Teams
            | Channel::GoogleChat
            | Channel::Discord
            | Channel::Matrix => every(1),
            Channel::Email | Channel::Push | Channel::Webhook | Channel::InApp => None,
        }
    }
}
