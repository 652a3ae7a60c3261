//! `/caller`: who calls.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::session::{self, Session};
use crate::state::Api;
use crate::surface;

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, session: Option<Extension<Session>>) -> Result<Response, Problem> {
    let expires_at = session.map(|Extension(session)| session.expires_at);
    Ok(surface::json(StatusCode::OK, &session::write(&api, &caller, expires_at).await?))
}
