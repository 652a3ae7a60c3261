//! Opsgenie's Alert API v2 (its OpenAPI description of 2021 and its Go SDK of 2024).
//!
//! Every request is answered 202 with an id, by which a client may ask what became of it. That id is the event's own, written as
//! a UUID, so that any process can answer.

use serde_json::{Map, Value, json};

use super::{Answer, Found, Question, Reading, Request, State, Taken, Unreadable, json_of};
use crate::report::{Report, What, members, text};

pub(super) fn read(request: &Request<'_>) -> Result<Reading, Unreadable> {
    let path = request.path.strip_prefix("v2/").unwrap_or(request.path);
    let below = path.strip_prefix("alerts").map_or(path, |rest| rest.trim_matches('/'));
    if request.method == "GET" {
        return match below.strip_prefix("requests/") {
            Some(id) => Ok(Reading::Asks(Question::Request(id.to_owned()))),
            None if below.is_empty() => Err(Unreadable::new("an alert's identifier is missing in the path")),
            None => Ok(Reading::Asks(Question::Alert(below.to_owned()))),
        };
    }
    if below.is_empty() {
        return create(request);
    }
    // An identifier may hold slashes itself: what is done stands last.
    let (identifier, action) = below.rsplit_once('/').unwrap_or((below, ""));
    let what = match (request.method, action) {
        ("POST", "close") => What::Resolved,
        ("POST", "acknowledge") => What::Acknowledged,
        ("POST", "unacknowledge") => What::Released,
        ("POST", "responders" | "escalate" | "assign") => What::Called,
        ("PUT", "message" | "description" | "priority") => What::Changed,
        ("POST", "notes" | "snooze" | "tags" | "details") => return Ok(Reading::Nothing),
        ("DELETE", _) => {
            let reports = vec![Report::new(What::Resolved, below)];
            return Ok(Reading::Reports { reports, payload: Value::Null, unreadable: Vec::new() });
        }
        _ => return Err(Unreadable::new("no such action; close, acknowledge and unacknowledge change an alert")),
    };
    let payload = if request.body.is_empty() { Value::Null } else { json_of(request)? };
    let mut report = Report { actor: text(&payload, "user"), alert: payload.clone(), ..Report::new(what, identifier) };
    match what {
        What::Called => {
            let named = [("responder", ""), ("escalation", "escalation"), ("owner", "user")];
            report.responders = named.iter().filter_map(|(name, kind)| responder(payload.get(name)?, kind)).collect();
            if report.responders.is_empty() {
                return Err(Unreadable::new("the body must name a responder, an escalation or an owner"));
            }
        }
        What::Changed => {
            let field = match action {
                "message" => &mut report.summary,
                "description" => &mut report.details,
                _ => &mut report.priority,
            };
            *field = Some(text(&payload, action).ok_or_else(|| Unreadable::new(format!("{action} is missing; it must be a text")))?);
        }
        _ => {}
    }
    Ok(Reading::Reports { reports: vec![report], payload, unreadable: Vec::new() })
}

fn create(request: &Request<'_>) -> Result<Reading, Unreadable> {
    let payload = json_of(request)?;
    if !payload.is_object() {
        return Err(Unreadable::new("the body must be a JSON object"));
    }
    let alias = text(&payload, "alias").unwrap_or_else(|| request.id.to_owned());
    let mut labels: Map<String, Value> = members(&payload, "details");
    for name in ["source", "entity"] {
        if let Some(value) = text(&payload, name) {
            labels.entry(name).or_insert(value.into());
        }
    }
    let tags: Vec<&str> = payload.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !tags.is_empty() {
        labels.entry("tags").or_insert(tags.join(", ").into());
    }
    let report = Report {
        summary: text(&payload, "message"),
        details: text(&payload, "description").or_else(|| text(&payload, "note")),
        url: labels.get("url").and_then(Value::as_str).map(str::to_owned),
        priority: text(&payload, "priority"),
        labels,
        responders: payload
            .get("responders")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|named| responder(named, ""))
            .collect(),
        alert: payload.clone(),
        ..Report::new(What::Fired, alias)
    };
    Ok(Reading::Reports { reports: vec![report], payload, unreadable: Vec::new() })
}

/// Whom a recipient of Opsgenie's is here: a schedule is whoever is on duty by the one of that name, a team is a topic.
fn responder(named: &Value, kind: &str) -> Option<String> {
    let kind = text(named, "type").map_or_else(|| kind.to_owned(), |kind| kind.to_ascii_lowercase());
    let name = text(named, "username").or_else(|| text(named, "name")).or_else(|| text(named, "id"))?;
    Some(match kind.as_str() {
        "schedule" => format!("duty:{name}"),
        "team" => format!("topic:{name}"),
        "escalation" => format!("escalation:{name}"),
        _ => name,
    })
}

pub(super) fn accept(request: &Request<'_>, taken: &[Taken]) -> Answer {
    let id = taken.first().and_then(|taken| uuid_of(&taken.event_id)).unwrap_or_else(|| without_event(request.id));
    let body = json!({ "result": "Request will be processed", "took": 0.001, "requestId": id });
    Answer { headers: head(&id), ..Answer::new(202, body) }
}

pub(super) fn refuse(status: u16, why: &str, request_id: &str) -> Answer {
    let body = json!({ "message": why, "took": 0.001, "requestId": request_id });
    Answer { headers: head(request_id), ..Answer::new(status, body) }
}

pub(super) fn tell(question: &Question, found: Option<&Found>, request_id: &str) -> Answer {
    match (question, found) {
        (Question::Request(id), None) if id.starts_with(NO_EVENT) => {
            let data = json!({ "success": true, "isSuccess": true, "action": "Update", "processedAt": "", "integrationId": "", "status": "Updated alert", "alertId": "", "alias": "" });
            Answer { headers: head(request_id), ..Answer::new(200, json!({ "data": data, "took": 0.001, "requestId": id })) }
        }
        (Question::Request(_), None) => {
            let mut answer = refuse(404, "Request not found. It might not be processed, yet.", request_id);
            answer.headers.push(("X-Opsgenie-Errortype", "RequestNotProcessed".to_owned()));
            answer
        }
        (Question::Alert(_), None) => refuse(404, "Alert does not exist", request_id),
        (Question::Request(id), Some(found)) => {
            let (action, status) = match (found.is_update, found.state) {
                (false, _) => ("Create", "Created alert"),
                (true, State::Closed) => ("Close", "Closed alert"),
                (true, State::Acknowledged) => ("Acknowledge", "Acknowledged alert"),
                (true, State::Open) => ("UnAcknowledge", "Unacknowledged alert"),
            };
            let data = json!({
                "success": true,
                "isSuccess": true,
                "action": action,
                "processedAt": found.at,
                "integrationId": "",
                "status": status,
                "alertId": found.alert_id,
                "alias": found.alert_id,
            });
            Answer { headers: head(request_id), ..Answer::new(200, json!({ "data": data, "took": 0.001, "requestId": id })) }
        }
        (Question::Alert(_), Some(found)) => {
            let data = json!({
                "id": found.alert_id,
                "tinyId": found.alert_id,
                "alias": found.alert_id,
                "message": found.summary,
                "status": if found.state == State::Closed { "closed" } else { "open" },
                "acknowledged": found.state == State::Acknowledged,
                "isSeen": found.state == State::Acknowledged,
                "updatedAt": found.at,
            });
            Answer { headers: head(request_id), ..Answer::new(200, json!({ "data": data, "took": 0.001, "requestId": request_id })) }
        }
    }
}

/// How the ids of requests begin that are taken and come to no event, such as notes: clients that ask what became of one (Zabbix
/// asks until it hears of success) are told that it was done. An event's id begins with its time, so none begins so.
const NO_EVENT: &str = "00000000-";

fn without_event(request_id: &str) -> String {
    request_id.split_once('-').map_or_else(|| request_id.to_owned(), |(_, rest)| format!("{NO_EVENT}{rest}"))
}

/// The headers that its clients look at.
fn head(request_id: &str) -> Vec<(&'static str, String)> {
    vec![("X-Request-Id", request_id.to_owned()), ("X-RateLimit-State", "OK".to_owned())]
}

/// The letters of event ids: Crockford's base 32.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An event's id, 26 letters of which each holds five bits, as a UUID.
fn uuid_of(event_id: &str) -> Option<String> {
    let mut bits: u128 = 0;
    for letter in event_id.bytes() {
        let five = BASE32.iter().position(|known| *known == letter)?;
        bits = (bits << 5) | five as u128;
    }
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    (event_id.len() == 26).then(|| parts.join("-"))
}

/// The event whose id such a UUID is.
pub(super) fn event_of(uuid: &str) -> Option<String> {
    let hex: String = uuid.chars().filter(|c| *c != '-').collect();
    let bits = u128::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 32)?;
    Some((0..26).rev().map(|at| char::from(BASE32[((bits >> (at * 5)) & 31) as usize])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_by_the_id_of_its_request() {
        for id in ["01M8PKT2EE9YZZGS6NTQYR3742", "00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
            let uuid = uuid_of(id);
            assert_eq!((uuid.as_ref().map(String::len), uuid.and_then(|uuid| event_of(&uuid)).as_deref()), (Some(36), Some(id)));
        }
        for bad in ["", "x", "00000000-0000-0000-0000-00000000000g", "000000000000000000000000000000000"] {
            assert_eq!(event_of(bad), None, "{bad}");
        }
    }
}
