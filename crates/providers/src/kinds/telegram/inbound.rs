//! What is said to the bot: `/start TOKEN`, which links a chat, buttons that are pressed, replies, and that it was blocked.
//!
//! Telegram calls with each update where it can reach this server and a `webhook_secret` is set. Otherwise updates are fetched by
//! long polling. The reply is the same: a call of the Bot API, as the answer to Telegram's call or by itself.

mod update;

use std::time::Duration;

use async_trait::async_trait;
use http::Response;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use url::Url;
use watchbell_core::Secret;

use super::Settings;
use crate::http::{self as client, Http};
use crate::inbound::{Batch, Heard, Inbound, InboundError, Refusal, Request, Source};
use crate::settings::{self, CommonSettings, SettingError};

/// What Telegram sends with every update.
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// How long Telegram holds a request when there is nothing to tell, in seconds. A call must be given more time than this.
const POLL_S: u16 = 25;

/// Until a call is given up: what Telegram holds it for, and as long as calls take at worst.
const TIMEOUT: Duration = Duration::from_secs(POLL_S as u64 + 15);

/// The kinds of update that are of interest.
const UPDATES: [&str; 3] = ["message", "callback_query", "my_chat_member"];

/// Reads the updates of one bot.
#[derive(Debug)]
pub struct Updates {
    /// Empty where updates are polled.
    webhook_secret: Secret,
    http: Http,
    /// The Bot API with the bot's token in its path.
    bot: Secret,
    /// The bot's own user id, with which its token begins.
    bot_id: Option<i64>,
}

impl Updates {
    pub fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        let base = settings::base_url("base_url", &settings.base_url)?;
        let common = CommonSettings { timeout_s: Some(TIMEOUT.as_secs_f64()), ..common.clone() };
        Ok(Self {
            webhook_secret: settings.webhook_secret.clone(),
            http: Http::new(&common)?,
            bot: Secret::new(client::join(&base, &[&format!("bot{}", settings.token.expose())])),
            bot_id: settings.token.expose().split(':').next().and_then(|id| id.parse().ok()),
        })
    }

    /// Calls a method and answers its `result`.
    async fn call(&self, method: &str, parameters: &Value) -> Result<Value, InboundError> {
        let bot = Url::parse(self.bot.expose()).map_err(|_| InboundError("base_url is no URL".to_owned()))?;
        let answer = self.http.call(self.http.post(&client::join(&bot, &[method])).json(parameters)).await;
        // Neither the URL nor Telegram's own words are shown: the one holds the token, the others may hold a name.
        let answer = answer.map_err(|report| InboundError(report.code.unwrap_or_else(|| "no answer".to_owned())))?;
        let mut body = answer.json();
        match body["ok"].as_bool() {
            Some(true) => Ok(body["result"].take()),
            _ => Err(InboundError(format!("HTTP {}", answer.status))),
        }
    }
}

#[async_trait]
impl Inbound for Updates {
    fn proof(&self, path: &str) -> Result<Option<&str>, Refusal> {
        if path.is_empty() && !self.webhook_secret.is_empty() {
            return Ok(Some(SECRET_HEADER));
        }
        Err(Refusal::NotFound("no Telegram updates are taken here: no webhook_secret is set, or the path is another"))
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        let given = request.headers.get(SECRET_HEADER).map_or(&b""[..], |value| value.as_bytes());
        if !bool::from(given.ct_eq(self.webhook_secret.expose().as_bytes())) {
            return Err(Refusal::Forbidden("X-Telegram-Bot-Api-Secret-Token is not ours"));
        }
        let update =
            serde_json::from_slice(request.body).map_err(|error| Refusal::Malformed(format!("the body is not valid JSON: {error}")))?;
        Ok(update::heard(&update, self.bot_id))
    }

    async fn announce(&self, url: &Url) -> Result<(), InboundError> {
        let webhook = json!({ "url": url.as_str(), "secret_token": self.webhook_secret.expose(), "allowed_updates": UPDATES });
        self.call("setWebhook", &webhook).await.map(|_| ())
    }

    fn source(&self, is_reachable: bool) -> Option<&dyn Source> {
        (!is_reachable || self.webhook_secret.is_empty()).then_some(self)
    }
}

#[async_trait]
impl Source for Updates {
    async fn open(&self) -> Result<(), InboundError> {
        // A webhook that was set when there was a public URL would keep all updates.
        self.call("deleteWebhook", &json!({})).await.map(|_| ())
    }

    /// A position is the id of the next update.
    async fn next(&self, position: Option<&str>) -> Result<Batch, InboundError> {
        let offset = position.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
        let updates = self.call("getUpdates", &json!({ "timeout": POLL_S, "offset": offset, "allowed_updates": UPDATES })).await?;
        let updates = updates.as_array().map(Vec::as_slice).unwrap_or_default();
        let next = updates.iter().filter_map(|update| update["update_id"].as_i64()).max().map(|id| id.saturating_add(1));
        Ok(Batch {
            heard: updates.iter().map(|update| update::heard(update, self.bot_id)).collect(),
            position: next.map(|id| id.to_string()),
        })
    }

    async fn reply(&self, reply: Response<String>) -> Result<(), InboundError> {
        let call: Value = serde_json::from_str(reply.body()).unwrap_or_default();
        match call["method"].as_str() {
            Some(method) => self.call(method, &call).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
