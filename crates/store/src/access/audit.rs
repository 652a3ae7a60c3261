//! The audit log.

use async_trait::async_trait;
use serde_json::{Map, Value};
use watchbell_core::{KeyId, Timestamp};

use super::Actor;
use crate::StoreError;

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

/// Which entries; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only ids below this one: the cursor.
    pub before: Option<i64>,
    pub key: Option<KeyId>,
    /// What their action begins with.
    pub action: Option<String>,
    /// What their object begins with, as a path: `users/4` is not `users/41`.
    pub object: Option<String>,
    pub limit: i64,
}

/// The audit log: changes write their lines themselves, in their transactions.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes a line of the audit log for what is no change: a reading that matters, or something refused.
    async fn note(&self, by: Actor, action: &str, object: &str, detail: Option<Map<String, Value>>) -> Result<(), StoreError>;

    /// The newest entries that fit, newest first.
    async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError>;
}
