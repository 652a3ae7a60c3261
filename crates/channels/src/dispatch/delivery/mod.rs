//! One delivery: prepare → begin → send → finish.
//!
//! `prepare` checks the job and renders it, `begun` asks the database right before the call whether the delivery is still needed,
//! `send` hands the message to its provider, and `ending` decides what the answer makes of the delivery. A delivery that cannot be
//! called ends, or goes back to the ready queue, without an attempt.

mod answer_offer;
mod begun;
pub(super) mod destination;
mod ending;
mod look_up;
mod prepare;
mod send;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;
use watchbell_core::ids::Epoch;
use watchbell_core::{DeliveryId, Reason, Timestamp};
use watchbell_store::queue::{Call, Finished, Job, Next};

pub(super) use self::begun::Begun;
use self::begun::BegunCall;
use self::prepare::{complete, is_bundle, prepare};
pub(super) use self::prepare::{content_of, reader};
use self::trace::CallTrace;
pub(super) use self::trace::record_claims;
use super::batch::finish::FinishedDelivery;
use super::batch::persist::until_written;
use super::channel::ChannelWorker;
use super::context::DispatchContext;
use super::held::LeaseGuard;
use super::routes::route::Route;

/// What was begun in the transaction that planned it is called within this time, or begun anew; the design's figure.
const INLINE_CALL_WITHIN: Duration = Duration::from_millis(100);

/// How far a delivery is when its call comes up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Claimed,
    /// Begun in the transaction that planned it.
    Begun(Begun),
}

/// Takes a leased delivery to its end, or gives it back.
pub(super) async fn deliver(
    worker: Arc<ChannelWorker>,
    route: Arc<Route>,
    epoch: Epoch,
    (job, lease): (Job, LeaseGuard),
    slot: OwnedSemaphorePermit,
    stage: Stage,
) {
    let trace = CallTrace::of(&worker.context, &job, stage);
    let span = CallTrace::log_span(trace.as_ref());
    call_and_finish(worker, route, epoch, (Arc::new(job), lease), slot, (stage, trace)).instrument(span).await;
}

async fn call_and_finish(
    worker: Arc<ChannelWorker>,
    route: Arc<Route>,
    epoch: Epoch,
    (job, lease): (Arc<Job>, LeaseGuard),
    slot: OwnedSemaphorePermit,
    (stage, trace): (Stage, Option<CallTrace>),
) {
    let context = &worker.context;
    let finished = match prepare(&worker, &route, &job) {
        Ok(message) => {
            let Some(begun) = begin(context, &route, epoch, &job, stage).await else {
                route.give_back(1, true);
                drop(slot);
                worker.notifier.call_ended();
                return give_back(&worker, epoch, job, lease, stage).await;
            };
            let begun_call = Arc::new(BegunCall::new(context.clone(), epoch, call(&route, &job), begun));
            match complete(context, &job, message).await {
                Ok((message, links)) => {
                    let trace = trace.map(|trace| CallTrace { links, ..trace });
                    send::send(&worker, &route, &job, message, &begun_call, trace).await
                }
                Err(next) => Err(next),
            }
        }
        Err(next) => Err(next),
    };
    let finished = finished.unwrap_or_else(|next| {
        route.give_back(1, true);
        uncalled(&job, next)
    });
    drop(slot);
    worker.notifier.call_ended();
    finish(&worker, epoch, job, lease, finished).await;
}

/// Ends a delivery for which there is nobody to call.
pub(super) async fn end(worker: &ChannelWorker, epoch: Epoch, job: Arc<Job>, next: Next) {
    let finished = uncalled(&job, next);
    let lease = worker.context.held.guard(&job.id);
    finish(worker, epoch, job, lease, finished).await;
}

/// Gives claimed deliveries back, however long the database is away: they would stay leased as long as this process lives.
pub(super) async fn release(context: &DispatchContext, epoch: Epoch, deliveries: Vec<(DeliveryId, Timestamp)>) {
    let write = || context.store.release(epoch, deliveries.clone());
    until_written(context.clock.as_ref(), "delivery.release", deliveries.len(), write).await;
}

/// Marks the delivery as begun, where it is not; None where it must not be called.
async fn begin(context: &DispatchContext, route: &Route, epoch: Epoch, job: &Job, stage: Stage) -> Option<Begun> {
    match stage {
        Stage::Begun(begun) if context.clock.now() - begun.at <= INLINE_CALL_WITHIN => Some(begun),
        _ if context.stop.is_cancelled() => None,
        _ => begun::begin(context, epoch, call(route, job)).await,
    }
}

fn call(route: &Route, job: &Job) -> Call {
    Call { id: job.id.clone(), provider: route.name.clone(), is_bundle: is_bundle(job) }
}

/// A delivery that must not be called was cancelled or changed, or is not this session's any more. If it still is, it is free again
/// at once.
async fn give_back(worker: &ChannelWorker, epoch: Epoch, job: Arc<Job>, lease: LeaseGuard, stage: Stage) {
    let ready_at = job.due_at.min(worker.context.clock.now());
    match stage {
        Stage::Claimed => {
            release(&worker.context, epoch, vec![(job.id.clone(), ready_at)]).await;
            worker.notifier.put_back();
        }
        Stage::Begun(_) => {
            let next = Next::Retry { at: ready_at, reason: Reason::NotCalledInTime };
            finish(worker, epoch, job.clone(), lease, uncalled(&job, next)).await;
        }
    }
}

/// How a delivery ends, or goes on, without a call.
fn uncalled(job: &Job, next: Next) -> Finished {
    Finished { id: job.id.clone(), is_bundle: is_bundle(job), attempt: None, next, pause: None, receipt_by: None }
}

/// Hands over how a delivery ended, to be written with others.
async fn finish(worker: &ChannelWorker, epoch: Epoch, job: Arc<Job>, lease: LeaseGuard, finished: Finished) {
    let context = &worker.context;
    let (notifier, metrics, under_way) = (worker.notifier.clone(), worker.metrics.clone(), context.calls.token());
    context.finish.submit(epoch, FinishedDelivery { notifier, metrics, job, finished, lease, under_way }).await;
}
