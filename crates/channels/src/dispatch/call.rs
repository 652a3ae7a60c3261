//! One delivery: prepare, begin, call, finish.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
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
use super::route::Route;
use crate::provider::{Address, Content, Outgoing};
use crate::render::{Item, MessageKind, Reader, RenderContext};

/// Between a delivery's begin and its call. No call begins more than a second after a cancel was committed.
const LONGEST_HESITATION: Duration = Duration::from_secs(1);

/// What was begun in the transaction that planned it is called within this time, or begun anew; the design's figure.
const SOON: Duration = Duration::from_millis(100);

/// How far a delivery is when its call comes up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Claimed,
    /// Begun in the transaction that planned it.
    Begun {
        asked_at: Timestamp,
        at: Timestamp,
    },
}

/// Takes a claimed delivery to its end, or gives it back.
pub(super) async fn deliver(lane: Arc<Lane>, route: Arc<Route>, epoch: Epoch, job: Job, slot: OwnedSemaphorePermit, stage: Stage) {
    let job = Arc::new(job);
    let shared = &lane.shared;
    let known = Known::new(shared, &job.id);
    let finished = match prepare(&lane, &job) {
        Ok(message) => {
            let Some((asked_at, begun_at)) = begin(shared, &route, epoch, &job, stage).await else {
                // Cancelled, changed, or no longer ours. If it still is, it is free again at once.
                route.give_back(1, true, shared.clock.now());
                drop(slot);
                lane.has_room();
                return give_back(&lane, epoch, job, known, stage).await;
            };
            let message = complete(shared, &job, message).await.and_then(|message| not_too_late(shared, asked_at, begun_at, message));
            match message {
                Ok(message) => call_provider(&lane, &route, &job, message).await,
                Err(next) => {
                    route.give_back(1, true, shared.clock.now());
                    uncalled(&job, next)
                }
            }
        }
        Err(next) => {
            route.give_back(1, true, shared.clock.now());
            uncalled(&job, next)
        }
    };
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
    fn new(shared: &Arc<Shared>, id: &DeliveryId) -> Self {
        shared.held().insert(id.clone());
        Self { shared: shared.clone(), id: id.clone() }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.shared.held().remove(&self.id);
    }
}

/// Ends a delivery for which there is nobody to call.
pub(super) async fn end(lane: &Arc<Lane>, epoch: Epoch, job: Arc<Job>, next: Next) {
    let finished = uncalled(&job, next);
    let known = Known::new(&lane.shared, &job.id);
    finish(lane, epoch, job, known, finished).await;
}

/// Marks the delivery as begun, where it is not. When that was asked for, and when it was so; None where it must not be called.
async fn begin(shared: &Shared, route: &Route, epoch: Epoch, job: &Job, stage: Stage) -> Option<(Timestamp, Timestamp)> {
    let now = shared.clock.now();
    match stage {
        Stage::Begun { asked_at, at } if now - at <= SOON => Some((asked_at, at)),
        _ => {
            let call = Call { id: job.id.clone(), provider: route.name.clone(), is_bundle: is_bundle(job) };
            if shared.stop.is_cancelled() {
                return None;
            }
            let (answer, has_begun) = oneshot::channel();
            shared.begin.submit(epoch, (call, answer)).await;
            has_begun.await.unwrap_or(false).then(|| (now, shared.clock.now()))
        }
    }
}

async fn give_back(lane: &Arc<Lane>, epoch: Epoch, job: Arc<Job>, known: Known, stage: Stage) {
    let ready_at = job.due_at.min(lane.shared.clock.now());
    match stage {
        Stage::Claimed => {
            release(&lane.shared, epoch, vec![(job.id.clone(), ready_at)]).await;
            lane.put_back.notify_one();
        }
        Stage::Begun { .. } => {
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
    Finished { id: job.id.clone(), is_bundle: is_bundle(job), attempt: None, next }
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
    if let Err(reason) = ending::unknown_again(job.unknowns - job.interrupted, job.interrupted, lane.on_unknown) {
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
        urgent: job.rank == 0,
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
        Ok(members) => Ok(Outgoing { content: render(shared, job, &members), ..message }),
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
    };
    let rendered = shared.renderer.render_for(job.channel, message_kind(job), &about);
    for problem in &rendered.problems {
        tracing::warn!(delivery.id = %job.id, error = %problem, "message.render fell back to a plain sentence");
    }
    rendered.content
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

/// Holds back a message whose begin was written too long ago: the process stood still in between, and the alert may have been
/// accepted since, or the delivery taken by another process.
fn not_too_late(shared: &Shared, asked_at: Timestamp, begun_at: Timestamp, message: Outgoing) -> Result<Outgoing, Next> {
    let now = shared.clock.now();
    if now - begun_at < LONGEST_HESITATION && !shared.membership.may_have_ended_in(now - asked_at) {
        return Ok(message);
    }
    Err(Next::Retry { at: now, reason: "the process stood still before the call".to_owned() })
}

async fn call_provider(lane: &Lane, route: &Route, job: &Job, mut message: Outgoing) -> Finished {
    let shared = &lane.shared;
    let begun = shared.clock.now();
    message.now = begun;
    let looked_up = if job.unknowns > 0 { route.provider.look_up(&message).await } else { None };
    let report = if let Some(report) = looked_up {
        report
    } else {
        // The provider's own client gives up before this, though it may make a few requests for one message.
        tokio::select! {
            report = route.provider.send(&message) => report,
            () = shared.clock.sleep(route.timeout * 5) => Report::new(Outcome::Unknown, "timeout".to_owned()),
        }
    };
    let now = shared.clock.now();
    route.took(now.ms_since(begun));
    route.learn(&report, now);
    follow_up(lane, job, &report, now).await;
    let next = ending::decide(
        job,
        &report,
        Circumstances {
            policy: shared.retries.of(job.rank),
            on_unknown: lane.on_unknown,
            has_alternative: lane.routes.has_alternative(route, &message.to, now),
            now,
            chance: rand::rng().random(),
        },
    );
    tracing::debug!(
        delivery.id = %job.id,
        channel = %job.channel,
        provider = route.name,
        class = %report.outcome.class(),
        code = report.code,
        latency_ms = now.ms_since(begun),
        "delivery.send"
    );
    let message_id = match report.outcome {
        Outcome::Accepted { ref message_id } => message_id.clone(),
        _ => None,
    };
    let attempt = Attempt {
        number: job.attempts + 1,
        at: begun,
        provider: route.name.clone(),
        class: report.outcome.class(),
        code: report.code,
        message_id,
        latency_ms: Some(now.ms_since(begun)),
    };
    Finished { id: job.id.clone(), is_bundle: is_bundle(job), attempt: Some(attempt), next }
}

/// What an answer says about the recipient beside this message.
async fn follow_up(lane: &Lane, job: &Job, report: &Report, now: Timestamp) {
    if let Outcome::Retry { after, scope: LimitScope::Recipient } = &report.outcome {
        let until = after.unwrap_or_else(|| now.plus_s(1));
        if let Err(error) = lane.shared.store.pause_recipient(job.channel, &job.target, until).await {
            tracing::warn!(delivery.id = %job.id, error = watchbell_core::error_chain(&error), "recipient.pause failed; the provider will ask again");
        }
    }
    if let (Some(moved_to), Target::Contact { id, .. }) = (&report.moved_to, &job.target)
        && let Err(error) = lane.shared.store.contact_moved(*id, moved_to).await
    {
        tracing::warn!(contact.id = %id, error = watchbell_core::error_chain(&error), "contact.move failed; the next message tries again");
    }
}
