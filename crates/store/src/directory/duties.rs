//! Who is on duty, and who will be, by the shifts that are known.

use async_trait::async_trait;
use watchbell_core::{Timestamp, UserId};

use crate::StoreError;

/// A shift that is planned, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    pub id: String,
    pub schedule: String,
    pub user_id: UserId,
    pub user_name: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// A schedule in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleShifts {
    pub name: String,
    /// Those that overlap the stretch, in order of their begin; [`MOST_SHIFTS`] at most, the first to end.
    pub shifts: Vec<Shift>,
    /// Those that begin next after the begin of the stretch, however late that is.
    pub next: Vec<Shift>,
}

/// Shifts of a schedule, or of a user, that are listed at most.
pub const MOST_SHIFTS: usize = 1_000;

/// Which schedules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    pub name: Option<String>,
    /// Only those by which this user has a shift that has not ended when the stretch begins.
    pub user: Option<UserId>,
    /// Only names behind this one: the cursor.
    pub after: Option<String>,
    pub limit: i64,
}

#[async_trait]
pub trait Duties: Send + Sync {
    /// In order of name, with their shifts in that stretch of time.
    async fn schedules(&self, filter: &ScheduleFilter, from: Timestamp, to: Timestamp) -> Result<Vec<ScheduleShifts>, StoreError>;

    /// A user's shifts that overlap that stretch of time, in order of their begin; [`MOST_SHIFTS`] at most, the first to end.
    async fn shifts_of(&self, user: UserId, from: Timestamp, to: Timestamp) -> Result<Vec<Shift>, StoreError>;
}
