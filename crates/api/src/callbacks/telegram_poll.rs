//! Telegram without a public URL: updates are fetched by long polling.
//!
//! The offset is kept in the database after each batch was handled, so an update is handled at least once whatever dies in
//! between; linking the same chat again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use watchbell_channels::render::Renderer;
use watchbell_core::{Clock, Secret, Timestamp};
use watchbell_store::{Store, StoreError};

use super::telegram::handle_update;

/// How long Telegram holds a request when there is nothing to tell, in seconds. A call must be given more time than this.
pub const POLL_S: u64 = 25;

/// The setting that the offset is kept in.
const OFFSET: &str = "telegram.offset";

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The Bot API, as the binary calls it: with its own HTTP client, base URL and token.
#[async_trait]
pub trait BotApi: Send + Sync {
    /// Calls a method and answers its `result`.
    async fn call(&self, method: &str, parameters: Value) -> Result<Value, BotError>;
}

/// Why a call failed; never holds the URL, as the token is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BotError(pub String);

#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("Telegram cannot be polled: {0}")]
    Bot(#[from] BotError),
    #[error("Telegram's updates cannot be handled: {0}")]
    Store(#[from] StoreError),
}

/// Tells Telegram where to send updates.
///
/// # Errors
/// The call's.
pub async fn set_webhook(bot: &dyn BotApi, url: &str, secret: &Secret) -> Result<(), BotError> {
    bot.call("setWebhook", json!({ "url": url, "secret_token": secret.expose(), "allowed_updates": ["message"] })).await.map(|_| ())
}

/// Fetches and handles updates until `shutdown`. A failure is said once, then tried again with growing pauses.
pub async fn run(store: Arc<dyn Store>, renderer: Arc<Renderer>, bot: Arc<dyn BotApi>, clock: Arc<dyn Clock>, shutdown: CancellationToken) {
    let work = async {
        let (mut pause, mut is_polling) = (FIRST_PAUSE, false);
        loop {
            match poll(&*store, &renderer, &*bot, clock.now(), !is_polling).await {
                Ok(()) => (pause, is_polling) = (FIRST_PAUSE, true),
                Err(error) => {
                    if is_polling || pause == FIRST_PAUSE {
                        tracing::warn!(%error, "linking Telegram chats does not work for now; trying again");
                    }
                    is_polling = false;
                    clock.sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = shutdown.cancelled() => {}
    }
}

/// One batch.
async fn poll(store: &dyn Store, renderer: &Renderer, bot: &dyn BotApi, now: Timestamp, is_first: bool) -> Result<(), PollError> {
    if is_first {
        // A webhook that was set when there was a public URL would keep all updates.
        bot.call("deleteWebhook", json!({})).await?;
    }
    let offset = store.setting(OFFSET).await?.and_then(|text| text.parse::<i64>().ok());
    let updates =
        bot.call("getUpdates", json!({ "timeout": POLL_S, "offset": offset.unwrap_or(0), "allowed_updates": ["message"] })).await?;
    let mut next = None;
    for update in updates.as_array().into_iter().flatten() {
        if let Some(reply) = handle_update(store, renderer, update, now).await? {
            // The chat is linked whether or not it can be told so.
            if let Err(error) = bot.call("sendMessage", reply.to_json()).await {
                tracing::debug!(%error, "a Telegram chat could not be answered");
            }
        }
        next = update["update_id"].as_i64().map(|id| id.saturating_add(1)).max(next);
    }
    if let Some(next) = next {
        store.put_setting(OFFSET, &next.to_string()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_error_does_not_name_the_token() {
        let error = PollError::from(BotError("401 Unauthorized".to_owned()));
        assert_eq!(error.to_string(), "Telegram cannot be polled: 401 Unauthorized");
    }
}
