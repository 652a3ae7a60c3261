//! The store as a whole, and what a part of Watchbell sees of it.
//!
//! Each trait of the store is one aggregate. A part that needs several asks for them by one of the names below, and is given the
//! store as that: `Arc<dyn Store>` turns into each of them by itself.

use async_trait::async_trait;

use crate::StoreError;
use crate::access::{AuditLog, BrowserSessions, Keys, StoredSettings};
use crate::calendars::Calendars;
use crate::directory::{Accounts, Chains, ContactTrials, Contacts, Devices, Duties, Rules, TelegramLinks, Topics, Users, Verification};
use crate::history::History;
use crate::housekeeping::{FanOut, FollowUps, Retention};
use crate::intake::{Answers, DeadLetters, Events, Intake, Texts};
use crate::lint::Lint;
use crate::overview::Overviews;
use crate::preferences::{Categories, Notifications, Preferences};
use crate::queue::{Edits, ProviderUse, Queue, Receipts, Traces, WakeUps, WorkerSessions};
use crate::runs::Runs;
use crate::silences::Silences;

/// Users and all that belongs to them.
pub trait DirectoryStore:
    Accounts + Users + Contacts + ContactTrials + Verification + Devices + Duties + TelegramLinks + Rules + Chains + Topics
{
}

impl<S: Accounts + Users + Contacts + ContactTrials + Verification + Devices + Duties + TelegramLinks + Rules + Chains + Topics>
    DirectoryStore for S
{
}

/// What accepting events needs.
pub trait IntakeStore: Intake + DeadLetters {}

impl<S: Intake + DeadLetters> IntakeStore for S {}

/// What the workers of channels need.
pub trait WorkerStore: Edits + Queue + Receipts + ProviderUse + WorkerSessions + WakeUps + std::fmt::Debug {}

impl<S: Edits + Queue + Receipts + ProviderUse + WorkerSessions + WakeUps + std::fmt::Debug> WorkerStore for S {}

/// What the scheduler needs for its work in the background.
pub trait HousekeepingStore: FanOut + FollowUps + Retention + WakeUps {}

impl<S: FanOut + FollowUps + Retention + WakeUps> HousekeepingStore for S {}

/// Everything that is kept.
#[async_trait]
pub trait Store:
    DirectoryStore
    + IntakeStore
    + WorkerStore
    + HousekeepingStore
    + Answers
    + AuditLog
    + BrowserSessions
    + Calendars
    + Categories
    + Events
    + History
    + Keys
    + Lint
    + Notifications
    + Overviews
    + Preferences
    + Runs
    + Silences
    + StoredSettings
    + Texts
    + Traces
    + std::fmt::Debug
{
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
