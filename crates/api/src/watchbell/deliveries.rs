//! `/deliveries`: what was planned, and what became of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use watchbell_core::ids::UserRef;
use watchbell_core::{DeliveryId, EventId, UserId};
use watchbell_store::Scope;
use watchbell_store::history::{Delivery, DeliveryFilter};
use watchbell_store::queue::Attempt;

use super::page;
use crate::auth::Authenticated;
use crate::problem::{Problem, rfc3339};
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
    Ok(page::write(found, limit, |delivery| delivery.id.to_string(), |delivery| Value::Object(write(delivery))))
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
fn own_user(caller: &Authenticated) -> Result<Option<UserId>, Problem> {
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

async fn found(api: &Api, own: Option<UserId>, params: &Params) -> Result<Value, Problem> {
    let found = api.store.delivery(&id(params)?).await?;
    let (delivery, attempts) =
        found.filter(|(delivery, _)| own.is_none_or(|own| own == delivery.user_id)).ok_or_else(|| Problem::not_found("delivery"))?;
    let mut body = write(&delivery);
    body.insert("attemptLog".to_owned(), attempts.iter().map(write_attempt).collect());
    Ok(Value::Object(body))
}

/// A delivery; what it does not have is left out.
fn write(delivery: &Delivery) -> Map<String, Value> {
    let rules: Vec<i64> = delivery.rules.iter().map(|rule| rule.0).collect();
    let duty = if let Scope::Duty { id, .. } = &delivery.scope { Some(id.as_str()) } else { None };
    let members = [
        ("id", json!(delivery.id)),
        ("eventId", json!(delivery.event_id)),
        ("alertId", json!(delivery.alert_id)),
        ("dutyId", json!(duty)),
        ("userId", json!(delivery.user_id)),
        ("userName", json!(delivery.user_name)),
        ("purpose", json!(delivery.purpose)),
        ("trigger", json!(delivery.trigger)),
        ("channel", json!(delivery.channel)),
        ("address", json!(delivery.address)),
        ("contactId", json!(delivery.contact_id)),
        ("ruleIds", json!(rules)),
        ("priority", json!(if delivery.high { "HIGH" } else { "LOW" })),
        ("state", json!(delivery.state)),
        ("reason", json!(delivery.reason.as_ref().map(ToString::to_string))),
        ("dueAt", rfc3339(delivery.due_at)),
        ("readyAt", rfc3339(delivery.ready_at)),
        ("sentAt", delivery.sent_at.map_or(Value::Null, rfc3339)),
        ("attempts", json!(delivery.attempts)),
        ("provider", json!(delivery.provider)),
        ("createdAt", rfc3339(delivery.created_at)),
        ("updatedAt", rfc3339(delivery.updated_at)),
    ];
    without_nulls(members)
}

fn write_attempt(attempt: &Attempt) -> Value {
    Value::Object(without_nulls([
        ("number", json!(attempt.number)),
        ("at", rfc3339(attempt.at)),
        ("provider", json!(attempt.provider)),
        ("class", json!(attempt.class)),
        ("code", json!(attempt.code)),
        ("messageId", json!(attempt.message_id)),
        ("latencyMs", json!(attempt.latency_ms)),
    ]))
}

fn without_nulls<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}
