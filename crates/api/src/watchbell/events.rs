//! `POST /events`: the same events as over NATS. An answer of 202 is given after the commit, as an ack is.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::decode::{self, Reason, Undecodable};
use watchbell_core::event::{Event, EventData};
use watchbell_store::intake::Accepted;

use crate::auth::Authenticated;
use crate::problem::{Kind, Problem};
use crate::request::Payload;
use crate::state::Api;
use crate::surface;

pub(super) async fn publish(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_publisher()?;
    let headers = pairs(&payload.headers);
    let content_type = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    // A publisher over HTTP sees what is wrong and can send it again, so nothing is kept of what cannot be used at all.
    let events = decode::from_http(content_type, &headers, &payload.bytes, api.clock.now()).map_err(|why| unusable(&why))?;
    events.iter().try_for_each(check_names)?;
    let mut written: Vec<Value> = Vec::with_capacity(events.len());
    let mut rest = events.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(together(rest));
        written.extend(api.store.accept_from(caller.actor(), "event.publish", now).await?.iter().map(write));
        rest = later;
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
    let too_long = |(_, names): &(&str, &[String])| names.len() > MOST_NAMED;
    let Some((field, names)) = named(event).into_iter().find(too_long) else { return Ok(()) };
    let wrong = format!("names {} users", names.len());
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

/// How many of these events, at least one, are accepted in the next transaction.
fn together(events: &[Event]) -> usize {
    let mut names = 0;
    let fits = |event: &&Event| {
        names += named(event).iter().map(|(_, names)| names.len()).sum::<usize>();
        names <= MOST_NAMED
    };
    events.iter().take(MOST_TOGETHER).take_while(fits).count().max(1)
}

/// What is no text is no header of an event.
pub(super) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &axum::http::HeaderValue| std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned);
    headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
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
