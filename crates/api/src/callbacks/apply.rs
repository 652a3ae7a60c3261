//! What a provider or a person said, applied. Every notice can be applied twice: providers repeat themselves.

use axum::http::Response;
use watchbell_core::contact::ContactKind;
use watchbell_core::ids::UserRef;
use watchbell_providers::inbound::{self, Change, Consent, Effect, Heard, Link, Notice, Reply, Whom};
use watchbell_store::StoreError;
use watchbell_store::queue::Receipt;

use super::said::phrases;
use super::{answer, text};
use crate::auth::hash_key;
use crate::state::Api;
use crate::trace;

/// Applies all that one request of a provider said, and words what it is told in return.
///
/// # Errors
/// The database's; the provider should say it again.
pub(super) async fn apply(api: &Api, provider: &str, heard: Heard) -> Result<Response<String>, StoreError> {
    let mut known = receipts(api, provider, &heard.notices).await?.into_iter();
    let mut effects = Vec::with_capacity(heard.notices.len());
    for notice in &heard.notices {
        effects.push(match notice {
            Notice::Receipt(_) => {
                let change = if known.next() == Some(true) { Change::Done } else { Change::Unknown };
                Effect::quiet(change)
            }
            Notice::Answer(answer) => answer::apply(api, provider, answer).await?,
            Notice::Link(link) => self::link(api, link).await?,
            Notice::Text(text) => text::apply(api, provider, text).await?,
            Notice::Consent(consent) => self::consent(api, consent).await?,
        });
    }
    if let Reply::Messages { to, .. } = &heard.reply {
        say(api, provider, to.clone(), &effects).await;
    }
    Ok(heard.reply.give(&effects, &phrases(api)))
}

/// Says by messages of their own what came of what people wrote, where the reply to the provider cannot carry it. What was done is
/// done, whether or not they hear of it.
async fn say(api: &Api, provider: &str, to: Vec<Option<Whom>>, effects: &[Effect]) {
    let Some(inbound) = api.settings.inbound.get(provider) else { return };
    for (whom, effect) in to.iter().zip(effects).filter(|(_, effect)| !effect.said.is_empty()) {
        let Some(whom) = whom else { continue };
        if let Err(error) = inbound.say(whom, &effect.said).await {
            tracing::warn!(provider, channel = whom.channel.as_str(), "a person who answered could not be told what came of it: {error}");
        }
    }
}

/// Applies the receipts among the notices in one transaction; whether each one was about what this provider sent last, in order.
async fn receipts(api: &Api, provider: &str, notices: &[Notice]) -> Result<Vec<bool>, StoreError> {
    let receipt = |receipt: &inbound::Receipt| Receipt {
        delivery: receipt.of.delivery.clone(),
        provider: provider.to_owned(),
        channels: receipt.of.channels,
        message_id: receipt.of.message_id.clone(),
        outcome: receipt.outcome,
        code: receipt.code.clone(),
    };
    let receipts = notices.iter().filter_map(|notice| if let Notice::Receipt(said) = notice { Some(receipt(said)) } else { None });
    let receipts: Vec<Receipt> = receipts.collect();
    if receipts.is_empty() {
        return Ok(Vec::new());
    }
    let deliveries: Vec<_> = receipts.iter().map(|receipt| receipt.delivery.clone()).collect();
    // What is heard belongs to the calls as they are before it changes anything.
    let (calls, began_at) = (trace::last_calls(api, &deliveries).await, api.clock.now());
    let told = receipts.clone();
    let known = api.store.receipts(receipts).await?;
    for (receipt, _) in told.iter().zip(&known).filter(|(_, is_known)| **is_known) {
        trace::record_receipt(api, &calls, receipt, began_at);
    }
    for (delivery, _) in deliveries.iter().zip(&known).filter(|(_, is_known)| !**is_known) {
        tracing::debug!(delivery = delivery.as_str(), provider, "a receipt for no message that this provider has sent last");
    }
    Ok(known)
}

/// Makes the chat the contact of whose link it is.
async fn link(api: &Api, link: &Link) -> Result<Effect, StoreError> {
    let linked = api.store.finish_telegram_link(&hash_key(&link.token), link.address.expose()).await?;
    let Some(user) = linked else { return Ok(Effect { locale: link.locale.clone(), ..Effect::quiet(Change::Unknown) }) };
    let user = api.store.user(&UserRef::Id(user)).await?;
    Ok(Effect { locale: user.map_or_else(|| link.locale.clone(), |user| user.locale), ..Effect::quiet(Change::Done) })
}

/// Writes to an address that opted out no more, and again to one that opted in.
async fn consent(api: &Api, consent: &Consent) -> Result<Effect, StoreError> {
    let Some(kind) = consent.channels.first().and_then(|channel| ContactKind::for_channel(*channel)) else {
        return Ok(Effect::quiet(Change::Nothing));
    };
    let changed = api.store.consent(kind, consent.address.expose(), consent.is_in).await?;
    Ok(Effect::quiet(if changed > 0 { Change::Done } else { Change::Nothing }))
}
