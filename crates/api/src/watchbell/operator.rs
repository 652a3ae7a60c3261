//! What an operator looks at: the audit log, users whom nothing reaches, channels.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::{Channel, Timestamp};
use watchbell_store::Scope;
use watchbell_store::queue::WorkerSession;

use super::page;
use crate::auth::Authenticated;
use crate::problem::{Problem, rfc3339};
use crate::request::Params;
use crate::state::Api;
use crate::surface;

pub(super) async fn audit(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let entries = api.store.audit(page::numeric_cursor(&params)?, limit + 1).await?;
    let write = |entry: &watchbell_store::access::AuditEntry| {
        let mut body = json!({ "id": entry.id, "at": rfc3339(entry.at), "action": entry.action, "object": entry.object });
        if let Some(key) = entry.key_id {
            body["keyId"] = key.0.into();
        }
        if let Some(address) = &entry.address {
            body["address"] = address.as_str().into();
        }
        if let Some(detail) = &entry.detail {
            body["detail"] = Value::Object(detail.clone());
        }
        body
    };
    Ok(page::write(entries, limit, |entry| entry.id.to_string(), write))
}

pub(super) async fn unreachable(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let found = api.store.unreachable(page::limit(&params)?).await?;
    let total = api.store.unreachable_count().await?;
    let items: Vec<Value> = found
        .iter()
        .map(|(scope, user, event, at)| {
            let mut body = json!({ "userId": user.0, "eventId": event, "at": rfc3339(*at) });
            match scope {
                Scope::Alert { id, .. } => body["alertId"] = id.as_str().into(),
                Scope::Duty { id, .. } => body["dutyId"] = id.as_str().into(),
                Scope::Event(_) => {}
            }
            body
        })
        .collect();
    Ok(surface::json(StatusCode::OK, &json!({ "items": items, "total": total })))
}

/// Every channel, and who serves it, as the workers that are alive find it; one without a provider sends nothing.
pub(super) async fn channels(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let processes = api.store.live_sessions().await?;
    let now = api.clock.now();
    let items: Vec<Value> = api
        .health
        .channels()
        .iter()
        .map(|status| {
            let provider = |provider: &crate::ProviderStatus| {
                let found = found(&processes, status.channel, &provider.name, now);
                let is_up = found.keys().all(|state| *state == "up");
                let state = |(state, (workers, until)): (&&str, &(u64, Option<Timestamp>))| {
                    let mut body = json!({ "state": state, "workers": workers });
                    if let Some(until) = until {
                        body["until"] = rfc3339(*until);
                    }
                    body
                };
                let states: Vec<Value> = found.iter().map(state).collect();
                json!({ "name": provider.name, "kind": provider.kind, "up": is_up, "states": states })
            };
            let providers: Vec<Value> = status.providers.iter().map(provider).collect();
            json!({ "channel": status.channel, "available": !providers.is_empty(), "providers": providers })
        })
        .collect();
    Ok(surface::json(StatusCode::OK, &json!({ "items": items })))
}

/// How the workers of a channel find a provider: for each state how many of them, and where they do not call it, until when at most.
fn found(
    processes: &[WorkerSession],
    channel: Channel,
    provider: &str,
    now: Timestamp,
) -> BTreeMap<&'static str, (u64, Option<Timestamp>)> {
    let mut found = BTreeMap::new();
    for process in processes.iter().filter(|process| process.channels.contains(&channel)) {
        let outage = process.outages.iter().find(|outage| outage.channel == channel && outage.provider == provider);
        let (state, until) = match outage.map(|outage| outage.until) {
            None => ("up", None),
            // Whose time has passed waits for something to be sent.
            Some(until) => until.filter(|until| *until > now).map_or(("half_open", None), |until| ("open", Some(until))),
        };
        let (workers, latest): &mut (u64, Option<Timestamp>) = found.entry(state).or_default();
        *workers += 1;
        *latest = until.max(*latest);
    }
    found
}

#[cfg(test)]
mod tests {
    use watchbell_core::ids::Epoch;
    use watchbell_store::queue::Outage;

    use super::*;

    fn s(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(seconds)
    }

    #[test]
    fn workers_that_find_otherwise_are_counted() {
        let process = |(channel, outages): (Channel, &[(Channel, Option<Timestamp>)])| WorkerSession {
            epoch: Epoch(1),
            name: "w".to_owned(),
            roles: "worker".to_owned(),
            channels: vec![channel],
            started_at: s(0),
            alive_until: s(60),
            outages: outages.iter().map(|(channel, until)| Outage { channel: *channel, provider: "p".to_owned(), until: *until }).collect(),
            clock_ahead_ms: None,
        };
        let (sms, voice) = (Channel::Sms, Channel::Voice);
        let processes = [
            (sms, &[(sms, Some(s(15)))][..]),
            (sms, &[(sms, Some(s(19))), (voice, None)]),
            (sms, &[(sms, None)]),
            // It has waited long enough, and finds out with its next message.
            (sms, &[(sms, Some(s(10)))]),
            (sms, &[(voice, Some(s(99)))]),
            (voice, &[(sms, None)]),
        ];
        let processes = processes.map(process);
        let expected = [("half_open", (2, None)), ("open", (2, Some(s(19)))), ("up", (1, None))];
        assert_eq!(found(&processes, sms, "p", s(10)), expected.into());
        assert_eq!(found(&processes, sms, "q", s(10)), [("up", (5, None))].into());
        assert_eq!(found(&processes, Channel::Email, "p", s(10)), BTreeMap::new());
    }
}
