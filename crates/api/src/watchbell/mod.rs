//! Watchbell's own surface, under `/watchbell/v1`: what the other surfaces have no place for, event intake, and what an
//! operator reads and does.
//!
//! Errors: `{"error":{"code":"bad_request","message":"…","field":"token"}}`, `field` only where one is at fault. A field that
//! is not known is a 400 here, so that a misspelt one does not pass in silence.

mod accounts;
mod alerts;
mod caller;
pub mod canary;
mod categories;
mod contacts;
mod dead_letters;
mod deliveries;
mod devices;
mod duties;
mod error;
mod events;
mod explain;
pub(crate) mod health;
mod keys;
mod lint;
pub(crate) mod openapi;
mod operator;
mod overview;
mod page;
mod preferences;
mod providers;
mod rules;
mod stream;
mod telegram;
mod topics;
mod transfer;
mod user_name;
mod users;

use axum::Router;
use axum::routing::{delete, get, post, put};
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;

pub(crate) use self::events::{check_names, publisher};
pub(crate) use self::overview::LastOverview;
pub(crate) use self::stream::Follower;
use crate::auth::{Authenticated, Credentials, Intent};
use crate::limits::Counting;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface::{Surface, challenge};

static SURFACE: Surface =
    Surface { credentials: Some(Credentials::BearerOrBasic), counting: Counting::Own, form: error::form, head: challenge };

/// What needs no key, in the same form.
pub(crate) static OPEN: Surface = Surface::open(error::form);

pub(crate) fn router(api: &Api) -> Router<Api> {
    let of_users = Router::new()
        .route("/users/{user}", get(users::show).put(users::change))
        .route("/users/{user}/devices", get(devices::list).post(devices::create))
        .route("/users/{user}/devices/{id}", delete(devices::delete))
        .route("/users/{user}/duties.ics", get(duties::calendar))
        .route("/users/{user}/rules", get(rules::list).post(rules::create))
        .route("/users/{user}/rules/{id}", get(rules::show).put(rules::replace).delete(rules::delete))
        .route("/users/{user}/contacts", get(contacts::list).post(contacts::create))
        .route("/users/{user}/contacts/{id}", get(contacts::show).put(contacts::replace).delete(contacts::delete))
        .route("/users/{user}/contacts/{id}/verification", post(contacts::start_verification))
        .route("/users/{user}/contacts/{id}/verification/confirm", post(contacts::confirm_verification))
        .route("/users/{user}/contacts/{id}/signing-secret", get(contacts::signing_secret))
        .route("/users/{user}/contacts/{id}/test", post(contacts::test))
        .route("/users/{user}/contacts/{id}/status", put(contacts::set_status))
        .route("/users/{user}/accounts", get(accounts::list))
        .route("/users/{user}/accounts/{service}", get(accounts::show).put(accounts::put).delete(accounts::delete))
        .route("/users/{user}/preferences", get(preferences::list).put(preferences::put))
        .route("/push-key", get(devices::push_key))
        .route("/users/{user}/telegram-link", post(telegram::link));
    let of_topics = Router::new()
        .route("/topics", get(topics::all))
        .route("/topics/{topic}", delete(topics::delete))
        .route("/topics/{topic}/users", get(topics::list).put(topics::add))
        .route("/topics/{topic}/users/{user}", put(topics::add_one).delete(topics::remove));
    let of_categories = Router::new()
        .route("/categories", get(categories::list))
        .route("/categories/{handle}", get(categories::show).put(categories::put).delete(categories::delete));
    let of_events = Router::new()
        .route("/events", post(events::publish))
        .route("/events/{id}", get(events::show))
        .route("/alerts/{id}", get(alerts::show))
        .route("/alerts/{id}/answer", post(alerts::answer))
        .route("/dead-letters", get(dead_letters::list).delete(dead_letters::purge))
        .route("/dead-letters/replay", post(dead_letters::replay_all))
        .route("/dead-letters/{id}", get(dead_letters::show))
        .route("/dead-letters/{id}/replay", post(dead_letters::replay))
        .route("/duties", get(duties::list))
        .route("/explain", get(explain::show).post(explain::show_event))
        .route("/stream", get(stream::stream))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/{id}", get(deliveries::show))
        .route("/deliveries/{id}/replay", post(deliveries::replay));
    let of_operators = Router::new()
        .route("/caller", get(caller::show))
        .route("/overview", get(overview::show))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", delete(keys::delete))
        .route("/audit", get(operator::audit))
        .route("/lint/alerts", get(lint::alerts))
        .route("/lint/rules", get(lint::rules))
        .route("/unreachable", get(operator::unreachable))
        .route("/channels", get(operator::channels))
        .route("/canary", post(canary::send))
        .route("/providers", get(providers::list))
        .route("/providers/{name}/test", post(providers::test))
        .route("/export", get(transfer::export))
        .route("/import", post(transfer::import));
    SURFACE.wrap(api, of_users.merge(of_topics).merge(of_categories).merge(of_events).merge(of_operators))
}

/// The user that a path names: by number, `U…` id, external id, or `current` for the key's own.
///
/// # Errors
/// `Forbidden` for somebody whom the key does not reach, whether or not they exist.
async fn subject(api: &Api, caller: &Authenticated, params: &Params, intent: Intent) -> Result<User, Problem> {
    named_user(api, caller, params.path("user"), intent).await
}

/// As [`subject`], however the request names the user.
async fn named_user(api: &Api, caller: &Authenticated, text: &str, intent: Intent) -> Result<User, Problem> {
    let own = (text == "current").then_some(caller.0.user_id).flatten().map(UserRef::Id);
    let named = own.or_else(|| UserRef::parse(text));
    let named = named.ok_or_else(|| Problem::invalid("user", "cannot be an id", "it must have 1 to 255 bytes"))?;
    let user = api.store.user(&named).await?;
    match user {
        Some(user) => caller.check_user(user.id, intent).map(|()| user),
        None if caller.sees_everybody() => Err(Problem::not_found("user")),
        None => Err(caller.refusal()),
    }
}
