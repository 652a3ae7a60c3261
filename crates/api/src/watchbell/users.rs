//! `/users/{user}`: what a user has said about when and how they read.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::user::User;
use watchbell_store::directory::NewUser;

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::{Problem, rfc3339};
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
    let wanted = merge(&before, payload.object()?, &caller)?;
    let user = api.store.replace_user(caller.actor(), before.id, wanted, &[]).await?;
    Ok(surface::json(StatusCode::OK, &write(&user)))
}

fn merge(before: &User, mut fields: Fields, caller: &Authenticated) -> Result<NewUser, Problem> {
    let mut user = NewUser::from(before.clone());
    if let Some(name) = fields.text("username", &person::NAME)? {
        people::check_username(caller, before, Some(&name))?;
        user.username = name;
    }
    if let Some(name) = fields.text("firstName", &person::OPTIONAL_NAME)? {
        user.first_name = name;
    }
    if let Some(name) = fields.text("lastName", &person::OPTIONAL_NAME)? {
        user.last_name = name;
    }
    if let Some(zone) = person::timezone(&mut fields, "timezone")? {
        user.timezone = zone;
    }
    if let Some(locale) = person::locale(&mut fields, "locale")? {
        user.locale = locale;
    }
    if fields.is_given("quietHours") {
        user.quiet_hours = person::quiet_hours(&mut fields, "quietHours")?;
    }
    if fields.is_given("externalId") {
        // Publishers name users by it: who could take any could read what is meant for others.
        caller.check_admin()?;
        user.external_id = fields.text("externalId", &person::NAME)?;
    }
    // Null means "as it is" for what cannot be cleared.
    for field in ["username", "firstName", "lastName", "timezone", "locale", "quietHours", "externalId"] {
        fields.take(field);
    }
    fields.finish()?;
    Ok(user)
}

fn write(user: &User) -> Value {
    let mut body = json!({
        "id": user.id.0,
        "publicId": user.public_id,
        "username": user.username,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "timezone": user.timezone,
        "locale": user.locale,
        "customFields": user.custom_fields,
        "profile": user.profile,
        "createdAt": rfc3339(user.created_at),
        "updatedAt": rfc3339(user.updated_at),
    });
    if let Some(id) = &user.external_id {
        body["externalId"] = id.as_str().into();
    }
    if let Some(hours) = &user.quiet_hours {
        body["quietHours"] = json!(hours);
    }
    body
}
