//! From a job to the message that a provider is handed.

use std::sync::Arc;

use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::Purpose;
use watchbell_core::event::EventData;
use watchbell_core::{Channel, Reason, TraceContext};
use watchbell_store::Scope;
use watchbell_store::queue::{AddressFate, Job, Next, Target};

use super::answer_offer::{answer_offer, unsubscribe_url};
use super::destination::{address, device_address, inbox};
use super::ending;
use crate::about::about;
use crate::dispatch::channel::ChannelWorker;
use crate::dispatch::context::DispatchContext;
use crate::dispatch::routes::route::Route;
use crate::gate::Gate;
use crate::provider::{AnswerOffer, Content, Outgoing, Told};
use crate::render::{Item, MessageKind, Reader, RenderContext};

/// Checks what can be checked without the database, and renders; or says how the delivery ends without a call.
pub(super) fn prepare(worker: &ChannelWorker, route: &Route, job: &Job) -> Result<Outgoing, Next> {
    let context = &worker.context;
    let now = context.clock.now();
    let failed = |reason| Err(Next::Failed { reason, address: AddressFate::Keep });
    if job.expires_at.is_some_and(|end| now >= end) {
        return Err(Next::Expired);
    }
    let (unanswered, interrupted) = ending::unknown(job);
    if !worker.routes.can_look_up(job)
        && let Err(reason) = ending::unknown_again(unanswered, interrupted, worker.on_unknown, None)
    {
        return failed(reason);
    }
    let to = match &job.target {
        // A locked contact becomes usable by the code that is sent to it.
        Target::Contact { status: ContactStatus::Locked, target, .. } if job.purpose == Purpose::Verification => {
            address(job.channel, target)
        }
        Target::Contact { status: ContactStatus::Ok, target, .. } => address(job.channel, target),
        Target::Contact { status, .. } => return failed(Reason::ContactUnusable { status: *status }),
        Target::Device(device) => device_address(device),
        Target::Gone if job.channel == Channel::Push => return failed(Reason::NoDevice),
        Target::Gone if job.channel == Channel::Telegram => return failed(Reason::NoTelegramChat),
        Target::User => inbox(job),
        Target::Gone => return failed(Reason::NoContact),
    };
    let answer = answer_offer(context, job);
    let hears_replies = answer.is_some() && route.provider.hears_replies(job.channel, context.callback_base.is_some());
    Ok(Outgoing {
        delivery_id: job.id.clone(),
        channel: job.channel,
        to,
        // Who is in a bundle is fixed when it begins: `complete` renders it.
        content: if is_bundle(job) {
            Content::default()
        } else {
            render(context, job, &[], answer.as_ref().map(|answer| (answer, hears_replies)))
        },
        answer,
        trace: None,
        unsubscribe_url: unsubscribe_url(context, job),
        told: Told { id: job.user_id, name: job.user_name.clone() },
        about: about(job, message_kind(job).folder()),
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
        callback_base: context.callback_base.clone(),
        gate: Gate::default(),
    })
}

/// Whether it tells several messages in one.
pub(super) fn is_bundle(job: &Job) -> bool {
    matches!(job.purpose, Purpose::Bundle | Purpose::Digest)
}

/// Adds what a bundle tells. It has begun, so that it is fixed who is in it. Answers the traces that its members belong to as well.
pub(super) async fn complete(context: &DispatchContext, job: &Job, message: Outgoing) -> Result<(Outgoing, Vec<TraceContext>), Next> {
    if !is_bundle(job) {
        return Ok((message, Vec::new()));
    }
    match context.store.bundled(&job.id).await {
        Ok(members) => {
            let told = render(context, job, &members, None);
            let links = members.iter().filter_map(|member| context.tracer.carry(member.trace)).collect();
            let members = members.iter().map(|member| about(member, message_kind(member).folder())).collect();
            Ok((Outgoing { content: told, members, ..message }, links))
        }
        Err(error) => {
            tracing::warn!(delivery.id = %job.id, error = watchbell_core::error_chain(&error), "bundle.read failed; trying again");
            Err(Next::Retry { at: context.clock.now().plus_s(1), reason: Reason::BundleUnread })
        }
    }
}

fn render(context: &DispatchContext, job: &Job, members: &[Job], answer: Option<(&AnswerOffer, bool)>) -> Content {
    let items = members.iter().map(|member| Item { kind: message_kind(member), event: member.event.clone(), at: member.due_at });
    let about = RenderContext {
        event: Some(job.event.clone()).filter(|_| !is_bundle(job)),
        items: items.collect(),
        reader: Arc::new(reader(job)),
        now: context.clock.now(),
        due_at: Some(job.due_at),
        is_fallback: job.purpose == Purpose::Fallback,
        named_as: job.named_as.clone(),
        answer: answer.map(|(answer, _)| answer.clone()),
        hears_replies: answer.is_some_and(|(_, hears_replies)| hears_replies),
    };
    let rendered = context.renderer.render_for(job.channel, message_kind(job), &about);
    for problem in &rendered.problems {
        tracing::warn!(delivery.id = %job.id, error = %problem, "message.render fell back to a plain sentence");
    }
    rendered.content
}

/// What a message said, without what could be answered.
pub(in crate::dispatch) fn content_of(context: &DispatchContext, job: &Job) -> Content {
    render(context, job, &[], None)
}

/// Who reads it.
pub(in crate::dispatch) fn reader(job: &Job) -> Reader {
    Reader { name: job.user_name.clone(), locale: job.locale.clone(), timezone: job.timezone.clone() }
}

fn message_kind(job: &Job) -> MessageKind {
    match (job.purpose, job.event.as_ref()) {
        (Purpose::Bundle, _) => MessageKind::Bundle,
        (Purpose::Digest, _) => MessageKind::Digest,
        (Purpose::DutyCancelled, _) => MessageKind::DutyCancelled,
        (Purpose::Test, _) => MessageKind::Test,
        (_, EventData::Alert(_)) => MessageKind::Alert,
        // Where an alert's escalation came before the alert itself, only the escalation can be told.
        (_, EventData::Update(_)) => MessageKind::Update,
        (_, EventData::Duty(_)) => MessageKind::Duty,
        (_, EventData::Subscription(_)) => MessageKind::Subscription,
        (_, EventData::Verification(_)) => MessageKind::Verification,
    }
}
