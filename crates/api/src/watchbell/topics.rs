//! `/topics/{topic}/users`: whom an event for a topic is for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::UserId;
use watchbell_store::directory::Topics;
use watchbell_store::page::Side;
use watchbell_wire::topics::{self as wire, Member, NewMembers};

use super::{page, subject, user_name};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::validate::Fields;

/// Newest first.
pub(super) async fn all(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let side = match params.query("cursor")? {
        None => Side::Newest,
        Some(name) => {
            let last = api.store.topic(name).await?;
            Side::After(last.ok_or_else(|| Problem::invalid("cursor", "is none of ours", "begin again: the topic was deleted meanwhile"))?)
        }
    };
    let topics = api.store.topics(&side, limit + 1).await?;
    page::write(
        topics,
        limit,
        |topic| topic.name.clone(),
        |topic| wire::Topic { name: topic.name.clone(), created_at: topic.created_at.into() },
    )
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    api.store.delete_topic(caller.actor(), topic(&params)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Users that one call adds at most: each is looked up.
const MOST: usize = 1_000;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let topic = topic(&params)?;
    let limit = page::limit(&params)?;
    let after = UserId(page::numeric_cursor(&params)?.unwrap_or(i64::MIN));
    let members = Topics::members(&*api.store, topic, after, limit + 1).await?;
    page::write(members, limit, ToString::to_string, |user| Member { id: user.0 })
}

/// Adds all of `users` or, when one of them is unknown, none.
pub(super) async fn add(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let topic = topic(&params)?;
    let members = read(payload.object()?)?;
    let mut ids = Vec::with_capacity(members.users.len());
    for (at, user) in members.users.iter().enumerate() {
        ids.push(user_name::look_up(&api, &place(at), user).await?);
    }
    if !ids.is_empty() {
        api.store.add_members(caller.actor(), topic, &ids).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn read(mut fields: Fields) -> Result<NewMembers, Problem> {
    let users = fields.array("users", MOST)?;
    let users = fields.required("users", users, "it must be an array of users")?;
    fields.finish()?;
    let users = users.into_iter().enumerate().map(|(at, user)| user_name::read(&place(at), user)).collect::<Result<_, _>>()?;
    Ok(NewMembers { users })
}

fn place(at: usize) -> String {
    format!("users[{at}]")
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
