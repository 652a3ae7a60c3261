//! Asking providers that cannot call this server what became of single messages, as long as the alerts of those are open.
//!
//! Nothing is kept of it: which messages wait for an answer the database says each time, and what a provider says twice changes
//! nothing.

use watchbell_core::DeliveryId;
use watchbell_providers::inbound::{Heard, Inquiry};
use watchbell_store::StoreError;
use watchbell_store::intake::Unanswered;

use super::apply::apply;
use crate::state::Api;

/// So many messages are asked about in one round; those behind them have their turn in the next one.
const MOST: i64 = 50;

/// Asks, for ever. A failure is said once, until a round passes without one.
pub(super) async fn inquire(api: &Api, provider: &str, inquiry: &dyn Inquiry) {
    let (mut after, mut is_well) = (None, true);
    loop {
        api.clock.sleep(inquiry.pause()).await;
        match round(api, provider, inquiry, after.take()).await {
            Ok((last, None)) => (after, is_well) = (last, true),
            Ok((last, Some(failure))) => {
                after = last;
                warn(provider, &failure, &mut is_well);
            }
            Err(error) => warn(provider, &watchbell_core::error_chain(&error), &mut is_well),
        }
    }
}

fn warn(provider: &str, why: &str, is_well: &mut bool) {
    if std::mem::replace(is_well, false) {
        tracing::warn!(provider, error = why, "what people answer at a provider is not heard for now; asking again");
    }
}

/// Asks about those after `after`: the last one, where there may be more, and why some of them could not be asked about.
async fn round(
    api: &Api,
    provider: &str,
    inquiry: &dyn Inquiry,
    after: Option<DeliveryId>,
) -> Result<(Option<DeliveryId>, Option<String>), StoreError> {
    let since = api.clock.now().plus_s(-inquiry.window_s());
    let messages = api.store.unanswered(inquiry.device(), provider, since, after.as_ref(), MOST).await?;
    let mut failure = None;
    for Unanswered { delivery, message_id, token } in &messages {
        match inquiry.ask(delivery, message_id, token).await {
            Ok(notices) if notices.is_empty() => {}
            Ok(notices) => drop(apply(api, provider, Heard::taken(notices)).await?),
            // The others are asked about all the same: their provider may know them.
            Err(error) => failure = Some(error.to_string()),
        }
    }
    let is_full = i64::try_from(messages.len()).is_ok_and(|count| count == MOST);
    Ok((messages.into_iter().last().map(|last| last.delivery).filter(|_| is_full), failure))
}
