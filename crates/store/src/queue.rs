//! What workers do with deliveries: claim, begin, finish.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::Purpose;
pub use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::device::Device;
use watchbell_core::event::EventData;
use watchbell_core::ids::Epoch;
use watchbell_core::outcome::Class;
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, ContactId, DeliveryId, EventId, Reason, Timestamp, UserId};

use crate::{Scope, StoreError};

/// A claimed delivery with all that its message is made of.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: DeliveryId,
    pub scope: Scope,
    pub purpose: Purpose,
    pub trigger: Trigger,
    pub channel: Channel,
    pub critical: bool,
    /// 0 is a HIGH alert, 1 everything else.
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
    pub user_id: UserId,
    pub user_name: String,
    pub locale: String,
    pub timezone: String,
    pub target: Target,
    /// What it has waited to be told together with.
    pub collect: Option<String>,
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

/// A call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub id: DeliveryId,
    pub provider: String,
    /// It tells of several deliveries: who is in it is fixed now.
    pub is_bundle: bool,
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
}

/// Which deliveries a worker claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranks {
    All,
    /// HIGH alerts alone.
    High,
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
}

/// What a final failure says about the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFate {
    Keep,
    /// The contact is locked, the device deleted.
    Bad,
}

/// What is older than these has been kept long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoffs {
    pub deliveries: Timestamp,
    pub events: Timestamp,
    pub dead_letters: Timestamp,
    pub audit: Timestamp,
}

impl Cutoffs {
    /// The same for everything.
    pub fn all(before: Timestamp) -> Self {
        Self { deliveries: before, events: before, dead_letters: before, audit: before }
    }
}

/// Something that a provider said later about a message that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub delivery: DeliveryId,
    /// The provider's table in the configuration, by whose account it is signed.
    pub provider: String,
    /// How a message of which such a thing is said may have been sent.
    pub channels: &'static [Channel],
    /// The provider's id of the message, where it names one.
    pub message_id: Option<String>,
    pub outcome: ReceiptOutcome,
    pub code: Option<String>,
}

/// A provider that a process does not call now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outage {
    pub channel: Channel,
    /// The name of its table in the configuration.
    pub provider: String,
    /// None while one call finds out whether it works again.
    pub until: Option<Timestamp>,
}

/// A process's hold on leases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSession {
    pub epoch: Epoch,
    pub name: String,
    pub roles: String,
    /// What it sends by.
    pub channels: Vec<Channel>,
    pub started_at: Timestamp,
    pub alive_until: Timestamp,
    /// The providers that it does not call.
    pub outages: Vec<Outage>,
    /// How far the clock of its machine is ahead of the database's, in milliseconds; negative where it is behind. None where
    /// there is one machine only.
    pub clock_ahead_ms: Option<i64>,
}

/// What a process has leased, as far as it knows.
#[derive(Clone, Debug, Default)]
pub struct HeldLeases {
    /// What it is working on.
    pub known: HashSet<DeliveryId>,
    /// What it has called for, and whose end could not be written: it may have gone out.
    pub called: HashSet<DeliveryId>,
}

/// What a process finds when it renews its life.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// False when this life itself had ended.
    pub is_alive: bool,
    /// The processes that are alive.
    pub sessions: Vec<WorkerSession>,
    pub ready: Ready,
}

/// What there is to do, for whoever missed being told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Something of these channels is ready.
    pub channels: BTreeSet<Channel>,
    /// An event for a topic has members that were not planned yet.
    pub fan_out: bool,
}

#[async_trait]
pub trait Queue: Send + Sync {
    /// Begins a life of a process; leases may be taken with its epoch. It lasts for `lease` from now, unless it is renewed.
    async fn open_session(&self, name: &str, roles: &str, channels: &[Channel], lease: Duration) -> Result<Epoch, StoreError>;

    /// Renews a life for `lease` from the moment at which that is written, and looks around. It waits for no lock that another
    /// transition holds.
    async fn heartbeat(&self, epoch: Epoch, lease: Duration) -> Result<Heartbeat, StoreError>;

    /// Frees
    /// - what dead processes had leased: what they had not begun can be claimed again, what they had begun gets an `Unknown`
    ///   attempt and is tried again;
    /// - what this process has leased without knowing it: the answer to a claim, a begin, or a plan that handed deliveries over, was
    ///   lost with the connection, so that nothing was called. What was leased since `before` may be on its way.
    ///
    /// It may have to wait for locks, so it is no part of renewing a life.
    async fn reap(&self, epoch: Epoch, held: &HeldLeases, before: Timestamp) -> Result<(), StoreError>;

    /// Shows the others which providers this process does not call now.
    async fn show_outages(&self, epoch: Epoch, outages: &[Outage]) -> Result<(), StoreError>;

    /// Ends a life in order: what it has leased and not begun goes back at once.
    async fn close_session(&self, epoch: Epoch) -> Result<(), StoreError>;

    /// Tells other processes on this database what became due, where no broker does. Nothing to do on SQLite.
    async fn tell_others(&self, channels: &BTreeSet<Channel>) -> Result<(), StoreError>;

    /// The processes that are alive.
    async fn live_sessions(&self) -> Result<Vec<WorkerSession>, StoreError>;

    /// Leases up to `most` deliveries of a channel that are ready and that their recipients take now: HIGH before others, older
    /// before newer. HeldLeases ones whose time has come count as ready; what goes together comes as one job. What cannot be read is set
    /// aside as failed, and keeps nothing else up.
    ///
    /// # Errors
    /// `Lapsed`: the life has ended, or is to be renewed first.
    async fn claim(&self, epoch: Epoch, channel: Channel, ranks: Ranks, most: i64) -> Result<Vec<Job>, StoreError>;

    /// Gives claimed deliveries back, with their recipients' slots; they are ready again at the given time.
    async fn release(&self, epoch: Epoch, deliveries: Vec<(DeliveryId, Timestamp)>) -> Result<(), StoreError>;

    /// Marks claimed deliveries as begun, right before their calls. Answers those that may be called: not the ones that were
    /// cancelled or changed since, nor any when the process's life has ended. What was begun as it was planned, and not called
    /// at once, is begun anew.
    async fn begin(&self, epoch: Epoch, calls: &[Call]) -> Result<Vec<DeliveryId>, StoreError>;

    /// What a bundle or digest that has begun tells: the deliveries in it, the most urgent first.
    async fn bundled(&self, bundle: &DeliveryId) -> Result<Vec<Job>, StoreError>;

    /// Which of a provider's message ids belong to other deliveries of the job's user.
    async fn ids_of_others(&self, job: &Job, message_ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// When a process that served a channel last ended; None where there never was one.
    async fn last_served(&self, channel: Channel) -> Result<Option<Timestamp>, StoreError>;

    /// Writes how begun deliveries ended, with all that follows for others. Answers those that this process still held. Calls that
    /// reached nobody give their recipients' slots back.
    async fn finish(&self, epoch: Epoch, finished: &[Finished]) -> Result<Vec<DeliveryId>, StoreError>;

    /// When the next delivery of a channel becomes ready, now or later.
    async fn next_ready(&self, channel: Channel, ranks: Ranks) -> Result<Option<Timestamp>, StoreError>;

    /// What is ready now.
    async fn ready(&self) -> Result<Ready, StoreError>;

    /// Applies receipts; each moves its delivery only forward, and only that which its provider sent last under that id. Answers
    /// whether each one was about such a delivery, in order.
    async fn receipts(&self, receipts: Vec<Receipt>) -> Result<Vec<bool>, StoreError>;

    /// Writes a contact's new target, as its provider gave it.
    async fn contact_moved(&self, contact: ContactId, target: &str) -> Result<(), StoreError>;

    /// Deletes a batch of what has been kept long enough, at most so many rows of a table; whether there may be more.
    async fn tidy(&self, before: &Cutoffs, most: i64) -> Result<bool, StoreError>;
}
