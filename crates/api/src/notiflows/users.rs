//! `/users`: the application's users.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use watchbell_core::user::User;
use watchbell_store::directory::UserFilter;

use super::page::{self, Asked};
use super::profile::Profile;
use super::{Scope, external_id, preferences, subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;

/// In the order in which they were made.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params, asked: Asked) -> Result<Response, Problem> {
    caller.check_reads_all().map_err(Scope::ReadUsers.refused())?;
    let filter = UserFilter {
        created_after: params.time("created_after")?,
        created_before: params.time("created_before")?,
        ..UserFilter::default()
    };
    let here = UserFilter { after: asked.after, before: asked.before, limit: asked.limit, ..filter.clone() };
    let (users, _) = api.store.users(&here).await?;
    let ends = users.first().zip(users.last()).map(|(first, last)| (first.id, last.id));
    let mut more = (false, false);
    if let Some((first, last)) = ends {
        let (_, before) = api.store.users(&UserFilter { before: Some(first), ..filter.clone() }).await?;
        let (_, after) = api.store.users(&UserFilter { after: Some(last), ..filter }).await?;
        more = (before > 0, after > 0);
    }
    let items = people::written(&api, &users, wire::user).await?;
    Ok(json(StatusCode::OK, &page::write(asked, &items, ends, more)))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read, Scope::ReadUsers).await?;
    Ok(json(StatusCode::OK, &with_contacts(&api, &user).await?))
}

/// Makes the user, or changes what is given. Members that are none of ours are left alone: applications send more, such as
/// `avatar`, than messages need.
pub(super) async fn upsert(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin().map_err(Scope::WriteUsers.refused())?;
    let id = external_id(&params)?;
    let mut fields = payload.object()?;
    let profile = Profile::read(&mut fields)?;
    let switches = match fields.object("preferences")? {
        Some(mut given) => Some(preferences::read(&api, &mut given).await?),
        None => None,
    };
    let (user, is_new) = profile.put(&api, &caller, id).await?;
    if let Some(switches) = switches {
        api.store.merge_switches(caller.actor(), user.id, &switches).await?;
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(json(status, &with_contacts(&api, &user).await?))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin().map_err(Scope::WriteUsers.refused())?;
    let user = subject(&api, &caller, &params, Intent::Change, Scope::WriteUsers).await?;
    api.store.delete_user(caller.actor(), user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn with_contacts(api: &Api, user: &User) -> Result<Value, Problem> {
    Ok(wire::user(user, &api.store.contacts(user.id, None).await?))
}
