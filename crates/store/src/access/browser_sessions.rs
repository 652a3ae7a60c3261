//! Sessions of browsers: the page acts with a key that was typed in once, and of which the browser keeps nothing.

use async_trait::async_trait;
use watchbell_core::{KeyId, Timestamp};

use super::{Actor, ApiKey};
use crate::StoreError;

/// Sessions that one key has at once: whoever begins one more ends the oldest, so that a key fills no table.
pub const SESSIONS_PER_KEY: i64 = 50;

/// A browser's session with the key that it acts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    pub key: ApiKey,
    pub expires_at: Timestamp,
}

/// Sessions are known by the hex SHA-256 of their ids, and end with their keys.
#[async_trait]
pub trait BrowserSessions: Send + Sync {
    /// Begins a session that acts with the actor's key.
    ///
    /// # Errors
    /// `NotFound("key")` where the key was deleted meanwhile.
    async fn begin_browser_session(&self, by: Actor, key: KeyId, id_hash: &str, expires_at: Timestamp) -> Result<(), StoreError>;

    /// The session, unless it has ended, expired, or its key is gone.
    async fn browser_session(&self, id_hash: &str) -> Result<Option<BrowserSession>, StoreError>;

    /// Ends a session; false where there is none.
    async fn end_browser_session(&self, by: Actor, id_hash: &str) -> Result<bool, StoreError>;
}
