//! `/events`: the same events as over NATS, and what became of them. An answer of 202 is given after the commit, as an ack is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::EventId;
use watchbell_core::decode::{self, Reason, Undecodable};
use watchbell_core::event::{Event, EventData};
use watchbell_core::ids::other_readings;
use watchbell_store::intake::{Accepted, EventRecord};

use super::page;
use crate::auth::Authenticated;
use crate::problem::{Kind, Problem, rfc3339};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

pub(super) async fn publish(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_publisher()?;
    // A publisher over HTTP sees what is wrong and can send it again, so nothing is kept of what cannot be used at all.
    let events = read(&api, &caller, &payload)?;
    events.iter().try_for_each(check_names)?;
    let mut accepted: Vec<Accepted> = Vec::with_capacity(events.len());
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(together(rest));
        accepted.extend(api.store.accept_from(caller.actor(), "event.publish", now).await?);
        rest = later;
    }
    let written: Vec<Value> = accepted.iter().map(write).collect();
    let conflicts = accepted.iter().enumerate().filter(|(_, accepted)| accepted.is_conflict());
    let conflicts: Vec<String> = conflicts.map(|(at, _)| at.to_string()).collect();
    if !conflicts.is_empty() {
        let sentence = format!(
            "another event of this key has the identity of event {} and says something else; give each event an id of its own (an alert \
             was told all the same)",
            conflicts.join(", ")
        );
        return Err(Problem::conflict(sentence).with("events", written));
    }
    Ok(surface::json(StatusCode::ACCEPTED, &json!({ "events": written })))
}

/// Users that an event over HTTP names at most. Each is planned for in the transaction that accepts it, which others wait for.
pub(super) const MOST_NAMED: usize = 1_000;

/// Events of a batch that are accepted in one transaction. Whoever is answered an error sends the whole batch again, and
/// those that were accepted are known then.
const MOST_TOGETHER: usize = 250;

/// # Errors
/// `Invalid`: too many names.
pub(super) fn check_names(event: &Event) -> Result<(), Problem> {
    let counted = named(event).map(|(field, names)| (field, count(names)));
    let Some((field, count)) = counted.into_iter().find(|(_, count)| *count > MOST_NAMED) else { return Ok(()) };
    let wrong = format!("names {count} users");
    let right = match event.data {
        EventData::Subscription(_) => format!("it may name {MOST_NAMED}; name a topic, whose members may be any number"),
        _ => format!("it may name {MOST_NAMED}; send several events of the same alert, or a subscription event for a topic"),
    };
    Err(Problem::invalid(field, &wrong, &right))
}

/// The lists in which an event names users.
fn named(event: &Event) -> [(&'static str, &[String]); 2] {
    match &event.data {
        EventData::Alert(data) => [("responders", &data.responders), ("", &[])],
        EventData::Update(data) => [("responders", &data.responders), ("notify", &data.notify)],
        EventData::Subscription(data) => [("users", &data.users), ("", &[])],
        EventData::Duty(_) | EventData::Verification(_) => [("", &[]), ("", &[])],
    }
}

/// How many users these texts may name: one may name several.
fn count(names: &[String]) -> usize {
    names.iter().map(|name| other_readings(name).iter().map(Vec::len).max().unwrap_or(1)).sum()
}

/// How many of these events, at least one, are accepted in the next transaction.
fn together(events: &[Event]) -> usize {
    let mut names = 0;
    let fits = |event: &&Event| {
        names += named(event).iter().map(|(_, names)| count(names)).sum::<usize>();
        names <= MOST_NAMED
    };
    events.iter().take(MOST_TOGETHER).take_while(fits).count().max(1)
}

/// What became of one event.
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let id = EventId(page::derived_id("id", params.path("id"))?);
    let event = api.store.event(&id).await?.ok_or_else(|| Problem::not_found("event"))?;
    Ok(surface::json(StatusCode::OK, &record(&event)))
}

/// An event as it is kept, without what it says.
pub(super) fn record(event: &EventRecord) -> Value {
    json!({
        "id": event.id,
        "kind": event.kind,
        "alertId": event.alert_id,
        "at": rfc3339(event.base_at),
        "receivedAt": rfc3339(event.received_at),
        "decision": event.decision,
        "problems": event.problems,
    })
}

/// The events of a request.
pub(super) fn read(api: &Api, caller: &Authenticated, payload: &Payload) -> Result<Vec<Event>, Problem> {
    let headers: Vec<(String, String)> = payload
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), decode::text_of_header(value.as_bytes()).into_owned()))
        .collect();
    let publisher = publisher(caller);
    let request = decode::Request { publisher: &publisher, headers: &headers, body: &payload.bytes, received_at: api.clock.now() };
    decode::from_http(&request, &api.settings.events).map_err(|why| unusable(&why))
}

/// Whose events are told apart from everybody else's.
pub(crate) fn publisher(caller: &Authenticated) -> String {
    format!("key-{}", caller.0.key_id)
}

pub(super) fn unusable(why: &Undecodable) -> Problem {
    let kind = if why.reason == Reason::TooLarge { Kind::TooLarge } else { Kind::Invalid };
    Problem::new(kind, why.detail.clone()).with("reason", why.reason.as_str())
}

pub(super) fn write(accepted: &Accepted) -> Value {
    let mut body = json!({
        "id": accepted.id.as_str(),
        "duplicate": accepted.duplicate,
        "planned": accepted.planned,
        "problems": accepted.problems,
    });
    if let Some(decision) = &accepted.decision {
        body["decision"] = decision.as_str().into();
    }
    body
}
