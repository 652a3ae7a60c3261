//! What is said to people once their provider's call was answered.

use tokio::sync::Semaphore;
use watchbell_providers::inbound::FollowUp;

use crate::state::Api;

/// So many are said at once: each is a call of a service that may hang. What is more is not said, as an answer counts without it.
const MOST_AT_ONCE: usize = 64;

static ROOM: Semaphore = Semaphore::const_new(MOST_AT_ONCE);

/// Says it beside whatever comes next.
pub(super) fn say(api: &Api, provider: &str, what: FollowUp) {
    let (Some(inbound), Ok(room)) = (api.settings.inbound.get(provider).cloned(), ROOM.try_acquire()) else {
        tracing::debug!(provider, "somebody could not be replied to: too many others are being replied to");
        return;
    };
    let provider = provider.to_owned();
    tokio::spawn(async move {
        if let Err(error) = inbound.follow_up(what).await {
            tracing::debug!(provider, %error, "somebody could not be replied to");
        }
        drop(room);
    });
}
