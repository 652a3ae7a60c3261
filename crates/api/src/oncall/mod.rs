//! The Grafana OnCall surface: personal notification rules and users, under `/api/v1`.
//!
//! Scripts and Terraform that were written for Grafana OnCall's HTTP API keep working here, so this follows the original
//! to its error texts, and to the order in which it looks at a request: the key, the verb, how often the key called, for an
//! existing rule whether it is there, the media type, the body's syntax, all fields at once, and then what they mean
//! together. The original is built on Django REST framework, from which most of the texts come.
//!
//! A chain is one user's rules of one importance, in order of position; `important` is HIGH. Rules made here are shown and
//! changed here only; all surfaces' rules compile into one plan.
//!
//! Of the original's other resources there is none here ([`absent`]); whoever lists them gets an empty page.

mod absent;
mod body;
pub(crate) mod duration;
mod error;
mod fields;
pub(crate) mod kinds;
mod multipart;
pub(crate) mod openapi;
mod page;
mod rules;
mod users;
mod view;

use axum::Router;
use axum::routing::get;
use watchbell_core::UserId;
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;

use self::page::Asked;
use self::view::View;
use crate::auth::{Authenticated, Credentials};
use crate::limits::Counting;
use crate::problem::Problem;
use crate::state::Api;
use crate::surface::Surface;

/// Where the surface stands; pages' links say so.
pub(crate) const MOUNT: &str = "/api/v1";

static SURFACE: Surface = Surface { credentials: Some(Credentials::Raw), counting: Counting::Window, form: error::form, head: error::head };

pub(crate) fn router(api: &Api) -> Router<Api> {
    let list = |path, name, verbs| View { path, name, is_instance: false, verbs };
    let instance = |path, name, verbs| View { is_instance: true, ..list(path, name, verbs) };
    let (rules, rule) = ("personal_notification_rules", "Personal Notification");
    let mut routes = Router::new();
    routes = list(rules, rule, view::READ_AND_MAKE).add(routes, get(rules::list).post(rules::create));
    let changes = get(rules::show).put(rules::change).patch(rules::change).delete(rules::delete);
    routes = instance(rules, rule, view::READ_AND_CHANGE).add(routes, changes);
    routes = list("users", "User", view::READ).add(routes, get(users::list));
    routes = instance("users", "User", view::READ).add(routes, get(users::show));
    for resource in &absent::ALL {
        let all = get(async move |caller: Authenticated, asked: Asked| resource.list(&caller, &asked));
        routes = list(resource.path, resource.view, view::READ).add(routes, all);
        routes = instance(resource.path, resource.view, view::READ).add(routes, get(absent::show));
    }
    SURFACE.wrap(api, routes)
}

/// Whose things a key sees: everybody's, or those of one user.
///
/// # Errors
/// `Forbidden` for a key that reads nobody's.
fn seen_by(caller: &Authenticated) -> Result<Option<UserId>, Problem> {
    if caller.sees_everybody() {
        return Ok(None);
    }
    let own = caller.0.user_id.filter(|user| caller.0.may_read_user(*user));
    own.map(Some).ok_or_else(|| Problem::forbidden("this key reads nobody's rules"))
}

/// Before anything is looked at: may the key change anybody's rules at all?
///
/// # Errors
/// `Forbidden` for a key that changes nobody's.
fn check_changes(caller: &Authenticated) -> Result<(), Problem> {
    if caller.is_admin() || caller.0.user_id.is_some_and(|own| caller.0.may_change_user(own)) {
        return Ok(());
    }
    Err(Problem::forbidden("this key changes nobody's rules"))
}

/// The user with that text id: the one that this surface shows, or the one that the user had in another system, which is
/// what scripts still have in them after moving in.
async fn user_named(api: &Api, text: &str) -> Result<Option<User>, Problem> {
    match UserRef::parse(text) {
        Some(named @ UserRef::Name(_)) => Ok(api.store.user(&named).await?),
        // Numbers are ids of another surface.
        _ => Ok(None),
    }
}
