//! Listening to providers: those that have to be told where to call are told, and those that cannot call are asked.
//!
//! Where a source was left off is kept in the database after each batch was applied, so that what it says is applied at least
//! once, whatever dies in between. What a notice says twice changes nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;
use watchbell_providers::http::join;
use watchbell_providers::inbound::{Inbound, InboundError, Source};
use watchbell_store::StoreError;

use super::apply::apply;
use super::inquire;
use crate::state::Api;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error("it cannot be asked: {0}")]
    Source(#[from] InboundError),
    #[error("what it said cannot be applied: {0}")]
    Store(#[from] StoreError),
}

/// Starts to listen to every provider that says something; what goes on runs among `parts` until `shutdown`.
pub fn listen(api: &Api, parts: &TaskTracker, shutdown: &CancellationToken) {
    for (provider, inbound) in &api.settings.inbound {
        let (api, provider, inbound, shutdown) = (api.clone(), provider.clone(), inbound.clone(), shutdown.clone());
        parts.spawn(async move {
            tokio::select! {
                () = listen_to(&api, &provider, inbound) => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
}

async fn listen_to(api: &Api, provider: &str, inbound: Arc<dyn Inbound>) {
    let public_url = api.settings.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    if let Some(source) = inbound.source(public_url.is_some()) {
        ask(api, provider, source).await;
    } else if let Some(inquiry) = inbound.inquiry(public_url.is_some()) {
        inquire::inquire(api, provider, inquiry).await;
    } else if let Some(public_url) = public_url {
        let url = join(&public_url, &["callbacks", provider]);
        if let Err(error) = inbound.announce(&url).await {
            tracing::warn!(provider, %error, "a provider could not be told where to call: what people answer there may not be heard");
        }
    }
}

/// Asks for news and applies it, for ever. A failure is said once, then it is tried again with growing pauses.
async fn ask(api: &Api, provider: &str, source: &dyn Source) {
    let (mut pause, mut is_open) = (FIRST_PAUSE, false);
    loop {
        match poll(api, provider, source, is_open).await {
            Ok(()) => (pause, is_open) = (FIRST_PAUSE, true),
            Err(error) => {
                if is_open || pause == FIRST_PAUSE {
                    tracing::warn!(provider, %error, "what people answer at a provider is not heard for now; trying again");
                }
                is_open = false;
                api.clock.sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// One batch.
async fn poll(api: &Api, provider: &str, source: &dyn Source, is_open: bool) -> Result<(), PollError> {
    if !is_open {
        source.open().await?;
    }
    let setting = format!("inbound.{provider}.position");
    let batch = source.next(api.store.setting(&setting).await?.as_deref()).await?;
    for heard in batch.heard {
        let reply = apply(api, provider, heard).await?;
        // What was said counts whether or not it can be replied to.
        if let Err(error) = source.reply(reply).await {
            tracing::debug!(provider, %error, "somebody could not be replied to");
        }
    }
    if let Some(position) = batch.position {
        api.store.put_setting(&setting, &position).await?;
    }
    Ok(())
}
