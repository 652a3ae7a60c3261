//! `/users/{user}`: what a user has said about when and how they read.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::user::User;
use watchbell_store::directory::NewUser;
use watchbell_wire::Nullable;
use watchbell_wire::users::{self as wire, UserChange};

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, person};

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    Ok(surface::json(StatusCode::OK, &write(&user)))
}

/// Changes what is given; `null` clears `quietHours` and `externalId`.
pub(super) async fn change(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let before = subject(&api, &caller, &params, Intent::Change).await?;
    let change = read(&before, payload.object()?, &caller)?;
    let wanted = merge(&before, change);
    let user = api.store.replace_user(caller.actor(), before.id, wanted, &[]).await?;
    Ok(surface::json(StatusCode::OK, &write(&user)))
}

fn read(before: &User, mut fields: Fields, caller: &Authenticated) -> Result<UserChange, Problem> {
    let mut change = UserChange::default();
    if let Some(name) = fields.text("username", &person::NAME)? {
        people::check_username(caller, before, Some(&name))?;
        change.username = Some(name);
    }
    change.first_name = fields.text("firstName", &person::OPTIONAL_NAME)?;
    change.last_name = fields.text("lastName", &person::OPTIONAL_NAME)?;
    change.timezone = person::timezone(&mut fields, "timezone")?;
    change.locale = person::locale(&mut fields, "locale")?;
    if fields.is_given("quietHours") {
        change.quiet_hours = Some(person::hours(&mut fields, "quietHours")?.into());
    }
    if fields.is_given("externalId") {
        // Publishers name users by it: who could take any could read what is meant for others.
        caller.check_admin()?;
        change.external_id = Some(fields.text("externalId", &person::NAME)?.into());
    }
    // Null means "as it is" for what cannot be cleared.
    for field in ["username", "firstName", "lastName", "timezone", "locale", "quietHours", "externalId"] {
        fields.take(field);
    }
    fields.finish()?;
    Ok(change)
}

fn merge(before: &User, change: UserChange) -> NewUser {
    let mut user = NewUser::from(before.clone());
    user.username = change.username.unwrap_or(user.username);
    user.first_name = change.first_name.unwrap_or(user.first_name);
    user.last_name = change.last_name.unwrap_or(user.last_name);
    user.timezone = change.timezone.unwrap_or(user.timezone);
    user.locale = change.locale.unwrap_or(user.locale);
    user.quiet_hours = change.quiet_hours.map_or(user.quiet_hours, Nullable::into);
    user.external_id = change.external_id.map_or(user.external_id, Nullable::into);
    user
}

fn write(user: &User) -> wire::User {
    wire::User {
        id: user.id.0,
        public_id: user.public_id.clone(),
        external_id: user.external_id.clone(),
        username: user.username.clone(),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        timezone: user.timezone.clone(),
        locale: user.locale.clone(),
        quiet_hours: user.quiet_hours.clone(),
        custom_fields: user.custom_fields.clone(),
        profile: user.profile.clone(),
        created_at: user.created_at.into(),
        updated_at: user.updated_at.into(),
    }
}
