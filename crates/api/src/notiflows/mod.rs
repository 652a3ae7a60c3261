//! The Notiflows surface: users, their switches, topics and channels, running a notiflow, and what became of that, under `/admin` and, the same, `/admin/v1`.
//!
//! It is what an application's server talks to: callers are key pairs, mostly an admin's, and users are named by the id that
//! the application gave them. A notiflow is a category; running one is accepting a subscription event of that category. Every
//! answer has an id of its request, and every error says what applies to it under `details`.

mod channel_settings;
mod error;
pub(crate) mod openapi;
mod page;
mod preferences;
mod profile;
mod request_id;
mod run;
mod subscriptions;
mod told;
mod topics;
mod users;
mod wire;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post};
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;

use crate::auth::{Authenticated, Credentials, Intent};
use crate::limits::Counting;
use crate::problem::{Extra, Problem};
use crate::request::{Params, parameter};
use crate::state::Api;
use crate::surface::Surface;

pub(crate) const MOUNT: &str = "/admin";

/// The same again.
pub(crate) const VERSIONED_MOUNT: &str = "/admin/v1";

static SURFACE: Surface =
    Surface { credentials: Some(Credentials::KeyPair), counting: Counting::Ample, form: error::form, head: error::head };

pub(crate) fn router(api: &Api) -> Router<Api> {
    let routes = Router::new()
        .route("/users", get(users::list))
        .route("/users/{user}", get(users::show).put(users::upsert).delete(users::delete))
        .route("/users/{user}/preferences", get(preferences::show).put(preferences::change))
        .route("/users/{user}/subscriptions", get(subscriptions::list).post(subscriptions::subscribe))
        .route("/users/{user}/subscriptions/{topic}", get(subscriptions::show).delete(subscriptions::unsubscribe))
        .route(
            "/users/{user}/channel-settings/{channel}",
            get(channel_settings::show).put(channel_settings::replace).delete(channel_settings::delete),
        )
        .route("/users/{user}/deliveries", get(told::deliveries))
        .route("/users/{user}/deliveries/{id}", get(told::delivery))
        .route("/users/{user}/notifications", get(told::notifications))
        .route("/users/{user}/notifications/{id}", get(told::notification))
        .route("/deliveries", get(told::deliveries))
        .route("/deliveries/{id}", get(told::delivery))
        .route("/notifications", get(told::notifications))
        .route("/notifications/{id}", get(told::notification))
        .route("/notifications/{id}/deliveries", get(told::deliveries_of_notification))
        .route("/topics", get(topics::list))
        .route("/topics/{topic}", get(topics::show).delete(topics::delete))
        .route("/topics/{topic}/subscriptions", get(topics::subscriptions).post(topics::subscribe).delete(topics::unsubscribe))
        .route("/notiflows/{notiflow}/run", post(run::run));
    SURFACE.wrap(api, routes).layer(from_fn(request_id::give))
}

/// What a mount answers to its own path with a slash, which a nested router does not get.
pub(crate) fn root() -> MethodRouter<Api> {
    SURFACE.root().layer(from_fn(request_id::give))
}

/// What a call needs a key for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ApiScope {
    ReadUsers,
    WriteUsers,
    ReadPreferences,
    WritePreferences,
    ReadChannelSettings,
    WriteChannelSettings,
    ReadSubscriptions,
    WriteSubscriptions,
    ReadTopics,
    WriteTopics,
    ReadNotifications,
    ReadDeliveries,
    Run,
}

impl ApiScope {
    fn as_str(self) -> &'static str {
        match self {
            Self::ReadUsers => "users:read",
            Self::WriteUsers => "users:write",
            Self::ReadPreferences => "preferences:read",
            Self::WritePreferences => "preferences:write",
            Self::ReadChannelSettings => "channel_settings:read",
            Self::WriteChannelSettings => "channel_settings:write",
            Self::ReadSubscriptions => "subscriptions:read",
            Self::WriteSubscriptions => "subscriptions:write",
            Self::ReadTopics => "topics:read",
            Self::WriteTopics => "topics:write",
            Self::ReadNotifications => "notifications:read",
            Self::ReadDeliveries => "deliveries:read",
            Self::Run => "notiflows:run",
        }
    }

    /// Says of a refusal which scope was needed.
    fn refused(self) -> impl FnOnce(Problem) -> Problem {
        move |problem| problem.with(Extra::RequiredScope(self.as_str()))
    }
}

/// The name that a path gives a user.
fn external_id(params: &Params) -> Result<&str, Problem> {
    let text = params.path("user");
    if is_external_id(text) { Ok(text) } else { Err(parameter("user_id", "cannot be an id", ID_MUST)) }
}

const ID_MUST: &str = "it must have 1 to 255 bytes, none of them control characters";

/// Whether a text may be the id that another system gives a user.
fn is_external_id(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// What this surface names a user by. Who has no external id, having been made elsewhere, is named by the `U…` id.
fn external_id_of(user: &User) -> &str {
    user.external_id.as_deref().unwrap_or(&user.public_id)
}

/// The user with that external id or, for those who have none, that `U…` id. Never by number: digits are an external id here.
async fn find(api: &Api, external_id: &str) -> Result<Option<User>, Problem> {
    Ok(api.store.user(&UserRef::Name(external_id.to_owned())).await?)
}

/// The user that a path names.
///
/// # Errors
/// `Forbidden` for somebody whom the key does not reach, whether or not they exist.
async fn subject(api: &Api, caller: &Authenticated, params: &Params, intent: Intent, scope: ApiScope) -> Result<User, Problem> {
    let id = external_id(params)?;
    match find(api, id).await? {
        Some(user) => caller.check_user(user.id, intent).map_err(scope.refused()).map(|()| user),
        None if caller.sees_everybody() => Err(Problem::not_found("user").named(id)),
        None => Err(scope.refused()(caller.refusal())),
    }
}
