//! Monitoring tools that are to be silent about an alert, as somebody has it.
//!
//! Whether one is wanted is written in the transaction that accepts, resolves or opens an alert, so none is lost while the tool is
//! away. What is done with the tool follows from that, as often as it takes, and is never in the way of anything else.

use async_trait::async_trait;
use watchbell_core::Timestamp;

use crate::StoreError;

/// What a plan says of the tool that an alert came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    Wanted { alert_id: String, intake: String, author: String },
    Over { alert_id: String },
}

/// Something that is to be done with a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceTask {
    pub alert_id: String,
    pub intake: String,
    pub wanted: bool,
    pub author: String,
    /// The one that was made, and until when it lasts.
    pub made: Option<(String, Timestamp)>,
}

#[async_trait]
pub trait Silences: Send + Sync {
    /// What is due, the oldest first; nobody else gets it until then.
    async fn take_silences(&self, most: i64, until: Timestamp) -> Result<Vec<SilenceTask>, StoreError>;

    /// The tool has one until `ends_at`; it is looked at again at `next_at`, or now where it is not wanted any more by then.
    async fn silence_made(&self, alert_id: &str, silence_id: &str, ends_at: Timestamp, next_at: Timestamp) -> Result<(), StoreError>;

    /// Nothing more is to be done, unless one is wanted again by then.
    async fn silence_over(&self, alert_id: &str, was_wanted: bool) -> Result<(), StoreError>;
}
