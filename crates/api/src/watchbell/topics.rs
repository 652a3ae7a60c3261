//! `/topics/{topic}/users`: whom an event for a topic is for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use watchbell_core::UserId;
use watchbell_core::ids::UserRef;
use watchbell_store::directory::Topics;

use super::{page, subject};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;

/// Users that one call adds at most: each is looked up.
const MOST: usize = 1_000;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let topic = topic(&params)?;
    let limit = page::limit(&params)?;
    let after = UserId(page::numeric_cursor(&params)?.unwrap_or(i64::MIN));
    let members = Topics::members(&*api.store, topic, after, limit + 1).await?;
    Ok(page::write(members, limit, ToString::to_string, |user| json!({ "id": user.0 })))
}

/// Adds all of `users` or, when one of them is unknown, none.
pub(super) async fn add(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let topic = topic(&params)?;
    let mut fields = payload.object()?;
    let users = fields.array("users", MOST)?;
    let users = fields.required("users", users, "it must be an array of users")?;
    fields.finish()?;
    let mut ids = Vec::with_capacity(users.len());
    for (at, user) in users.iter().enumerate() {
        ids.push(look_up(&api, at, user).await?);
    }
    if !ids.is_empty() {
        api.store.add_members(caller.actor(), topic, &ids).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn look_up(api: &Api, at: usize, user: &Value) -> Result<UserId, Problem> {
    let field = format!("users[{at}]");
    let named = match user {
        Value::Number(number) => number.as_i64().map(|id| UserRef::Id(UserId(id))),
        Value::String(text) => UserRef::parse(text),
        _ => None,
    };
    let right = "it must be a user's number, U… id or external id";
    let named = named.ok_or_else(|| Problem::invalid(&field, "names nobody", right))?;
    let user = api.store.user(&named).await?;
    user.map(|user| user.id).ok_or_else(|| Problem::invalid(&field, "is unknown", right))
}

pub(super) async fn add_one(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    api.store.add_members(caller.actor(), topic(&params)?, &[user.id]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whoever is no member is none afterwards either.
pub(super) async fn remove(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    api.store.remove_members(caller.actor(), topic(&params)?, &[user.id]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn topic(params: &Params) -> Result<&str, Problem> {
    let topic = params.path("topic");
    if (1..=255).contains(&topic.chars().count()) && !topic.chars().any(char::is_control) {
        return Ok(topic);
    }
    Err(Problem::invalid("topic", "cannot be a name", "it must have 1 to 255 characters, none of them control characters"))
}
