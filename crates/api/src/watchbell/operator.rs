//! What an operator looks at: the audit log, users whom nothing reaches, channels.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_store::Scope;

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
        if let Some(detail) = &entry.detail {
            body["detail"] = detail.as_str().into();
        }
        body
    };
    Ok(page::write(entries, limit, |entry| entry.id.to_string(), write))
}

pub(super) async fn unreachable(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let found = api.store.unreachable(page::limit(&params)?).await?;
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
    Ok(surface::json(StatusCode::OK, &json!({ "items": items })))
}

/// Every channel, and who serves it; one without a provider sends nothing.
pub(super) async fn channels(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let items: Vec<Value> = api
        .health
        .channels()
        .iter()
        .map(|status| {
            let provider = |provider: &crate::ProviderStatus| json!({ "name": provider.name, "kind": provider.kind, "up": provider.is_up });
            let providers: Vec<Value> = status.providers.iter().map(provider).collect();
            json!({ "channel": status.channel, "available": !providers.is_empty(), "providers": providers })
        })
        .collect();
    Ok(surface::json(StatusCode::OK, &json!({ "items": items })))
}
