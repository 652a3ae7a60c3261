//! Who is on duty by a calendar: iCalendar (RFC 5545) read as shifts.
//!
//! Pure: a text goes in, with the stretch of time that matters; shifts come out, with the names of whose they are as the calendar
//! writes them. Then [`changes`] compares them with what is known. Whoever reads the calendar knows what those names mean.
//!
//! A calendar is somebody else's. What is no whole calendar is none ([`NoCalendar`]), so that half of one cancels nothing. An entry
//! that cannot be understood is named ([`Unreadable`]); its shifts stay as they are known, and all others are taken. Whatever
//! recurs, and however often, costs a bounded amount.

mod changes;
mod component;
mod entry;
mod lines;
mod people;
mod recurrence;
mod shifts;
mod value;
mod windows;
mod zones;

use jiff::tz::TimeZone;
use watchbell_core::Timestamp;

pub use changes::{Change, Known, Wanted, changes, duty_id, prefix};

/// How a calendar is read.
#[derive(Clone, Debug)]
pub struct Options {
    pub user_by: UserBy,
    /// Where days, and times without a zone, lie; unless given, where the calendar says that it is shown, else UTC.
    pub timezone: Option<TimeZone>,
    /// More shifts are not taken: those that begin first are.
    pub most_shifts: usize,
}

/// What names the user in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserBy {
    /// The addresses of those who attend; without any, addresses in the summary.
    Email,
    /// Names in the summary.
    Summary,
}

/// Whom an entry names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// As it stands, for people.
    pub shown: String,
    /// Ways to understand it, each a list of names: the first by which somebody is known counts.
    pub readings: Vec<Vec<String>>,
}

/// One time at which an entry takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// A digest of the entry's id.
    pub entry: String,
    /// A digest of when it was planned at first: what tells the times of one entry apart, wherever they are moved to.
    pub occurrence: String,
    pub who: Who,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// An entry that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// As in [`Shift::entry`].
    pub entry: String,
    pub uid: String,
    /// The rest of a sentence about the entry.
    pub why: String,
}

/// What a calendar says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// In order of their begin.
    pub shifts: Vec<Shift>,
    pub unreadable: Vec<Unreadable>,
    /// How many entries there are at all, of whatever time.
    pub entries: usize,
    /// All shifts that begin before this time are known.
    pub until: Timestamp,
}

/// Why a text is no calendar that could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCalendar {
    #[error("it is empty")]
    Empty,
    #[error("it is no iCalendar: it does not begin with BEGIN:VCALENDAR (a page to sign in on, perhaps)")]
    Other,
    #[error("it breaks off before END:VCALENDAR")]
    CutOff,
    #[error("it is no iCalendar: what begins in it does not end in the right order")]
    Broken,
}

/// The shifts of a calendar that run at some time from `from` on and begin before `to`.
///
/// # Errors
/// The text is no calendar, or not a whole one.
pub fn read(text: &[u8], options: &Options, from: Timestamp, to: Timestamp) -> Result<Calendar, NoCalendar> {
    shifts::read(text, options, from, to)
}

/// The zone of that name, as calendars may write it: IANA's or Windows'.
pub fn timezone(name: &str) -> Option<TimeZone> {
    zones::known(name)
}
