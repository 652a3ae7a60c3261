//! Linking a Telegram chat with a user.

use async_trait::async_trait;
use watchbell_core::{Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;

/// Links to the Telegram bot, from being handed out until somebody opens them.
#[async_trait]
pub trait TelegramLinks: Send + Sync {
    /// Keeps the hash of a deep link's token until `expires_at`.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn start_telegram_link(&self, by: Actor, user: UserId, token_hash: &str, expires_at: Timestamp) -> Result<(), StoreError>;

    /// Links a chat to the user whose token this is, in place of the chat they had; the token is used up. None for a token
    /// that is unknown or expired.
    async fn finish_telegram_link(&self, token_hash: &str, chat_id: &str) -> Result<Option<UserId>, StoreError>;
}
