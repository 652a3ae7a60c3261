//! `/topics`, and who has subscribed to one. A topic is there from its first subscriber on, until it is deleted.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use watchbell_core::{Timestamp, UserId};
use watchbell_store::StoreError;
use watchbell_store::directory::{Subscription, SubscriptionFilter, Topic, Topics};

use super::page::Asked;
use super::{ApiScope, ID_MUST, external_id_of, find, is_external_id, wire};
use crate::auth::Authenticated;
use crate::problem::{Fault, Problem};
use crate::request::{Params, Payload, parameter};
use crate::state::Api;
use crate::surface::json;
use crate::validate::person;

/// Users in one bulk call: each is looked up.
const MOST: usize = 1_000;

const NAME_MUST: &str = "it must have 1 to 255 characters, none of them control characters";

pub(super) fn is_name(topic: &str) -> bool {
    person::NAME.contains(&topic.chars().count()) && !topic.chars().any(char::is_control)
}

/// The topic that a path names.
pub(super) fn named<'a>(params: &'a Params, name: &str) -> Result<&'a str, Problem> {
    let topic = params.path(name);
    if is_name(topic) { Ok(topic) } else { Err(parameter(name, "cannot be a topic", NAME_MUST)) }
}

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, asked: Asked) -> Result<Response, Problem> {
    caller.check_reads_all().map_err(ApiScope::ReadTopics.refused())?;
    let side = asked.side(|text| {
        let (at, name) = text.split_once('-')?;
        Some(Topic { name: name.to_owned(), created_at: Timestamp::from_millis(at.parse().ok()?) })
    })?;
    let page = asked.cut(api.store.topics(&side, asked.fetch()).await?);
    let items: Vec<Value> = page.entries.iter().map(wire::topic).collect();
    let cursor = |topic: &Topic| format!("{}-{}", topic.created_at.as_millis(), topic.name);
    Ok(json(StatusCode::OK, &asked.write(&page, &items, cursor)))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all().map_err(ApiScope::ReadTopics.refused())?;
    let topic = found(&api, named(&params, "topic")?).await?;
    Ok(json(StatusCode::OK, &wire::topic(&topic)))
}

/// All subscriptions go with it.
pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteTopics.refused())?;
    let topic = named(&params, "topic")?;
    api.store.delete_topic(caller.actor(), topic).await.map_err(|error| match error {
        StoreError::NotFound("topic") => Problem::not_found("topic").named(topic),
        error => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn subscriptions(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    asked: Asked,
) -> Result<Response, Problem> {
    caller.check_reads_all().map_err(ApiScope::ReadSubscriptions.refused())?;
    let topic = found(&api, named(&params, "topic")?).await?;
    let filter = SubscriptionFilter { topic: Some(topic.name), ..filter(&params, &asked)? };
    page_of(&api, &asked, &filter).await
}

pub(super) fn filter(params: &Params, asked: &Asked) -> Result<SubscriptionFilter, Problem> {
    Ok(SubscriptionFilter {
        topic: None,
        user: None,
        created_after: params.time("created_after")?,
        created_before: params.time("created_before")?,
        side: asked.side(read_cursor)?,
        limit: asked.fetch(),
    })
}

pub(super) async fn page_of(api: &Api, asked: &Asked, filter: &SubscriptionFilter) -> Result<Response, Problem> {
    let page = asked.cut(api.store.subscriptions(filter).await?);
    let users: Vec<UserId> = page.entries.iter().map(|subscription| subscription.user_id).collect();
    let ids: BTreeMap<UserId, String> = api.store.users_of(&users).await?.into_iter().map(|user| (user.id, user.public_id)).collect();
    // Nobody who was deleted since has one.
    let items: Vec<Value> = page
        .entries
        .iter()
        .filter_map(|subscription| ids.get(&subscription.user_id).map(|id| wire::subscription(subscription, id)))
        .collect();
    let cursor = |at: &Subscription| format!("{}-{}-{}", at.created_at.as_millis(), at.user_id, at.topic);
    Ok(json(StatusCode::OK, &asked.write(&page, &items, cursor)))
}

fn read_cursor(text: &str) -> Option<Subscription> {
    let mut parts = text.splitn(3, '-');
    let created_at = Timestamp::from_millis(parts.next()?.parse().ok()?);
    Some(Subscription { created_at, user_id: UserId(parts.next()?.parse().ok()?), topic: parts.next()?.to_owned() })
}

/// Who is unknown is named; the others are subscribed, or are so already.
pub(super) async fn subscribe(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteSubscriptions.refused())?;
    let topic = named(&params, "topic")?;
    let (users, failed) = named_users(&api, &payload).await?;
    let ids: Vec<UserId> = users.keys().copied().collect();
    if !ids.is_empty() {
        api.store.add_members(caller.actor(), topic, &ids).await?;
    }
    let made = api.store.subscriptions_of(topic, &ids).await?;
    Ok(outcome(&users, &made, &failed))
}

/// Who is unknown, or has no subscription, is named.
pub(super) async fn unsubscribe(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteSubscriptions.refused())?;
    let topic = named(&params, "topic")?;
    let (users, mut failed) = named_users(&api, &payload).await?;
    let ids: Vec<UserId> = users.keys().copied().collect();
    let mut had = api.store.subscriptions_of(topic, &ids).await?;
    let removed = api.store.remove_members(caller.actor(), topic, &ids).await?;
    had.retain(|subscription| removed.contains(&subscription.user_id));
    for (_, (external_id, _)) in users.iter().filter(|(id, _)| !removed.contains(id)) {
        failed.push(json!({ "external_id": external_id, "reason": "User is not subscribed" }));
    }
    Ok(outcome(&users, &had, &failed))
}

/// Users by number, each with the name that the request gave them and their `U…` id; and who is unknown.
type Named = (BTreeMap<UserId, (String, String)>, Vec<Value>);

async fn named_users(api: &Api, payload: &Payload) -> Result<Named, Problem> {
    const FIELD: &str = "user_external_ids";
    let mut fields = payload.object()?;
    let given = fields.array(FIELD, MOST)?;
    let given = fields.required(FIELD, given, "it must be an array of external ids")?;
    let (mut users, mut failed) = (BTreeMap::new(), Vec::new());
    for (at, id) in given.iter().enumerate() {
        let id = id.as_str().ok_or_else(|| fields.invalid(&format!("{FIELD}[{at}]"), "is no text", ID_MUST).because(Fault::Type))?;
        if !is_external_id(id) {
            return Err(fields.invalid(&format!("{FIELD}[{at}]"), "cannot be an id", ID_MUST));
        }
        match find(api, id).await? {
            Some(user) => drop(users.insert(user.id, (external_id_of(&user).to_owned(), user.public_id))),
            None => failed.push(json!({ "external_id": id, "reason": "User not found" })),
        }
    }
    Ok((users, failed))
}

fn outcome(users: &BTreeMap<UserId, (String, String)>, done: &[Subscription], failed: &[Value]) -> Response {
    let written = |one: &Subscription| users.get(&one.user_id).map(|(_, id)| wire::subscription(one, id));
    let successful: Vec<Value> = done.iter().filter_map(written).collect();
    let status = if failed.is_empty() { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    json(status, &json!({ "successful": successful, "failed": failed }))
}

async fn found(api: &Api, topic: &str) -> Result<Topic, Problem> {
    Topics::topic(&*api.store, topic).await?.ok_or_else(|| Problem::not_found("topic").named(topic))
}
