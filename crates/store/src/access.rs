//! API keys, the audit log, and small settings.

use std::net::IpAddr;

use async_trait::async_trait;
use watchbell_core::access::Role;
use watchbell_core::{KeyId, Timestamp, UserId};

use serde_json::{Map, Value};

use crate::StoreError;

/// Who did something, for the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever holds an API key, and the address that they called from, where that is known.
    Key { id: KeyId, address: Option<IpAddr> },
    /// Somebody without a key that is known, such as the sender of a refused one.
    Stranger { address: IpAddr },
    /// Watchbell itself, or a provider's callback.
    System,
}

impl Actor {
    pub fn key_id(self) -> Option<i64> {
        match self {
            Self::Key { id, .. } => Some(id.0),
            Self::Stranger { .. } | Self::System => None,
        }
    }

    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Key { address, .. } => address,
            Self::Stranger { address } => Some(address),
            Self::System => None,
        }
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
    /// Where the request came from: an IPv4 address, or an IPv6 network of 64 bits.
    pub address: Option<String>,
    /// What was done, such as `contact.replace`.
    pub action: String,
    /// To what, such as `users/4/contacts/9`.
    pub object: String,
    /// What that changed. Of a change, each field with what it was `before` and is `after`; addresses, names and tokens are
    /// masked, and secrets are never in it.
    pub detail: Option<Map<String, Value>>,
}

/// What became of the first admin key at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminKey {
    /// It is new.
    Made,
    /// It was there, or another admin key was and none is configured.
    Kept,
    /// The configured key was deleted by somebody since it was first given, and stays so.
    Deleted,
}

#[async_trait]
pub trait Access: Send + Sync {
    /// Makes sure, at a start, that there is an admin key. The `configured` one takes the place of the one that was configured
    /// before; the same one again changes nothing, even if it was deleted meanwhile, as long as another admin key is there.
    /// One that is not configured is kept only where there is no admin key at all.
    async fn ensure_admin_key(&self, name: &str, hash: &str, configured: bool) -> Result<AdminKey, StoreError>;

    /// Keeps a key by the hex SHA-256 of its text. A hash that is kept already is left as it is, and the key that has it is
    /// answered.
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

    /// Whether the key is still there.
    async fn has_key(&self, id: KeyId) -> Result<bool, StoreError>;

    /// Keys with ids above `after`, in order of id.
    async fn keys(&self, after: KeyId, limit: i64) -> Result<Vec<ApiKey>, StoreError>;

    /// Which of these users an admin key is bound to.
    async fn admins_among(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Deletes a key. The last admin key stays, whoever deletes at the same time: with none nobody could make another.
    ///
    /// # Errors
    /// `NotFound("key")`, `LastAdminKey`.
    async fn delete_key(&self, by: Actor, id: KeyId) -> Result<(), StoreError>;

    /// Writes a line of the audit log for what is no change: a reading that matters, or something refused.
    async fn note(&self, by: Actor, action: &str, object: &str, detail: Option<Map<String, Value>>) -> Result<(), StoreError>;

    /// The newest entries before `before` (an entry's id), newest first.
    async fn audit(&self, before: Option<i64>, limit: i64) -> Result<Vec<AuditEntry>, StoreError>;

    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;
}
