//! How an attempt ended: the one classification for every provider.

use crate::channel::named_enum;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

named_enum! {
    /// The class of an attempt's outcome, as the log of attempts keeps it.
    pub enum Class ("class") {
        Accepted = "Accepted",
        Retry = "Retry",
        BadAddress = "BadAddress",
        BadMessage = "BadMessage",
        ProviderDown = "ProviderDown",
        Unknown = "Unknown",
    }
}

/// What a provider's answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Accepted { message_id: Option<String> },
    /// A passing fault or a rate limit; never to be tried sooner than `after`.
    Retry { after: Option<Timestamp>, scope: LimitScope },
    /// This recipient cannot be reached this way, ever.
    BadAddress,
    /// This message will never be accepted.
    BadMessage,
    /// This provider will never accept this message, and another one may: it has no route or no permission for where it goes.
    BadRoute,
    /// Authentication, billing, suspension: nothing goes through this provider now.
    ProviderDown,
    /// The request was written and no answer came.
    Unknown,
}

impl Outcome {
    pub fn class(&self) -> Class {
        match self {
            Self::Accepted { .. } => Class::Accepted,
            Self::Retry { .. } => Class::Retry,
            Self::BadAddress => Class::BadAddress,
            Self::BadMessage | Self::BadRoute => Class::BadMessage,
            Self::ProviderDown => Class::ProviderDown,
            Self::Unknown => Class::Unknown,
        }
    }
}

/// What a `Retry` holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// This message alone: a passing fault.
    Message,
    /// Everything to this recipient through this provider.
    Recipient,
    /// The provider account.
    Provider,
}

/// An attempt's outcome with what the provider said, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub outcome: Outcome,
    /// The provider's own code (`21211`, `550`, `UNREGISTERED`); never a text that could hold an address.
    pub code: Option<String>,
    /// The address that this recipient has from now on, where the provider says so (a Telegram group that became a supergroup).
    pub moved_to: Option<String>,
}

impl Report {
    pub fn new(outcome: Outcome, code: impl Into<Option<String>>) -> Self {
        Self { outcome, code: code.into(), moved_to: None }
    }

    pub fn accepted(message_id: impl Into<Option<String>>) -> Self {
        Self::new(Outcome::Accepted { message_id: message_id.into() }, None)
    }

    /// A passing fault of this one message.
    pub fn retry(code: impl Into<Option<String>>) -> Self {
        Self::new(Outcome::Retry { after: None, scope: LimitScope::Message }, code)
    }
}
