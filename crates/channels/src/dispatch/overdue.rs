//! Messages that a provider took and of which it has not said in time that they arrived: the channel's next provider takes them over, once
//! each, as long as somebody is needed.
//!
//! The first one may have reached its recipient all the same, so this may make a double; a channel's operator chooses it. A receipt that
//! comes while the message waits for the next provider still counts, and takes it back.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use watchbell_core::{Channel, Reason, Timestamp};
use watchbell_store::StoreError;
use watchbell_store::queue::{Attempt, Overdue};

use super::channel::ChannelWorker;
use super::context::DispatchContext;
use super::delivery::destination::destination;
use super::routes::request::RouteRequest;

/// Settled together at most.
const TOGETHER: i64 = 100;
/// What a process that died was waiting for is looked for so often by the others.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// After the database failed.
const RETRY: Duration = Duration::from_secs(1);

/// Waits for receipts that are overdue, until told to stop.
pub(super) async fn watch(context: Arc<DispatchContext>, workers: Vec<Arc<ChannelWorker>>, has_others: bool, stop: CancellationToken) {
    let workers: Vec<_> = workers.into_iter().filter(|worker| worker.receipt_after.is_some()).collect();
    let channels: Vec<Channel> = workers.iter().map(|worker| worker.channel).collect();
    loop {
        let next = if workers.is_empty() { Ok(None) } else { context.store.next_overdue(&channels).await };
        let now = context.clock.now();
        let at = match next {
            Ok(at) if has_others && !workers.is_empty() => at.unwrap_or(Timestamp::MAX).min(now + LOOK_AGAIN),
            Ok(at) => at.unwrap_or(Timestamp::MAX),
            Err(error) => {
                tracing::warn!(error = watchbell_core::error_chain(&error), "overdue receipts could not be looked up; trying again");
                now + RETRY
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.awaits_receipt.notified() => continue,
            () = context.clock.sleep_until(at) => {}
        }
        for worker in &workers {
            if let Err(error) = settle(worker).await {
                tracing::warn!(
                    channel = %worker.channel, error = watchbell_core::error_chain(&error), "overdue receipts could not be settled; trying again"
                );
                context.clock.sleep(RETRY).await;
            }
        }
    }
}

/// Passes on what another provider can take over; of the rest nothing more is waited for.
async fn settle(worker: &ChannelWorker) -> Result<(), StoreError> {
    let context = &worker.context;
    loop {
        let overdue = context.store.overdue(worker.channel, TOGETHER).await?;
        let is_last = overdue.len() < usize::try_from(TOGETHER).unwrap_or(usize::MAX);
        let settled: Vec<_> = overdue.into_iter().map(|one| (one.job.id.clone(), reason(worker, &one))).collect();
        if !settled.is_empty() {
            let passed_on = settled.iter().filter(|(_, reason)| reason.is_some()).count();
            tracing::info!(channel = %worker.channel, overdue = settled.len(), passed_on, "receipt.overdue");
            context.store.settle_overdue(settled).await?;
            // Whoever takes them over may have room while the channel's first provider has none.
            (0..passed_on).for_each(|_| worker.notifier.passed_on());
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Why a message is passed on; None where nobody else takes it.
fn reason(worker: &ChannelWorker, overdue: &Overdue) -> Option<Reason> {
    let job = &overdue.job;
    let to = destination(job)?;
    let mut log: Vec<Attempt> = job.log.clone();
    log.last_mut()?.goes_on = true;
    let request = RouteRequest { log: &log, ..RouteRequest::new(job, &to) };
    worker.routes.can_take_over(request, worker.context.clock.now()).then_some(Reason::NoReceipt { within_s: overdue.within_s })
}
