//! What a text that somebody wrote can be an answer to.

use async_trait::async_trait;
use watchbell_core::contact::ContactKind;
use watchbell_core::event::AlertState;
use watchbell_core::user::User;
use watchbell_core::{Channel, DeliveryId, Timestamp, UserId};

use crate::StoreError;

/// A message of an alert that went to somebody's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub delivery: DeliveryId,
    pub channel: Channel,
    pub user: UserId,
    pub alert: String,
    pub round: i64,
    pub summary: String,
    pub state: AlertState,
    /// Whether its user is still paged in that round: nobody has accepted or resolved it.
    pub is_paged: bool,
    /// The provider's id of the message, or of the one that told it together with others.
    pub message_id: Option<String>,
}

#[async_trait]
pub trait Texts: Send + Sync {
    /// The users who have this address as a contact that may be used, in order of id.
    async fn owners(&self, kind: ContactKind, target: &str) -> Result<Vec<User>, StoreError>;

    /// What these users were told at this address of alerts, by messages planned at or after `since`, the newest first; a bounded
    /// number.
    async fn told(&self, kind: ContactKind, target: &str, since: Timestamp) -> Result<Vec<Told>, StoreError>;

    /// Whether a user is paged in that round of an alert: nobody has accepted or resolved it.
    async fn is_paged(&self, user: UserId, alert: &str, round: i64) -> Result<bool, StoreError>;

    /// What a text meant when it came first, if it did.
    async fn text_meaning(&self, id: &str) -> Result<Option<String>, StoreError>;

    /// Keeps what a text means; answers what is kept, which is what it meant when it came first.
    async fn keep_text(&self, id: &str, meaning: &str) -> Result<String, StoreError>;
}
