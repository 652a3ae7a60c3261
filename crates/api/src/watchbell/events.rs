//! `/events`: the same events as over NATS, and what became of them. An answer of 202 is given after the commit, as an ack is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::EventId;
use watchbell_core::decode::{self, RejectReason, Undecodable};
use watchbell_core::event::{Event, EventData, EventKind};
use watchbell_core::ids::how_many;
use watchbell_store::intake::{Accepted, EventRecord, Publisher};
use watchbell_wire::events::{AcceptedEvent, AcceptedEvents, KeptEvent};

use super::{deliveries, page};
use crate::auth::Authenticated;
use crate::problem::{Extra, Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

pub(super) async fn publish(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_publisher()?;
    // A publisher over HTTP sees what is wrong and can send it again, so nothing is kept of what cannot be used at all.
    let events = read(&api, &caller, &payload)?;
    events.iter().try_for_each(check_names)?;
    // Whoever is answered an error sends all of them again, and those that were accepted are known then.
    let accepted = api.intake.accept(&events, Some(Publisher { by: caller.actor(), action: "event.publish" })).await?;
    let events: Vec<AcceptedEvent> = accepted.iter().map(write).collect();
    let conflicts = accepted.iter().enumerate().filter(|(_, accepted)| accepted.is_conflict());
    let conflicts: Vec<String> = conflicts.map(|(at, _)| at.to_string()).collect();
    if !conflicts.is_empty() {
        let sentence = format!(
            "another event of this key has the identity of event {} and says something else; give each event an id of its own (an alert \
             was told all the same)",
            conflicts.join(", ")
        );
        return Err(Problem::conflict(sentence).with(Extra::Events(events)));
    }
    Ok(surface::json(StatusCode::ACCEPTED, &AcceptedEvents { events }))
}

/// Users that an event over HTTP names at most. Each is planned for in the transaction that accepts it, which others wait for.
pub(super) const MOST_NAMED: usize = 1_000;

/// # Errors
/// `Invalid`: too many names.
pub(crate) fn check_names(event: &Event) -> Result<(), Problem> {
    let counted = event.data.named().map(|(field, names)| (field, how_many(names)));
    let Some((field, count)) = counted.into_iter().find(|(_, count)| *count > MOST_NAMED) else { return Ok(()) };
    let wrong = format!("names {count} users");
    let right = match event.data {
        EventData::Subscription(_) => format!("it may name {MOST_NAMED}; name a topic, whose members may be any number"),
        _ => format!("it may name {MOST_NAMED}; send several events of the same alert, or a subscription event for a topic"),
    };
    Err(Problem::invalid(field, &wrong, &right))
}

/// What became of one event.
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let id = EventId(page::derived_id("id", params.path("id"))?);
    let event = api.store.event(&id).await?.ok_or_else(|| Problem::not_found("event"))?;
    let data = if event.kind == EventKind::Update { api.store.event_data(&id).await? } else { None };
    let answer = if let Some(EventData::Update(data)) = data { data.answer } else { None };
    let answer = answer.map(|answer| deliveries::write_answer(&id, &answer, event.received_at));
    Ok(surface::json(StatusCode::OK, &KeptEvent { answer, ..record(&event) }))
}

/// An event as it is kept, without what it says.
pub(super) fn record(event: &EventRecord) -> KeptEvent {
    KeptEvent {
        id: event.id.to_string(),
        kind: event.kind.into(),
        alert_id: event.alert_id.clone(),
        at: event.base_at.into(),
        received_at: event.received_at.into(),
        decision: event.decision.as_ref().map(ToString::to_string),
        problems: event.problems.clone(),
        answer: None,
    }
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
    let kind = if why.reason == RejectReason::TooLarge { Kind::TooLarge } else { Kind::Invalid };
    Problem::new(kind, why.detail.clone()).with(Extra::RejectReason(why.reason))
}

pub(super) fn write(accepted: &Accepted) -> AcceptedEvent {
    AcceptedEvent {
        id: accepted.id.to_string(),
        duplicate: accepted.duplicate,
        planned: accepted.planned,
        problems: accepted.problems.clone(),
        decision: accepted.decision.as_ref().map(ToString::to_string),
    }
}
