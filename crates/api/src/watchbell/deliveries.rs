//! `/deliveries`: what was planned, and what became of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::event::{Answer, Priority};
use watchbell_core::ids::UserRef;
use watchbell_core::{DeliveryId, EventId, Timestamp, UserId};
use watchbell_store::Scope;
use watchbell_store::history::{Delivery, DeliveryFilter};
use watchbell_store::intake::Answered;
use watchbell_store::queue::{Attempt, KeptReceipt};
use watchbell_wire::deliveries::{self as wire, DeliveryWithAttempts};

use super::page;
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface;

/// Newest first. A user key sees what went to its user.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let own = own_user(&caller)?;
    let limit = page::limit(&params)?;
    let event = params.query("event")?.map(|text| page::derived_id("event", text)).transpose()?;
    let cursor = params.query("cursor")?.map(|text| page::derived_id("cursor", text)).transpose()?;
    let mut filter = DeliveryFilter {
        user: own,
        alert: params.query("alert")?.map(str::to_owned),
        event: event.map(EventId),
        channel: params.choice("channel")?,
        state: params.choice("state")?,
        from: params.time("from")?,
        to: params.time("to")?,
        changed_after: params.time("changedAfter")?,
        before: cursor.map(DeliveryId),
        limit: limit + 1,
    };
    if let Some(text) = params.query("user")? {
        let named = UserRef::parse(text).ok_or_else(|| Problem::invalid("user", "cannot be an id", "it must have 1 to 255 bytes"))?;
        let found = api.store.user(&named).await?.map(|user| user.id);
        if own.is_some() && found != own {
            return Err(Problem::forbidden("a user key reaches only its own user"));
        }
        // The deliveries of a user who was deleted are still there under the number.
        let numeric = if let UserRef::Id(id) = named { Some(id) } else { None };
        filter.user = Some(found.or(numeric).ok_or_else(|| Problem::invalid("user", "is unknown", "it must be a user's id"))?);
    }
    let found = api.store.deliveries(&filter).await?;
    page::write(found, limit, |delivery| delivery.id.to_string(), write)
}

/// One delivery with every attempt.
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let own = own_user(&caller)?;
    let body = found(&api, own, &params).await?;
    Ok(surface::json(StatusCode::OK, &body))
}

/// Puts a failed delivery back in the queue.
pub(super) async fn replay(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let id = id(&params)?;
    if !api.store.replay_delivery(caller.actor(), &id).await? {
        return Err(Problem::conflict("only a failed delivery can be sent again; see its state"));
    }
    let body = found(&api, None, &params).await?;
    Ok(surface::json(StatusCode::ACCEPTED, &body))
}

/// The only user whose deliveries the key sees; None sees all.
pub(super) fn own_user(caller: &Authenticated) -> Result<Option<UserId>, Problem> {
    if caller.sees_everybody() {
        return Ok(None);
    }
    match caller.0.user_id {
        Some(user) if caller.0.may_read_user(user) => Ok(Some(user)),
        _ => Err(Problem::forbidden("this key may not read deliveries")),
    }
}

fn id(params: &Params) -> Result<DeliveryId, Problem> {
    page::derived_id("id", params.path("id")).map(DeliveryId)
}

async fn found(api: &Api, own: Option<UserId>, params: &Params) -> Result<DeliveryWithAttempts, Problem> {
    let found = api.store.delivery(&id(params)?).await?;
    let (delivery, attempts) =
        found.filter(|(delivery, _)| own.is_none_or(|own| own == delivery.user_id)).ok_or_else(|| Problem::not_found("delivery"))?;
    let answers = api.store.answers_to(std::slice::from_ref(&delivery.id)).await?;
    Ok(DeliveryWithAttempts {
        delivery: write(&delivery),
        receipts: delivery.receipts.iter().map(write_receipt).collect(),
        attempt_log: attempts.iter().map(write_attempt).collect(),
        answers: answers.iter().map(write_answered).collect(),
    })
}

pub(super) fn write_answered(answered: &Answered) -> wire::Answer {
    write_answer(&answered.event_id, &answered.answer, answered.at)
}

/// An answer as the event that it is.
pub(super) fn write_answer(event: &EventId, answer: &Answer, at: Timestamp) -> wire::Answer {
    wire::Answer {
        action: answer.action.into(),
        user_id: answer.user.0,
        at: at.into(),
        event_id: event.to_string(),
        delivery_id: answer.delivery.to_string(),
    }
}

pub(super) fn write(delivery: &Delivery) -> wire::Delivery {
    let duty_id = if let Scope::Duty { id, .. } = &delivery.scope { Some(id.clone()) } else { None };
    wire::Delivery {
        id: delivery.id.to_string(),
        event_id: delivery.event_id.to_string(),
        alert_id: delivery.alert_id.clone(),
        duty_id,
        user_id: delivery.user_id.0,
        user_name: delivery.user_name.clone(),
        purpose: delivery.purpose.into(),
        trigger: delivery.trigger.into(),
        channel: delivery.channel.into(),
        address: delivery.address.clone(),
        contact_id: delivery.contact_id.map(|contact| contact.0),
        rule_ids: delivery.rules.iter().map(|rule| rule.0).collect(),
        priority: if delivery.high { Priority::High } else { Priority::Low }.into(),
        state: delivery.state.into(),
        reason: delivery.reason.as_ref().map(ToString::to_string),
        due_at: delivery.due_at.into(),
        ready_at: delivery.ready_at.into(),
        sent_at: delivery.sent_at.map(Into::into),
        attempts: delivery.attempts,
        provider: delivery.provider.clone(),
        created_at: delivery.created_at.into(),
        updated_at: delivery.updated_at.into(),
    }
}

fn write_attempt(attempt: &Attempt) -> wire::Attempt {
    wire::Attempt {
        number: attempt.number,
        at: attempt.at.into(),
        provider: attempt.provider.clone(),
        class: attempt.class.into(),
        code: attempt.code.clone(),
        message_id: attempt.message_id.clone(),
        latency_ms: attempt.latency_ms,
    }
}

fn write_receipt(receipt: &KeptReceipt) -> wire::Receipt {
    wire::Receipt {
        at: receipt.at.into(),
        provider: receipt.provider.clone(),
        outcome: receipt.outcome.into(),
        code: receipt.code.clone(),
        message_id: receipt.message_id.clone(),
    }
}
