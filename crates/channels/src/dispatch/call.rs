//! One delivery: prepare, begin, call, finish.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::OwnedSemaphorePermit;
use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::Purpose;
use watchbell_core::device::Device;
use watchbell_core::event::EventData;
use watchbell_core::ids::Epoch;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, DeliveryId, Secret, Timestamp};
use watchbell_store::Scope;
use watchbell_store::queue::{AddressFate, Attempt, Call, Finished, Job, Next, Target};

use super::Shared;
use super::batch::{Ending, until_written};
use super::ending::{self, Circumstances};
use super::lane::Lane;
use super::look_up::{self, LookUp};
use super::route::{Errand, Prospect, Route};
use super::wanted::{self, Begun, Wanted};
use crate::gate::Gate;
use crate::provider::{About, Address, Content, Outgoing, Told};
use crate::render::{Item, MessageKind, Reader, RenderContext};
use crate::settings::OnUnknown;

/// What was begun in the transaction that planned it is called within this time, or begun anew; the design's figure.
const SOON: Duration = Duration::from_millis(100);

/// How far a delivery is when its call comes up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Claimed,
    /// Begun in the transaction that planned it.
    Begun(Begun),
}

/// Takes a claimed delivery to its end, or gives it back.
pub(super) async fn deliver(
    lane: Arc<Lane>,
    route: Arc<Route>,
    epoch: Epoch,
    (job, known): (Job, Known),
    slot: OwnedSemaphorePermit,
    stage: Stage,
) {
    let job = Arc::new(job);
    let shared = &lane.shared;
    let finished = match prepare(&lane, &job) {
        Ok(message) => {
            let Some(begun) = begin(shared, &route, epoch, &job, stage).await else {
                // Cancelled, changed, or no longer ours. If it still is, it is free again at once.
                route.give_back(1, true);
                drop(slot);
                lane.has_room();
                return give_back(&lane, epoch, job, known, stage).await;
            };
            let wanted = Arc::new(Wanted::new(shared.clone(), epoch, call(&route, &job), begun));
            match complete(shared, &job, message).await {
                Ok(message) => send(&lane, &route, &job, message, &wanted).await,
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
    lane.has_room();
    finish(&lane, epoch, job, known, finished).await;
}

/// The delivery counts as held until this ends, however that comes.
pub(super) struct Known {
    shared: Arc<Shared>,
    id: DeliveryId,
}

impl Known {
    pub fn new(shared: &Arc<Shared>, id: &DeliveryId) -> Self {
        shared.held().known.insert(id.clone());
        Self { shared: shared.clone(), id: id.clone() }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.shared.held().known.remove(&self.id);
    }
}

/// Ends a delivery for which there is nobody to call.
pub(super) async fn end(lane: &Arc<Lane>, epoch: Epoch, job: Arc<Job>, next: Next) {
    let finished = uncalled(&job, next);
    let known = Known::new(&lane.shared, &job.id);
    finish(lane, epoch, job, known, finished).await;
}

/// Marks the delivery as begun, where it is not; None where it must not be called.
async fn begin(shared: &Shared, route: &Route, epoch: Epoch, job: &Job, stage: Stage) -> Option<Begun> {
    match stage {
        Stage::Begun(begun) if shared.clock.now() - begun.at <= SOON => Some(begun),
        _ if shared.stop.is_cancelled() => None,
        _ => wanted::begin(shared, epoch, call(route, job)).await,
    }
}

fn call(route: &Route, job: &Job) -> Call {
    Call { id: job.id.clone(), provider: route.name.clone(), is_bundle: is_bundle(job) }
}

async fn give_back(lane: &Arc<Lane>, epoch: Epoch, job: Arc<Job>, known: Known, stage: Stage) {
    let ready_at = job.due_at.min(lane.shared.clock.now());
    match stage {
        Stage::Claimed => {
            release(&lane.shared, epoch, vec![(job.id.clone(), ready_at)]).await;
            lane.put_back.notify_one();
        }
        Stage::Begun(_) => {
            let next = Next::Retry { at: ready_at, reason: "it was not called in time".to_owned() };
            finish(lane, epoch, job.clone(), known, uncalled(&job, next)).await;
        }
    }
}

/// Gives claimed deliveries back, however long the database is away: this process would hold them as long as it lives.
pub(super) async fn release(shared: &Shared, epoch: Epoch, deliveries: Vec<(DeliveryId, Timestamp)>) {
    let write = || shared.store.release(epoch, deliveries.clone());
    until_written(shared.clock.as_ref(), "delivery.release", deliveries.len(), write).await;
}

/// How a delivery ends, or goes on, without a call.
fn uncalled(job: &Job, next: Next) -> Finished {
    Finished { id: job.id.clone(), is_bundle: is_bundle(job), attempt: None, next, pause: None }
}

/// Hands over how a delivery ended, to be written with others.
async fn finish(lane: &Arc<Lane>, epoch: Epoch, job: Arc<Job>, known: Known, finished: Finished) {
    let under_way = lane.shared.calls.token();
    lane.shared.finish.submit(epoch, Ending { lane: lane.clone(), job, finished, known, under_way }).await;
}

/// Checks what can be checked without the database, and renders; or says how the delivery ends without a call.
fn prepare(lane: &Lane, job: &Job) -> Result<Outgoing, Next> {
    let shared = &lane.shared;
    let now = shared.clock.now();
    let failed = |reason: &str| Err(Next::Failed { reason: reason.to_owned(), address: AddressFate::Keep });
    if job.expires_at.is_some_and(|end| now >= end) {
        return Err(Next::Expired);
    }
    let (unanswered, interrupted) = ending::unknown(job);
    if !lane.routes.can_look_up(job)
        && let Err(reason) = ending::unknown_again(unanswered, interrupted, lane.on_unknown)
    {
        return failed(reason);
    }
    let to = match &job.target {
        // A code is what makes a locked contact usable.
        Target::Contact { status: ContactStatus::Locked, target, .. } if job.purpose == Purpose::Verification => {
            address(job.channel, target)
        }
        Target::Contact { status: ContactStatus::Ok, target, .. } => address(job.channel, target),
        Target::Contact { status, .. } => return failed(&format!("the contact is {status}")),
        Target::Device(device) => device_address(device),
        Target::Gone if job.channel == Channel::Push => return failed("the user has no device for push messages"),
        Target::Gone if job.channel == Channel::Telegram => return failed("the user has linked no Telegram chat"),
        Target::User => inbox(job),
        Target::Gone => return failed("the user has no contact for this channel"),
    };
    Ok(Outgoing {
        delivery_id: job.id.clone(),
        channel: job.channel,
        to,
        // What a bundle tells is known only when it has begun.
        content: if is_bundle(job) { Content::default() } else { render(shared, job, &[]) },
        told: Told { id: job.user_id, name: job.user_name.clone() },
        about: About::of(job, message_kind(job).folder()),
        members: Vec::new(),
        attempt: job.attempts + 1,
        urgent: job.rank == watchbell_store::rank::HIGH,
        critical: job.critical,
        thread: match &job.scope {
            Scope::Alert { id, .. } | Scope::Duty { id, .. } => Some(id.clone()),
            Scope::Event(_) => match job.event.as_ref() {
                EventData::Update(data) => Some(data.alert_id.clone()),
                _ => None,
            },
        },
        expires_at: job.expires_at,
        now,
        callback_base: shared.callback_base.clone(),
        gate: Gate::default(),
    })
}

/// Where a job goes, whether or not it may: what tells which provider is to take it.
pub(super) fn destination(job: &Job) -> Option<Address> {
    match &job.target {
        Target::Contact { target, .. } => Some(address(job.channel, target)),
        Target::Device(device) => Some(device_address(device)),
        Target::User => Some(inbox(job)),
        Target::Gone => None,
    }
}

fn inbox(job: &Job) -> Address {
    Address::Inbox { user_id: job.user_id, category: job.event.category().map(str::to_owned) }
}

fn device_address(device: &Device) -> Address {
    Address::Device { kind: device.kind, token: Secret::new(device.token.clone()), keys: device.keys.clone().map(Secret::new) }
}

fn address(channel: Channel, target: &Secret) -> Address {
    match channel {
        Channel::Email => Address::Email(target.expose().to_owned()),
        Channel::Sms | Channel::Voice | Channel::Whatsapp => Address::Phone(target.expose().to_owned()),
        Channel::Telegram => Address::Telegram(target.expose().to_owned()),
        _ => Address::Other(target.clone()),
    }
}

fn is_bundle(job: &Job) -> bool {
    matches!(job.purpose, Purpose::Bundle | Purpose::Digest)
}

/// Adds what a bundle tells, now that it is fixed who is in it.
async fn complete(shared: &Shared, job: &Job, message: Outgoing) -> Result<Outgoing, Next> {
    if !is_bundle(job) {
        return Ok(message);
    }
    match shared.store.bundled(&job.id).await {
        Ok(members) => Ok(Outgoing {
            content: render(shared, job, &members),
            members: members.iter().map(|member| About::of(member, message_kind(member).folder())).collect(),
            ..message
        }),
        Err(error) => {
            tracing::warn!(delivery.id = %job.id, error = watchbell_core::error_chain(&error), "bundle.read failed; trying again");
            Err(Next::Retry { at: shared.clock.now().plus_s(1), reason: "what it tells could not be read".to_owned() })
        }
    }
}

fn render(shared: &Shared, job: &Job, members: &[Job]) -> Content {
    let items = members.iter().map(|member| Item { kind: message_kind(member), event: member.event.clone(), at: member.due_at });
    let about = RenderContext {
        event: Some(job.event.clone()).filter(|_| !is_bundle(job)),
        items: items.collect(),
        reader: Arc::new(Reader { name: job.user_name.clone(), locale: job.locale.clone(), timezone: job.timezone.clone() }),
        now: shared.clock.now(),
        due_at: Some(job.due_at),
        is_fallback: job.purpose == Purpose::Fallback,
        can_answer: can_answer(job),
    };
    let rendered = shared.renderer.render_for(job.channel, message_kind(job), &about);
    for problem in &rendered.problems {
        tracing::warn!(delivery.id = %job.id, error = %problem, "message.render fell back to a plain sentence");
    }
    rendered.content
}

/// Whether the reader can accept what is told: an alert, by itself, in its round.
fn can_answer(job: &Job) -> bool {
    matches!(job.scope, Scope::Alert { .. }) && matches!(job.purpose, Purpose::Rule | Purpose::Fallback)
}

fn message_kind(job: &Job) -> MessageKind {
    match (job.purpose, job.event.as_ref()) {
        (Purpose::Bundle, _) => MessageKind::Bundle,
        (Purpose::Digest, _) => MessageKind::Digest,
        (Purpose::DutyCancelled, _) => MessageKind::DutyCancelled,
        (_, EventData::Alert(_)) => MessageKind::Alert,
        // An alert of which only its escalation is known.
        (_, EventData::Update(_)) => MessageKind::Update,
        (_, EventData::Duty(_)) => MessageKind::Duty,
        (_, EventData::Subscription(_)) => MessageKind::Subscription,
        (_, EventData::Verification(_)) => MessageKind::Verification,
    }
}

/// Hands a message over, unless its provider has it already. An error is how the delivery goes on without a call.
async fn send(lane: &Lane, route: &Route, job: &Job, mut message: Outgoing, wanted: &Arc<Wanted>) -> Result<Finished, Next> {
    let shared = &lane.shared;
    let begun = shared.clock.now();
    message.now = begun;
    message.gate = Gate::kept_by(wanted.clone());
    if let Some((provider, mut report)) = settle(lane, job, &message).await? {
        route.give_back(1, true);
        report.code.get_or_insert_with(|| "looked_up".to_owned());
        return Ok(ended(lane, route, job, &provider, report, begun).await);
    }
    let begun = shared.clock.now();
    message.now = begun;
    // Not every provider has to connect before it writes.
    if !message.gate.opens().await {
        return Err(not_called(shared));
    }
    // The provider's own client gives up before this, though it may make a few requests for one message.
    let report = tokio::select! {
        report = route.provider.send(&message) => report,
        () = shared.clock.sleep(route.timeout * 5) => Report::new(Outcome::Unknown, "timeout".to_owned()),
    };
    if wanted.was_refused() {
        return Err(not_called(shared));
    }
    let now = shared.clock.now();
    route.took(now.ms_since(begun));
    route.learn(&report, now);
    Ok(ended(lane, route, job, &route.name, report, begun).await)
}

/// If it still is wanted, that shows when it is begun anew; and if the database was away, when it is back.
fn not_called(shared: &Shared) -> Next {
    Next::Retry { at: shared.clock.now(), reason: "it was not called in time, or not needed any more".to_owned() }
}

/// What became of calls without an answer, where a provider has one of them, with that provider's name; None where it is to be sent.
async fn settle(lane: &Lane, job: &Job, message: &Outgoing) -> Result<Option<(String, Report)>, Next> {
    if !lane.routes.can_look_up(job) {
        return Ok(None);
    }
    let on_unknown = match look_up::look_up(lane, job, message).await {
        LookUp::Found { provider, report } => return Ok(Some((provider, report))),
        // What is not there may go out again even where a double is worse than a loss.
        LookUp::Nowhere => OnUnknown::Resend,
        LookUp::Unclear => lane.on_unknown,
    };
    let (unanswered, interrupted) = ending::unknown(job);
    match ending::unknown_again(unanswered, interrupted, on_unknown) {
        Ok(()) => Ok(None),
        Err(reason) => Err(Next::Failed { reason: reason.to_owned(), address: AddressFate::Keep }),
    }
}

/// The attempt as it is kept, and what follows from it.
async fn ended(lane: &Lane, route: &Route, job: &Job, provider: &str, report: Report, begun: Timestamp) -> Finished {
    let shared = &lane.shared;
    let now = shared.clock.now();
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
        at: begun,
        provider: provider.to_owned(),
        class: report.outcome.class(),
        code: report.code.clone(),
        message_id,
        latency_ms: Some(now.ms_since(begun)),
        not_before,
        goes_on: true,
    };
    let prospect = destination(job).map_or_else(Prospect::default, |to| {
        let log: Vec<Attempt> = job.log.iter().chain([&attempt]).cloned().collect();
        lane.routes.prospect(Errand { log: &log, ..Errand::new(job, &to) }, route, now)
    });
    let (next, goes_on) = ending::decide(
        job,
        &report,
        Circumstances {
            policy: shared.retries.of(job.rank),
            on_unknown: lane.on_unknown,
            can_look_up: route.provider.can_look_up(job.channel),
            prospect,
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
        Outcome::Retry { after, scope: LimitScope::Recipient } if !prospect.has_alternative => Some(after.unwrap_or_else(|| now.plus_s(1))),
        _ => None,
    };
    note_move(lane, job, &report).await;
    Finished { id: job.id.clone(), is_bundle: is_bundle(job), attempt: Some(attempt), next, pause }
}

/// Keeps the address that a recipient has from now on, where the provider says so.
async fn note_move(lane: &Lane, job: &Job, report: &Report) {
    if let (Some(moved_to), Target::Contact { id, .. }) = (&report.moved_to, &job.target)
        && let Err(error) = lane.shared.store.contact_moved(*id, moved_to).await
    {
        tracing::warn!(contact.id = %id, error = watchbell_core::error_chain(&error), "contact.move failed; the next message tries again");
    }
}
