//! API keys, the audit log, and small settings.

use async_trait::async_trait;
use watchbell_core::access::{Caller, Role};
use watchbell_core::{KeyId, Timestamp, UserId};

use crate::StoreError;

/// Who did something, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Key(KeyId),
    /// Watchbell itself, or a provider's callback.
    System,
}

impl Actor {
    pub fn key_id(self) -> Option<i64> {
        match self {
            Self::Key(id) => Some(id.0),
            Self::System => None,
        }
    }
}

impl From<&Caller> for Actor {
    fn from(caller: &Caller) -> Self {
        Self::Key(caller.key_id)
    }
}

/// An API key as it is listed: without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: String,
    pub role: Role,
    pub user_id: Option<UserId>,
    /// Of a key pair: the part that is no secret, sent beside the one that is.
    pub public_key: Option<String>,
    pub created_at: Timestamp,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: i64,
    pub at: Timestamp,
    pub key_id: Option<KeyId>,
    pub action: String,
    pub object: String,
    pub detail: Option<String>,
}

#[async_trait]
pub trait Access: Send + Sync {
    /// Keeps a key by the hex SHA-256 of its text. A hash that is kept already is left as it is (the bootstrap key at the
    /// second start), and the key that has it is answered.
    ///
    /// # Errors
    /// `NotFound("user")` for a user that is not there.
    async fn add_key(&self, by: Actor, name: &str, hash: &str, role: Role, user_id: Option<UserId>) -> Result<ApiKey, StoreError>;

    /// Keeps a key pair: the public part as it is, of the secret one its hash.
    ///
    /// # Errors
    /// `NotFound("user")` for a user that is not there.
    async fn add_key_pair(
        &self,
        by: Actor,
        name: &str,
        public_key: &str,
        hash: &str,
        role: Role,
        user_id: Option<UserId>,
    ) -> Result<ApiKey, StoreError>;

    /// The key with that hash; and the hash as it is kept, for a comparison in constant time.
    async fn key_by_hash(&self, hash: &str) -> Result<Option<(ApiKey, String)>, StoreError>;

    /// Keys in order of id.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// # Errors
    /// `NotFound("key")`.
    async fn delete_key(&self, by: Actor, id: KeyId) -> Result<(), StoreError>;

    /// The newest entries before `before` (an entry's id), newest first.
    async fn audit(&self, before: Option<i64>, limit: i64) -> Result<Vec<AuditEntry>, StoreError>;

    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
