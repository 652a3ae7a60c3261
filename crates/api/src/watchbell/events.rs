//! `POST /events`: the same events as over NATS. An answer of 202 is given after the commit, as an ack is.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::decode::{self, Reason, Undecodable};
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
    let accepted = api.store.accept(&events).await?;
    let events: Vec<Value> = accepted.iter().map(write).collect();
    Ok(surface::json(StatusCode::ACCEPTED, &json!({ "events": events })))
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
