//! What is rendered, and what comes of it.

use std::sync::Arc;

use serde::Serialize;
use watchbell_core::event::EventData;
use watchbell_core::{NamedAs, Timestamp};
use watchbell_providers::provider::{AnswerOffer, Content};

/// What a message is, which chooses its templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    Alert,
    Update,
    Duty,
    DutyCancelled,
    Subscription,
    Verification,
    /// Somebody tries whether this arrives.
    Test,
    /// Several messages to one address in one.
    Bundle,
    /// A period's messages in one mail.
    Digest,
}

impl MessageKind {
    pub const ALL: [Self; 9] = [
        Self::Alert,
        Self::Update,
        Self::Duty,
        Self::DutyCancelled,
        Self::Subscription,
        Self::Verification,
        Self::Test,
        Self::Bundle,
        Self::Digest,
    ];

    /// The templates' folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Update => "update",
            Self::Duty => "duty",
            Self::DutyCancelled => "duty_cancelled",
            Self::Subscription => "subscription",
            Self::Verification => "verification",
            Self::Test => "test",
            Self::Bundle => "bundle",
            Self::Digest => "digest",
        }
    }
}

/// Who reads it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reader {
    /// What to call them.
    pub name: String,
    /// BCP 47.
    pub locale: String,
    /// IANA name.
    pub timezone: String,
}

/// One message of a bundle or digest.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: MessageKind,
    pub event: Arc<EventData>,
    /// When it was due.
    pub at: Timestamp,
}

/// All that a template can speak of.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// None for bundles, digests and tests.
    pub event: Option<Arc<EventData>>,
    /// The messages of a bundle or digest, in the order in which they are shown; empty otherwise.
    pub items: Vec<Item>,
    pub reader: Arc<Reader>,
    /// When it is sent: remaining times count from here.
    pub now: Timestamp,
    pub due_at: Option<Timestamp>,
    /// The mail for a user who has no rule.
    pub is_fallback: bool,
    /// As what the reader was named, where that was not by name.
    pub named_as: Option<NamedAs>,
    /// How the reader can answer; None where they cannot.
    pub answer: Option<AnswerOffer>,
    /// Whether what the reader replies to the message is heard.
    pub hears_replies: bool,
}

/// A template that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("the template {name}, line {line}: {message}")]
    Template { name: String, line: usize, message: String },
    #[error("the template folder's {file}: {message}")]
    Folder { file: String, message: String },
}

impl RenderError {
    pub(super) fn of(name: &str, error: &minijinja::Error) -> Self {
        // An error in an included or extended template names that one.
        let name = error.name().unwrap_or(name).to_owned();
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Self::Template { name, line: error.line().unwrap_or(0), message: format!("{}{detail}", error.kind()) }
    }
}

/// A message's texts, with what went wrong on the way.
#[derive(Debug)]
pub struct Rendered {
    pub content: Content,
    /// Parts that were replaced by a plain sentence; to be said once, not a reason to hold anything up.
    pub problems: Vec<RenderError>,
}
