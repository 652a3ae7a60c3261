//! The ilert surface: users, contacts and notification preferences, under `/api`.
//!
//! The contract is ilert's own OpenAPI document (12 paths, 30 operations) and what real clients rely on beside it: users,
//! `current`, and the searches. Rules made here are shown and changed here only; all surfaces' rules compile into one plan.

mod contacts;
mod error;
pub(crate) mod openapi;
pub(crate) mod rules;
mod users;
mod wire;

use axum::Router;
use axum::routing::{get, post};
use watchbell_core::UserId;
use watchbell_core::access::Role;
use watchbell_store::StoreError;

use crate::auth::{Authenticated, Credentials, Intent};
use crate::limits::Counting;
use crate::problem::{Kind, Problem};
use crate::request::{Params, parse_id};
use crate::state::Api;
use crate::surface::{Surface, challenge};

pub(crate) static SURFACE: Surface =
    Surface { credentials: Some(Credentials::BearerOrBasic), counting: Counting::Rates, form: error::form, head: challenge };

pub(crate) fn router(api: &Api) -> Router<Api> {
    let users = Router::new()
        .route("/users", get(users::list).post(users::create))
        .route("/users/{user}", get(users::show).put(users::replace).delete(users::delete))
        .route("/users/search-email", post(users::search_email));
    SURFACE.wrap(api, users.merge(contacts::routes()).merge(rules::routes()))
}

/// What the store refused. An address or a name that is somebody's already is a 400 here, as clients of ilert repeat a 409 for
/// minutes, and it would be refused each time.
fn refused(error: StoreError) -> Problem {
    let is_taken = matches!(error, StoreError::DuplicateContact(_) | StoreError::Taken(_));
    let problem = Problem::from(error);
    if is_taken { Problem { kind: Kind::Invalid, ..problem } } else { problem }
}

/// The user that a path names: a number, or `current` for the key's own.
///
/// # Errors
/// `Forbidden` for somebody whom the key does not reach, whether or not they exist.
fn subject(caller: &Authenticated, params: &Params, intent: Intent) -> Result<UserId, Problem> {
    let text = params.path("user");
    let user = if text == "current" {
        match (caller.0.role, caller.0.user_id) {
            (_, Some(user)) => user,
            (Role::Publisher, None) => return Err(Problem::forbidden("a publisher key may only publish events")),
            (_, None) => return Err(Problem::new(Kind::NotFound, "this key has no user of its own; name one by its number")),
        }
    } else {
        UserId(parse_id("user-id", text)?)
    };
    caller.check_user(user, intent)?;
    Ok(user)
}
