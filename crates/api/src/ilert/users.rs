//! `/api/users`: who there is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;
use watchbell_store::directory::{NewUser, UserFilter};

use super::{subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;
use crate::validate::{Fields, address, person};

/// Users on a page, at most and unless told.
const MOST: i64 = 100;
const USUAL: i64 = 50;

/// A page of users, in order of id.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let offset = params.integer("start-index", &(0..=i64::MAX))?.unwrap_or(0);
    let limit = params.integer("max-results", &(1..=MOST))?.unwrap_or(USUAL);
    let (users, _) = api.store.users(&UserFilter { offset, limit, ..UserFilter::default() }).await?;
    Ok(json(StatusCode::OK, &Value::Array(people::written(&api, &users, wire::user).await?)))
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = api.store.create_user(caller.actor(), read(&mut payload.object()?)?).await?;
    Ok(json(StatusCode::CREATED, &with_contacts(&api, &user).await?))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = found(&api, &caller, &params, Intent::Read).await?;
    Ok(json(StatusCode::OK, &with_contacts(&api, &user).await?))
}

/// Replaces what this surface shows of a user; what only others show stays. Addresses are changed as contacts.
pub(super) async fn replace(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let before = found(&api, &caller, &params, Intent::Change).await?;
    let wanted = read(&mut payload.object()?)?;
    let contacts = api.store.contacts(before.id, None).await?;
    let has = |target: &str| contacts.iter().any(|contact| contact.target == target);
    let right = "it must be one of the user's addresses; change those under …/contacts";
    if wanted.email.as_deref().is_some_and(|email| !has(email)) {
        return Err(Problem::invalid("email", "is not among the user's contacts", right));
    }
    if wanted.phone.as_ref().is_some_and(|(phone, _)| !has(phone)) {
        return Err(Problem::invalid("phone", "is not among the user's contacts", right));
    }
    let wanted = NewUser {
        external_id: before.external_id,
        quiet_hours: before.quiet_hours,
        custom_fields: before.custom_fields,
        email: None,
        phone: None,
        ..wanted
    };
    let user = api.store.replace_user(caller.actor(), before.id, wanted).await?;
    Ok(json(StatusCode::OK, &wire::user(&user, &contacts)))
}

/// A user goes with all that is theirs, so a user key cannot do it.
pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    api.store.delete_user(caller.actor(), subject(&caller, &params, Intent::Change)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The user with an email address. Whom a key may not see, it does not find.
pub(super) async fn search_email(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    if caller.0.user_id.is_none() {
        caller.check_reads_all()?;
    }
    let mut fields = payload.object()?;
    let email = address::email(&mut fields, "email")?;
    let email = fields.required("email", email, "it must be an email address")?;
    let filter = UserFilter { email: Some(email), limit: MOST, ..UserFilter::default() };
    let (users, _) = api.store.users(&filter).await?;
    let user = users.iter().find(|user| caller.0.may_read_user(user.id)).ok_or_else(|| Problem::not_found("user with this email"))?;
    Ok(json(StatusCode::OK, &with_contacts(&api, user).await?))
}

async fn found(api: &Api, caller: &Authenticated, params: &Params, intent: Intent) -> Result<User, Problem> {
    let id = subject(caller, params, intent)?;
    api.store.user(&UserRef::Id(id)).await?.ok_or_else(|| Problem::not_found("user"))
}

async fn with_contacts(api: &Api, user: &User) -> Result<Value, Problem> {
    Ok(wire::user(user, &api.store.contacts(user.id, None).await?))
}

fn read(fields: &mut Fields) -> Result<NewUser, Problem> {
    let email = address::email(fields, "email")?;
    let username = fields.text("username", &person::NAME)?.or_else(|| email.clone());
    let username = fields.required("username", username, "it must be a text of 1 to 255 characters, unless there is an email")?;
    let phone = match fields.object("phone")? {
        Some(mut phone) => Some(address::phone(&mut phone, "number", "regionCode")?),
        None => None,
    };
    Ok(NewUser {
        username,
        first_name: fields.text("firstName", &person::OPTIONAL_NAME)?.unwrap_or_default(),
        last_name: fields.text("lastName", &person::OPTIONAL_NAME)?.unwrap_or_default(),
        timezone: person::timezone(fields, "timezone")?.unwrap_or_default(),
        locale: person::locale(fields, "language")?.unwrap_or_default(),
        email,
        phone,
        ..NewUser::default()
    })
}
