//! The messaging surface: the caller's own preferences and in-app notifications, under `/v1/messaging`.
//!
//! There is no user in any path: a key speaks for the user that it is bound to, and one without a user is refused. What a
//! preference means for deliveries is decided by the gates, not here.

mod error;
mod notifications;
pub(crate) mod openapi;
mod page;
mod preferences;
mod stream;
mod wire;

use axum::Router;
use axum::routing::{get, post};
use watchbell_core::UserId;

use crate::auth::{Authenticated, Credentials, Intent};
use crate::limits::Counting;
use crate::problem::Problem;
use crate::state::Api;
use crate::surface::{Surface, challenge};

/// Where the surface stands; links say so.
pub(crate) const MOUNT: &str = "/v1/messaging";

pub(crate) static SURFACE: Surface =
    Surface { credentials: Some(Credentials::BearerOrBasic), counting: Counting::Ample, form: error::form, head: challenge };

pub(crate) fn router(api: &Api) -> Router<Api> {
    let routes = Router::new()
        .route("/preferences", get(preferences::list).put(preferences::put))
        .route("/notifications", get(notifications::list))
        .route("/notifications/unread-count", get(notifications::unread_count))
        .route("/notifications/stream", get(stream::stream))
        .route("/notifications/actions/mark-all-seen", post(notifications::mark_all_seen))
        .route("/notifications/{id}/actions/{action}", post(notifications::act));
    SURFACE.wrap(api, routes)
}

/// The user that the key is bound to.
///
/// # Errors
/// `Forbidden` for a key without one, and for one whose role does not allow it.
fn own_user(caller: &Authenticated, intent: Intent) -> Result<UserId, Problem> {
    let scope = match intent {
        Intent::Read => "messaging:read",
        Intent::Change => "messaging:update",
    };
    let user = caller.0.user_id.ok_or_else(|| Problem::forbidden("this key is bound to no user, so it has no preferences of its own"))?;
    caller.check_user(user, intent).map_err(|_| Problem::forbidden(format!("this key does not have the scope {scope}")))?;
    Ok(user)
}
