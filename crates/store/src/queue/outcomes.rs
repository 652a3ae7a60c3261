//! How calls end.

use watchbell_core::outcome::Class;
use watchbell_core::{DeliveryId, Reason, Timestamp};

/// How an attempt ended and what the delivery becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub id: DeliveryId,
    /// Whether it told of several, which share its outcome.
    pub is_bundle: bool,
    /// None when no call was made: the contact was not OK, the message could not be made.
    pub attempt: Option<Attempt>,
    pub next: Next,
    /// The provider asks to leave the recipient alone until then.
    pub pause: Option<Timestamp>,
    /// Its provider is to say that it arrived by then, if it was sent.
    pub receipt_by: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: i64,
    pub at: Timestamp,
    pub provider: String,
    pub class: Class,
    pub code: Option<String>,
    pub message_id: Option<String>,
    /// None where the process died during the call.
    pub latency_ms: Option<i64>,
    /// When this provider may be asked again for this delivery, if it said so.
    pub not_before: Option<Timestamp>,
    /// It is no step of the retry ladder: another provider is tried at once, or the account takes nothing for now.
    pub goes_on: bool,
}

impl Attempt {
    /// Whether it is certain that nobody was reached by it.
    pub fn reached_nobody(&self) -> bool {
        !matches!(self.class, Class::Accepted | Class::Unknown)
    }

    /// Whether its provider took the message, and another one takes over all the same: nothing was heard of it, or that it did not
    /// arrive.
    pub fn took_and_was_passed_on(&self) -> bool {
        self.class == Class::Accepted && self.goes_on
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Sent,
    Retry {
        at: Timestamp,
        reason: Reason,
    },
    /// Will not be tried again; the user's next step is expedited.
    Failed {
        reason: Reason,
        address: AddressFate,
    },
    Expired,
    /// It is not to be sent, which is nobody's failure: nothing follows.
    Suppressed {
        reason: Reason,
    },
    /// A provider took it, it did not arrive, and no other one takes it; the user's next step is expedited.
    Undelivered {
        reason: Reason,
    },
}

/// What a final failure says about the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFate {
    Keep,
    /// The contact is locked, the device deleted.
    Bad,
}
