//! `/users/{user}/telegram-link`: a bot cannot write first, so the user opens it by a link that says who they are.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use qrcode::QrCode;
use qrcode::render::svg;
use watchbell_core::Secret;
use watchbell_wire::contacts::TelegramLink;

use super::subject;
use crate::auth::{Authenticated, Intent, hash_key, random_text};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface;

/// As long as a verification code.
const LIFE_S: i64 = 15 * 60;

pub(super) async fn link(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let Some(link) = &api.settings.chat_link else {
        return Err(Problem::conflict("Telegram is not set up here: no provider of that channel has a bot_name"));
    };
    // 48 bytes are the 64 characters that Telegram passes on at most.
    let token = Secret::new(random_text::<48>());
    let expires_at = api.clock.now().plus_s(LIFE_S);
    api.store.start_telegram_link(caller.actor(), user.id, &hash_key(&token), expires_at).await?;
    let url = link.url(&token);
    let link = TelegramLink { qr_svg: qr(&url)?, url, expires_at: expires_at.into() };
    Ok(surface::json(StatusCode::CREATED, &link))
}

/// A phone reads what a desktop shows.
fn qr(url: &str) -> Result<String, Problem> {
    let code = QrCode::new(url).map_err(|error| {
        tracing::error!(%error, "a link could not be written as a QR code");
        Problem::internal()
    })?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}
