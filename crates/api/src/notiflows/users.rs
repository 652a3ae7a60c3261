//! `/users`: the application's users.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use watchbell_core::UserId;
use watchbell_core::user::User;
use watchbell_store::directory::UserFilter;
use watchbell_store::page::Side;

use super::page::Asked;
use super::profile::Profile;
use super::{ApiScope, channel_settings, external_id, preferences, subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;

/// Newest first: of numbers that are given in turn, the highest.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params, asked: Asked) -> Result<Response, Problem> {
    caller.check_reads_all().map_err(ApiScope::ReadUsers.refused())?;
    let filter = UserFilter {
        created_after: params.time("created_after")?,
        created_before: params.time("created_before")?,
        limit: asked.fetch(),
        ..UserFilter::default()
    };
    // The store lists upwards.
    let filter = match asked.side(|text| text.parse().ok().map(UserId))? {
        Side::Newest => UserFilter { before: Some(UserId(i64::MAX)), ..filter },
        Side::After(user) => UserFilter { before: Some(user), ..filter },
        Side::Before(user) => UserFilter { after: Some(user), ..filter },
    };
    let (mut users, _) = api.store.users(&filter).await?;
    let written = people::written(&api, &users, wire::user).await?;
    users.reverse();
    let page = asked.cut(users.into_iter().zip(written.into_iter().rev()).collect());
    let items: Vec<Value> = page.entries.iter().map(|(_, written)| written.clone()).collect();
    Ok(json(StatusCode::OK, &asked.write(&page, &items, |(user, _): &(User, Value)| user.id.to_string())))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read, ApiScope::ReadUsers).await?;
    Ok(json(StatusCode::OK, &with_contacts(&api, &user).await?))
}

/// Makes the user, or changes what is given. Members that are none of ours are left alone: applications send more than messages
/// need.
pub(super) async fn upsert(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteUsers.refused())?;
    let id = external_id(&params)?;
    let mut fields = payload.object()?;
    let profile = Profile::read(&mut fields)?;
    let switches = match fields.object("preferences")? {
        Some(mut given) => Some(preferences::read(&api, &mut given).await?),
        None => None,
    };
    let channels = channel_settings::Given::read(&api, &mut fields)?;
    let (user, is_new) = profile.put(&api, &caller, id).await?;
    if let Some(switches) = switches {
        api.store.merge_switches(caller.actor(), user.id, &switches).await?;
    }
    channels.put(&api, &caller, user.id).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &with_contacts(&api, &user).await?))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin().map_err(ApiScope::WriteUsers.refused())?;
    let user = subject(&api, &caller, &params, Intent::Change, ApiScope::WriteUsers).await?;
    api.store.delete_user(caller.actor(), user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn with_contacts(api: &Api, user: &User) -> Result<Value, Problem> {
    Ok(wire::user(user, &api.store.contacts(user.id, None).await?))
}
