//! Messages that were sent say so once somebody has answered: their buttons go, and they name who has it.
//!
//! An edit takes a call of the provider's account as any message does, but waits for nothing: where there is no room now, it is tried
//! again a moment later, and given up after some minutes. It never changes what is known of the delivery.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::Channel;
use watchbell_providers::phrase::{Phrase, Since};
use watchbell_providers::provider::{Edit, EditOutcome};
use watchbell_store::StoreError;
use watchbell_store::queue::EditJob;

use super::channel::ChannelWorker;
use super::delivery::{content_of, destination, reader};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// Messages that are taken at once, and how long this process has for them before another one may try.
const MOST: i64 = 20;
const WITHIN: Duration = Duration::from_mins(1);

/// Edits by these channels until `stop`.
pub(super) async fn edit(workers: Vec<Arc<ChannelWorker>>, stop: CancellationToken) {
    let Some(context) = workers.first().map(|worker| worker.context.clone()) else { return };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.clock.sleep(LOOK) => {}
        }
        if let Err(error) = round(&workers).await {
            tracing::debug!(
                error = watchbell_core::error_chain(&error),
                "messages that are to be edited could not be looked up; trying again"
            );
        }
    }
}

async fn round(workers: &[Arc<ChannelWorker>]) -> Result<(), StoreError> {
    let Some(first) = workers.first() else { return Ok(()) };
    let (store, clock) = (&first.context.store, &first.context.clock);
    let channels: Vec<Channel> = workers.iter().map(|worker| worker.channel).collect();
    let edits = store.take_edits(&channels, MOST, clock.now() + WITHIN).await?;
    let mut done = Vec::new();
    for edit in &edits {
        let Some(worker) = workers.iter().find(|worker| worker.channel == edit.job.channel) else { continue };
        if one(worker, edit).await {
            done.push(edit.job.id.clone());
        }
    }
    if done.is_empty() { Ok(()) } else { store.edits_done(&done).await }
}

/// Edits one message; whether nothing is left to be done.
async fn one(worker: &ChannelWorker, edit: &EditJob) -> bool {
    let context = &worker.context;
    // Another process may have the provider that sent it.
    let Some(route) = worker.routes.named(&edit.provider) else { return false };
    let Some(to) = destination::destination(&edit.job) else { return true };
    let now = context.clock.now();
    let Ok(slot) = route.take_one(now) else { return false };
    let since = Since { state: edit.state.as_str(), at: edit.at, by: edit.by.clone() };
    let message = Edit {
        delivery_id: edit.job.id.clone(),
        channel: edit.job.channel,
        to,
        message_id: edit.message_id.clone(),
        content: content_of(context, &edit.job),
        note: context.renderer.phrase(Phrase::EditNote, &reader(&edit.job), now, Some(&since)).text,
        now,
    };
    let outcome = tokio::time::timeout(route.timeout, route.provider.edit(&message)).await;
    drop(slot);
    match outcome {
        Ok(EditOutcome::Done) => {
            tracing::debug!(delivery.id = %edit.job.id, "message.edit says who has it");
            true
        }
        Ok(EditOutcome::Cannot) => {
            route.give_back(1, true);
            true
        }
        Ok(EditOutcome::Failed(report)) => {
            route.learn(&report, context.clock.now());
            tracing::debug!(delivery.id = %edit.job.id, code = report.code, "message.edit failed; trying again for a while");
            false
        }
        Err(_) => false,
    }
}
