//! API keys.

use std::net::IpAddr;

use async_trait::async_trait;
use watchbell_core::access::Role;
use watchbell_core::{KeyId, Timestamp, UserId};

use super::Actor;
use crate::StoreError;

/// An API key as it is listed: without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub name: String,
    pub role: Role,
    pub user_id: Option<UserId>,
    /// Of a key pair: the part that is no secret, sent beside the one that is.
    pub public_key: Option<String>,
    /// The one intake by which it publishes.
    pub intake: Option<String>,
    pub created_at: Timestamp,
    /// From then on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// To a minute.
    pub used: Option<KeyUse>,
}

impl ApiKey {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// When a key was last used, and from which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUse {
    pub at: Timestamp,
    pub from: IpAddr,
}

/// A key to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    pub name: &'a str,
    /// The hex SHA-256 of the key, or of the secret part of a pair.
    pub hash: &'a str,
    pub role: Role,
    pub user_id: Option<UserId>,
    /// Of a pair.
    pub public_key: Option<&'a str>,
    /// Of a publisher's key that is for one intake alone.
    pub intake: Option<&'a str>,
    pub expires_at: Option<Timestamp>,
}

impl<'a> NewKey<'a> {
    /// A key that goes on until it is deleted.
    pub fn new(name: &'a str, hash: &'a str, role: Role, user_id: Option<UserId>) -> Self {
        Self { name, hash, role, user_id, public_key: None, intake: None, expires_at: None }
    }
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

/// API keys; of the keys themselves only hashes are kept.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Makes sure, at a start, that there is an admin key. The `configured` one takes the place of the one that was configured
    /// before; the same one again changes nothing, even if it was deleted meanwhile, as long as another admin key is there.
    /// One that is not configured is kept only where there is no admin key at all.
    async fn ensure_admin_key(&self, name: &str, hash: &str, configured: bool) -> Result<AdminKey, StoreError>;

    /// Keeps a key. A hash that is kept already is left as it is, and the key that has it is answered.
    ///
    /// # Errors
    /// `NotFound("user")` for a user that is not there.
    async fn add_key(&self, by: Actor, new: NewKey<'_>) -> Result<ApiKey, StoreError>;

    /// Notes when keys were last used. What is older than what is known changes nothing, and neither does a key that is gone.
    async fn note_key_uses(&self, uses: &[(KeyId, KeyUse)]) -> Result<(), StoreError>;

    /// The key that stands for somebody who signs in by an identity provider: `subject` says who that is there. Where their role or user
    /// is another one than before, a new key takes the place of the one that was, which ends the sessions that act with it.
    ///
    /// # Errors
    /// `NotFound("user")` for a user that is not there.
    async fn sign_on_key(&self, subject: &str, name: &str, role: Role, user_id: Option<UserId>) -> Result<ApiKey, StoreError>;

    /// Deletes the key of somebody who signed in by an identity provider and may not any more; its sessions end with it.
    async fn end_sign_on(&self, subject: &str) -> Result<(), StoreError>;

    /// The user of whoever signed in by an identity provider before.
    async fn signed_on_user(&self, subject: &str) -> Result<Option<UserId>, StoreError>;

    /// The key with that hash; and the hash as it is kept, for a comparison in constant time.
    async fn key_by_hash(&self, hash: &str) -> Result<Option<(ApiKey, String)>, StoreError>;

    /// Whether the key is still there, and not over.
    async fn has_key(&self, id: KeyId) -> Result<bool, StoreError>;

    /// Keys with ids above `after`, in order of id.
    async fn keys(&self, after: KeyId, limit: i64) -> Result<Vec<ApiKey>, StoreError>;

    /// Which of these users an admin key is bound to.
    async fn admins_among(&self, users: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Deletes a key. The last admin key that does not expire stays, whoever deletes at the same time: with none nobody could make
    /// another.
    ///
    /// # Errors
    /// `NotFound("key")`, `LastAdminKey`.
    async fn delete_key(&self, by: Actor, id: KeyId) -> Result<(), StoreError>;
}
