//! `/keys`: who may call. A key, or the secret part of a pair, is shown in the answer that makes it, and never again.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::access::Role;
use watchbell_core::{KeyId, Timestamp};
use watchbell_store::access::{ApiKey, NewKey};
use watchbell_wire::keys::{self as wire, Key, MadeKey};

use super::{page, user_name};
use crate::auth::{Authenticated, hash_key, new_key, new_key_pair, new_publisher_key};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, person};

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let after = KeyId(page::numeric_cursor(&params)?.unwrap_or_default());
    let keys = api.store.keys(after, limit + 1).await?;
    page::write(keys, limit, |key| key.id.to_string(), write)
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let wire::NewKey { name, role, user, pair, intake, expires_at } = read(&api, payload.object()?)?;
    let user = match &user {
        Some(user) => Some(user_name::look_up(&api, "user", user).await?),
        None => None,
    };
    let expires_at = expires_at.map(|at| at.0);
    let body = if pair.unwrap_or(false) {
        let (public, secret) = new_key_pair();
        let hash = hash_key(&secret);
        let new = NewKey { public_key: Some(&public), expires_at, ..NewKey::new(&name, &hash, role, user) };
        let kept = api.store.add_key(caller.actor(), new).await?;
        MadeKey { kept: write(&kept), key: None, secret_key: Some(secret.expose().to_owned()) }
    } else {
        let key = if role == Role::Publisher { new_publisher_key() } else { new_key() };
        let hash = hash_key(&key);
        let new = NewKey { intake: intake.as_deref(), expires_at, ..NewKey::new(&name, &hash, role, user) };
        let kept = api.store.add_key(caller.actor(), new).await?;
        MadeKey { kept: write(&kept), key: Some(key.expose().to_owned()), secret_key: None }
    };
    Ok(surface::json(StatusCode::CREATED, &body))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    api.store.delete_key(caller.actor(), KeyId(params.id("id")?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn read(api: &Api, mut fields: Fields) -> Result<wire::NewKey, Problem> {
    let name = fields.required_text("name", &person::NAME)?;
    let roles: Vec<(&str, Role)> = Role::ALL.iter().map(|role| (role.as_str(), *role)).collect();
    let role = fields.required_choice("role", &roles)?;
    let pair = fields.boolean("pair")?;
    let user = fields.take("user").map(|user| user_name::read("user", user)).transpose()?;
    if role == Role::User && user.is_none() {
        return Err(fields.invalid("user", "is missing", "a user key belongs to a user: give a number, U… id or external id"));
    }
    let intake = fields.text("intake", &person::NAME)?;
    if intake.is_some() && (role != Role::Publisher || pair == Some(true) || user.is_some()) {
        return Err(fields.invalid("intake", "is for a publisher's key alone", "give the role publisher, and neither user nor pair"));
    }
    if intake.as_ref().is_some_and(|intake| !api.settings.intakes.contains_key(intake)) {
        let known: Vec<&str> = api.settings.intakes.keys().map(String::as_str).collect();
        let right =
            if known.is_empty() { "configure [intake.NAME] first".to_owned() } else { format!("it must be one of {}", known.join(", ")) };
        return Err(fields.invalid("intake", "is not configured", &right));
    }
    let expires_at =
        fields.text("expiresAt", &(1..=64))?.map(|text| Timestamp::parse_rfc3339(&text).ok().filter(|at| *at > api.clock.now()));
    if expires_at == Some(None) {
        return Err(fields.invalid("expiresAt", "is no time to come", "give one as RFC 3339 has it, such as 2030-01-31T12:00:00Z"));
    }
    fields.finish()?;
    Ok(wire::NewKey { name, role, user, pair, intake, expires_at: expires_at.flatten().map(Into::into) })
}

fn write(key: &ApiKey) -> Key {
    Key {
        id: key.id.0,
        name: key.name.clone(),
        role: key.role.into(),
        user_id: key.user_id.map(|user| user.0),
        public_key: key.public_key.clone(),
        intake: key.intake.clone(),
        created_at: key.created_at.into(),
        expires_at: key.expires_at.map(Into::into),
        used_at: key.used.map(|used| used.at.into()),
        used_from: key.used.map(|used| used.from.to_string()),
    }
}
