//! Calendars that shifts are read from: whose turn it is to read one, what is known of its shifts, and what was found in it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use watchbell_core::event::DutyStatus;
use watchbell_core::{EventId, Timestamp, UserId};

use crate::StoreError;

/// A calendar as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarName {
    pub name: String,
    pub schedule: String,
    /// A digest of how it is read.
    pub settings: String,
}

/// Whether a calendar is to be read now, by whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Now,
    /// Not before: somebody is reading it, or has.
    At(Timestamp),
}

/// A shift of a calendar that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarShift {
    pub id: String,
    pub schedule: String,
    pub user_id: UserId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub status: DutyStatus,
    /// The event that last said so.
    pub event_id: EventId,
}

/// What was found in a calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CalendarContents {
    /// Shifts of users, from then on.
    pub shifts: usize,
    /// All shifts that begin before this time were taken.
    pub until: Timestamp,
    /// Whom it names and nobody is, as it writes them.
    pub unknown: Vec<String>,
    /// What of it could not be understood, each a sentence.
    pub unreadable: Vec<String>,
    /// How many more of those two there are than are listed.
    pub more: usize,
}

/// What became of reading a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalendarReading {
    Good(CalendarContents),
    /// Why it cannot be believed, for people. What was found before stays.
    Failed(String),
}

/// A calendar, as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarState {
    pub name: String,
    pub schedule: String,
    /// When it was last tried to read it.
    pub read_at: Option<Timestamp>,
    /// When it was last read and believed.
    pub good_at: Option<Timestamp>,
    /// Why it was not, when that was last tried.
    pub failure: Option<String>,
    pub contents: CalendarContents,
}

#[async_trait]
pub trait Calendars: Send + Sync {
    /// Asks to read a calendar. Whose turn it is has it until then, and ends it by [`Self::calendar_read`]. Its schedule is listed
    /// from then on, with shifts or without.
    async fn take_calendar(&self, calendar: &CalendarName, until: Timestamp) -> Result<Turn, StoreError>;

    /// The shifts whose ids begin so and that end after `from`, cancelled ones included.
    async fn calendar_shifts(&self, prefix: &str, from: Timestamp) -> Result<Vec<CalendarShift>, StoreError>;

    /// Notes what became of reading a calendar, and when it is read again.
    async fn calendar_read(&self, name: &str, reading: &CalendarReading, next_at: Timestamp) -> Result<(), StoreError>;

    /// All that were ever read, in order of name.
    async fn calendars(&self) -> Result<Vec<CalendarState>, StoreError>;
}
