//! Who may use the API and what they did; and small facts that outlive a process.

use std::net::IpAddr;

use async_trait::async_trait;
use watchbell_core::KeyId;

use crate::StoreError;

mod audit;
mod browser_sessions;
mod keys;

pub use audit::{AuditEntry, AuditFilter, AuditLog};
pub use browser_sessions::{BrowserSession, BrowserSessions, SESSIONS_PER_KEY};
pub use keys::{AdminKey, ApiKey, KeyUse, Keys, NewKey};

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

/// Small facts that outlive a process, such as how far the Telegram bot has read.
#[async_trait]
pub trait StoredSettings: Send + Sync {
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// Answers the setting, which becomes `value` where there is none yet: of processes that ask at once, all get the same.
    async fn setting_or(&self, name: &str, value: &str) -> Result<String, StoreError>;
}
