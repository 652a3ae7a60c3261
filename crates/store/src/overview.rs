//! How things stand now: what waits, what is being sent, what went wrong of late, and who is there.

use async_trait::async_trait;
use watchbell_core::{Channel, Timestamp};

use crate::StoreError;
use crate::queue::{Sending, WorkerSession};

/// Nothing is counted further than this: beyond it, what matters is that it is a lot, and counting would cost what is counted.
pub const COUNTED_AT_MOST: i64 = 100_000;

/// How things stand at one moment. Counts end at [`COUNTED_AT_MOST`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// By channel and rank, those of which nothing waits left out.
    pub waiting: Vec<Waiting>,
    /// What live processes are sending, as they last said (with their heartbeats): one entry a channel.
    pub sending: Vec<Sending>,
    /// Dead letters that were not replayed.
    pub dead_letters: i64,
    /// Users whom an event of the last 24 hours did not reach.
    pub unreachable: i64,
    /// Processes that live, whatever their roles.
    pub processes: Vec<WorkerSession>,
}

/// Deliveries of one channel and rank that wait for their time, or for a slot. What a worker has claimed is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub channel: Channel,
    pub rank: WaitingRank,
    pub deliveries: i64,
    /// Those of them whose time has come.
    pub due: i64,
    /// When the first of those became due.
    pub due_since: Option<Timestamp>,
}

/// In which order what waits goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitingRank {
    /// HIGH alerts.
    High,
    Normal,
    /// By quiet hours, or until a digest's time.
    Held,
}

impl WaitingRank {
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Held];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Held => "held",
        }
    }
}

/// What operators look at, again and again: it costs the same however much was ever sent.
#[async_trait]
pub trait Overviews: Send + Sync {
    async fn overview(&self) -> Result<Overview, StoreError>;
}
