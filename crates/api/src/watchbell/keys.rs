//! `/keys`: who may call. A key, or the secret part of a pair, is shown in the answer that makes it, and never again.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use watchbell_core::access::Role;
use watchbell_core::ids::UserRef;
use watchbell_core::{KeyId, UserId};
use watchbell_store::access::ApiKey;

use super::page;
use crate::auth::{Authenticated, hash_key, new_key, new_key_pair};
use crate::problem::{Problem, rfc3339};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, person};

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let after = KeyId(page::numeric_cursor(&params)?.unwrap_or_default());
    let keys = api.store.keys(after, limit + 1).await?;
    Ok(page::write(keys, limit, |key| key.id.to_string(), write))
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let mut fields = payload.object()?;
    let name = fields.required_text("name", &person::NAME)?;
    let roles: Vec<(&str, Role)> = Role::ALL.iter().map(|role| (role.as_str(), *role)).collect();
    let role = fields.required_choice("role", &roles)?;
    let is_pair = fields.boolean("pair")?.unwrap_or(false);
    let user = user(&api, &mut fields).await?;
    if role == Role::User && user.is_none() {
        return Err(fields.invalid("user", "is missing", "a user key belongs to a user: give a number, U… id or external id"));
    }
    fields.finish()?;
    let body = if is_pair {
        let (public, secret) = new_key_pair();
        let kept = api.store.add_key_pair(caller.actor(), &name, &public, &hash_key(&secret), role, user).await?;
        let mut body = write(&kept);
        body["secretKey"] = secret.expose().into();
        body
    } else {
        let key = new_key();
        let kept = api.store.add_key(caller.actor(), &name, &hash_key(&key), role, user).await?;
        let mut body = write(&kept);
        body["key"] = key.expose().into();
        body
    };
    Ok(surface::json(StatusCode::CREATED, &body))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    api.store.delete_key(caller.actor(), KeyId(params.id("id")?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn user(api: &Api, fields: &mut Fields) -> Result<Option<UserId>, Problem> {
    const RIGHT: &str = "it must be a user's number, U… id or external id";
    let Some(value) = fields.take("user") else { return Ok(None) };
    let named = match &value {
        Value::Number(number) => number.as_i64().map(|id| UserRef::Id(UserId(id))),
        Value::String(text) => UserRef::parse(text),
        _ => None,
    };
    let named = named.ok_or_else(|| fields.invalid("user", "names nobody", RIGHT))?;
    let user = api.store.user(&named).await?;
    user.map(|user| Some(user.id)).ok_or_else(|| fields.invalid("user", "is unknown", RIGHT))
}

fn write(key: &ApiKey) -> Value {
    let mut body = json!({ "id": key.id.0, "name": key.name, "role": key.role.as_str(), "createdAt": rfc3339(key.created_at) });
    if let Some(user) = key.user_id {
        body["userId"] = user.0.into();
    }
    if let Some(public) = &key.public_key {
        body["publicKey"] = public.as_str().into();
    }
    body
}
