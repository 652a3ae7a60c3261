//! `/users/{user}/subscriptions`: the topics that a user is told of. Who belongs to a topic is the application's to say: a user's own
//! key would read what is meant for others.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::user::User;
use watchbell_store::directory::{Subscription, SubscriptionFilter};

use super::page::Asked;
use super::{ApiScope, subject, topics, wire};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;
use crate::validate::person;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params, asked: Asked) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read, ApiScope::ReadSubscriptions).await?;
    let filter = SubscriptionFilter { user: Some(user.id), ..topics::filter(&params, &asked)? };
    topics::page_of(&api, &asked, &filter).await
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read, ApiScope::ReadSubscriptions).await?;
    let topic = topics::named(&params, "topic")?;
    let found = of(&api, &user, topic).await?.ok_or_else(|| Problem::not_found("subscription").named(topic))?;
    Ok(json(StatusCode::OK, &wire::subscription(&found, &user.public_id)))
}

/// The same again changes nothing.
pub(super) async fn subscribe(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteSubscriptions.refused())?;
    let user = subject(&api, &caller, &params, Intent::Change, ApiScope::WriteSubscriptions).await?;
    let topic = payload.object()?.required_text("topic_name", &person::NAME)?;
    if let Some(there) = of(&api, &user, &topic).await? {
        return Ok(json(StatusCode::OK, &wire::subscription(&there, &user.public_id)));
    }
    api.store.add_members(caller.actor(), &topic, &[user.id]).await?;
    let made = of(&api, &user, &topic).await?.ok_or_else(|| Problem::not_found("subscription").named(&topic))?;
    Ok(json(StatusCode::CREATED, &wire::subscription(&made, &user.public_id)))
}

pub(super) async fn unsubscribe(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteSubscriptions.refused())?;
    let user = subject(&api, &caller, &params, Intent::Change, ApiScope::WriteSubscriptions).await?;
    let topic = topics::named(&params, "topic")?;
    if api.store.remove_members(caller.actor(), topic, &[user.id]).await?.is_empty() {
        return Err(Problem::not_found("subscription").named(topic));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn of(api: &Api, user: &User, topic: &str) -> Result<Option<Subscription>, Problem> {
    Ok(api.store.subscriptions_of(topic, &[user.id]).await?.into_iter().next())
}
