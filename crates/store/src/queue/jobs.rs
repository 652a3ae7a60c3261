//! What a worker claims: deliveries with all that their messages are made of.

use std::sync::Arc;

use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::Purpose;
use watchbell_core::device::Device;
use watchbell_core::event::EventData;
use watchbell_core::outcome::Class;
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, ContactId, DeliveryId, EventId, NamedAs, Timestamp, TraceContext, UserId};

use super::Attempt;
use crate::Scope;

/// A claimed delivery with all that its message is made of.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: DeliveryId,
    pub scope: Scope,
    pub purpose: Purpose,
    pub trigger: Trigger,
    pub channel: Channel,
    pub critical: bool,
    /// How urgent it is: [`rank::HIGH`](crate::rank::HIGH) or [`rank::NORMAL`](crate::rank::NORMAL).
    pub rank: i64,
    pub due_at: Timestamp,
    /// When Watchbell learnt of it, which may be after it was due.
    pub planned_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Attempts before this one.
    pub attempts: i64,
    /// Those of them that have ended, the first one first.
    pub log: Vec<Attempt>,
    pub event_id: EventId,
    pub event: Arc<EventData>,
    /// The span that accepted the event.
    pub trace: Option<TraceContext>,
    pub user_id: UserId,
    pub user_name: String,
    pub locale: String,
    pub timezone: String,
    pub target: Target,
    /// What it has waited to be told together with.
    pub collect: Option<String>,
    /// As what the user was named, where that was not by name.
    pub named_as: Option<NamedAs>,
}

impl Job {
    /// Attempts that ended as `Unknown`, the first one first.
    pub fn unknown(&self) -> impl Iterator<Item = &Attempt> {
        self.log.iter().filter(|attempt| attempt.class == Class::Unknown)
    }

    /// How often all providers that were up had been tried: waits of the retry ladder so far.
    pub fn rounds(&self) -> usize {
        self.log.iter().filter(|attempt| !attempt.goes_on).count()
    }
}

/// Where a job goes, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Contact {
        id: ContactId,
        target: watchbell_core::Secret,
        status: ContactStatus,
    },
    Device(Device),
    /// The contact or device is no more.
    Gone,
    /// In-app: the user.
    User,
}

impl Target {
    /// The contact's or device's id.
    pub fn ids(&self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Contact { id, .. } => (Some(id.0), None),
            Self::Device(device) => (None, Some(device.id.0)),
            Self::Gone | Self::User => (None, None),
        }
    }
}

/// A call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: DeliveryId,
    pub provider: String,
    /// It tells of several deliveries: who is in it is fixed now.
    pub is_bundle: bool,
}

/// Which deliveries a worker claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranks {
    All,
    /// HIGH alerts alone.
    High,
}
