//! Telegram: a user opens the bot by their link, and `/start TOKEN` says which chat is theirs.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use watchbell_channels::render::phrase::Phrase;
use watchbell_channels::render::{Reader, Renderer};
use watchbell_core::ids::UserRef;
use watchbell_core::{Secret, Timestamp};
use watchbell_store::{Store, StoreError};

use crate::auth::hash_key;
use crate::json as strict;
use crate::problem::{Kind, Problem};
use crate::request::Payload;
use crate::state::Api;
use crate::surface;

/// What is to be said in a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub chat_id: i64,
    pub text: String,
}

impl Reply {
    /// The parameters of `sendMessage`.
    pub fn to_json(&self) -> Value {
        json!({ "chat_id": self.chat_id, "text": self.text })
    }
}

/// What Telegram sends with every update.
pub(super) const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// What updates have to prove that they know.
///
/// # Errors
/// `NotFound` where none are taken.
pub(super) fn secret(api: &Api) -> Result<&Secret, Problem> {
    let secret = api.settings.telegram.webhook_secret.as_ref().filter(|secret| !secret.is_empty());
    secret.ok_or_else(|| Problem::new(Kind::NotFound, "no Telegram updates are taken here: no webhook_secret is set"))
}

/// `POST /callbacks/{provider}`: one update. The answer's body may be a call of the Bot API, which carries the reply.
pub(super) async fn webhook(api: &Api, payload: &Payload) -> Result<Response, Problem> {
    let secret = secret(api)?;
    let given = payload.headers.get(SECRET_HEADER).map_or(&b""[..], axum::http::HeaderValue::as_bytes);
    if !bool::from(given.ct_eq(secret.expose().as_bytes())) {
        return Err(Problem::forbidden("X-Telegram-Bot-Api-Secret-Token is not ours"));
    }
    let update = strict::parse(&payload.bytes)?;
    let mut body = json!({});
    if let Some(reply) = handle_update(&*api.store, &api.settings.renderer, &update, api.clock.now()).await? {
        body = reply.to_json();
        body["method"] = "sendMessage".into();
    }
    Ok(surface::json(StatusCode::OK, &body))
}

/// What an update changes, and what to answer; anything but `/start TOKEN` in a private chat is nothing of ours.
///
/// # Errors
/// The database's; the update should come again.
pub async fn handle_update(store: &dyn Store, renderer: &Renderer, update: &Value, now: Timestamp) -> Result<Option<Reply>, StoreError> {
    let message = &update["message"];
    let chat = &message["chat"];
    let (Some(text), Some(chat_id)) = (message["text"].as_str(), chat["id"].as_i64()) else { return Ok(None) };
    let mut words = text.split_ascii_whitespace();
    let is_start = words.next().is_some_and(|command| command == "/start" || command.starts_with("/start@"));
    if !is_start || chat["type"].as_str().is_some_and(|kind| kind != "private") {
        return Ok(None);
    }
    let linked = match words.next().filter(|token| is_token(token)) {
        Some(token) => store.finish_telegram_link(&hash_key(&Secret::new(token)), &chat_id.to_string()).await?,
        None => None,
    };
    let user = match linked {
        Some(user) => store.user(&UserRef::Id(user)).await?,
        None => None,
    };
    // Who is not known to us is to Telegram.
    let theirs = || message["from"]["language_code"].as_str().unwrap_or_default().to_owned();
    let reader = Reader { locale: user.map_or_else(theirs, |user| user.locale), ..Reader::default() };
    let phrase = if linked.is_some() { Phrase::ChatLinked } else { Phrase::ChatLinkInvalid };
    Ok(Some(Reply { chat_id, text: renderer.phrase(phrase, &reader, now, None).text }))
}

/// The characters that Telegram lets a start parameter have.
fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}
