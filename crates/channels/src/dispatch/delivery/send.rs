//! Hands a prepared message to its provider, and says what follows from the answer.

use std::sync::Arc;

use rand::RngExt;
use watchbell_core::delivery::Purpose;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Reason, Timestamp};
use watchbell_store::Scope;
use watchbell_store::queue::{AddressFate, Attempt, Finished, Job, Next, Target};

use super::begun::BegunCall;
use super::destination::destination;
use super::ending::{self, Circumstances};
use super::look_up::{self, LookUp};
use super::prepare::is_bundle;
use super::trace::{CallTrace, Ended};
use crate::dispatch::channel::ChannelWorker;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::routes::request::{FailoverOptions, RouteRequest};
use crate::dispatch::routes::route::Route;
use crate::dispatch::tally::tally;
use crate::gate::Gate;
use crate::provider::Outgoing;
use crate::settings::OnUnknown;

/// Hands a message over, unless its provider has it already. An error is how the delivery goes on without a call.
pub(super) async fn send(
    worker: &ChannelWorker,
    route: &Route,
    job: &Job,
    mut message: Outgoing,
    begun_call: &Arc<BegunCall>,
    trace: Option<CallTrace>,
) -> Result<Finished, Next> {
    let context = &worker.context;
    let began_at = context.clock.now();
    message.now = began_at;
    message.gate = Gate::kept_by(begun_call.clone());
    message.trace = trace.as_ref().map(|trace| trace.call);
    if let Some((provider, mut report)) = settle_unknown(worker, job, &message).await? {
        route.give_back(1, true);
        report.code.get_or_insert_with(|| "looked_up".to_owned());
        return Ok(ended(worker, route, job, &provider, report, began_at).await);
    }
    let began_at = context.clock.now();
    message.now = began_at;
    // A provider that writes without connecting first does not ask at the gate itself.
    if !message.gate.opens().await {
        return Err(not_called(context));
    }
    worker.metrics.begins(job, began_at);
    // The provider's own client gives up before this, though it may make a few requests for one message.
    let report = tokio::select! {
        report = route.provider.send(&message) => report,
        () = context.clock.sleep(route.timeout * 5) => Report::new(Outcome::Unknown, "timeout".to_owned()),
    };
    if begun_call.was_refused() {
        return Err(not_called(context));
    }
    let now = context.clock.now();
    route.took(now.ms_since(began_at));
    worker.metrics.called(&route.name, report.outcome.class(), now.ms_since(began_at));
    route.learn(&report, now);
    context.tallies.add(tally(worker.channel, &route.name, &report, now));
    if let Some(trace) = trace {
        trace.record(context, job, Ended { provider: &route.name, report: &report, began_at, at: now });
    }
    Ok(ended(worker, route, job, &route.name, report, began_at).await)
}

/// The delivery goes back to the ready queue, where its next begin shows whether it is needed still. If the database was away, that
/// is when it is back.
fn not_called(context: &DispatchContext) -> Next {
    Next::Retry { at: context.clock.now(), reason: Reason::NotBegun }
}

/// What became of calls without an answer, where a provider has one of them, with that provider's name; None where it is to be sent.
async fn settle_unknown(worker: &ChannelWorker, job: &Job, message: &Outgoing) -> Result<Option<(String, Report)>, Next> {
    if !worker.routes.can_look_up(job) {
        return Ok(None);
    }
    let on_unknown = match look_up::look_up(worker, job, message).await {
        LookUp::Found { provider, report } => return Ok(Some((provider, report))),
        // No provider has it, so sending it makes no double: that is right even where a double is worse than a loss.
        LookUp::Nowhere => OnUnknown::Resend,
        LookUp::Unclear => worker.on_unknown,
    };
    let (unanswered, interrupted) = ending::unknown(job);
    match ending::unknown_again(unanswered, interrupted, on_unknown, None) {
        Ok(()) => Ok(None),
        Err(reason) => Err(Next::Failed { reason, address: AddressFate::Keep }),
    }
}

/// The attempt as it is kept, and what follows from it.
async fn ended(worker: &ChannelWorker, route: &Route, job: &Job, provider: &str, report: Report, began_at: Timestamp) -> Finished {
    let context = &worker.context;
    let now = context.clock.now();
    let message_id = match report.outcome {
        Outcome::Accepted { ref message_id } => message_id.clone(),
        _ => None,
    };
    let not_before = match report.outcome {
        Outcome::Retry { after, .. } => after,
        _ => None,
    };
    let mut attempt = Attempt {
        number: job.attempts + 1,
        at: began_at,
        provider: provider.to_owned(),
        class: report.outcome.class(),
        code: report.code.clone(),
        message_id,
        latency_ms: Some(now.ms_since(began_at)),
        not_before,
        goes_on: true,
    };
    let failover = destination(job).map_or_else(FailoverOptions::default, |to| {
        let log: Vec<Attempt> = job.log.iter().chain([&attempt]).cloned().collect();
        worker.routes.failover_options(RouteRequest { log: &log, ..RouteRequest::new(job, &to) }, route, now)
    });
    let (next, goes_on) = ending::decide(
        job,
        &report,
        Circumstances {
            policy: context.retries.of(job.rank),
            on_unknown: worker.on_unknown,
            can_look_up: route.provider.can_look_up(job.channel),
            failover,
            paused_until: route.paused_until(),
            now,
            chance: rand::rng().random(),
        },
    );
    attempt.goes_on = goes_on;
    tracing::debug!(
        delivery.id = %job.id,
        channel = %job.channel,
        provider,
        class = %attempt.class,
        code = report.code,
        latency_ms = attempt.latency_ms,
        "delivery.send"
    );
    let pause = match report.outcome {
        Outcome::Retry { after, scope: LimitScope::Recipient } if !failover.has_alternative => Some(after.unwrap_or_else(|| now.plus_s(1))),
        _ => None,
    };
    note_move(worker, job, &report).await;
    let receipt_by = if next == Next::Sent { receipt_by(worker, route, job, provider, now) } else { None };
    Finished { id: job.id.clone(), is_bundle: is_bundle(job), attempt: Some(attempt), next, pause, receipt_by }
}

/// When the next provider takes over what this one took, unless it says before that it arrived. Only what tells of alerts is worth a
/// possible double, and only who can call this server can say something.
fn receipt_by(worker: &ChannelWorker, route: &Route, job: &Job, provider: &str, now: Timestamp) -> Option<Timestamp> {
    let is_alert = matches!(job.scope, Scope::Alert { .. }) || job.purpose == Purpose::Bundle;
    let tells = route.name == provider && route.provider.has_receipts(job.channel) && worker.context.callback_base.is_some();
    worker.receipt_after.filter(|_| is_alert && tells).map(|after| now + after)
}

/// Keeps the address that a recipient has from now on, where the provider says so.
async fn note_move(worker: &ChannelWorker, job: &Job, report: &Report) {
    if let (Some(moved_to), Target::Contact { id, .. }) = (&report.moved_to, &job.target)
        && let Err(error) = worker.context.store.contact_moved(*id, moved_to).await
    {
        tracing::warn!(contact.id = %id, error = watchbell_core::error_chain(&error), "contact.move failed; the next message tries again");
    }
}
