//! The bot's other half: the chats that users link by opening it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;
use watchbell_api::callbacks::telegram_poll::{self, BotApi, BotError, POLL_S};
use watchbell_channels::render::Renderer;
use watchbell_core::{Clock, Secret};
use watchbell_providers::http::{self, Http};
use watchbell_providers::kinds::telegram::Settings;
use watchbell_providers::settings::{CommonSettings, SettingError};
use watchbell_store::Store;

use super::{Error, providers};
use crate::config::Config;

/// With a public URL Telegram is told to call it; without one, updates are polled.
pub fn start(
    config: &Config,
    store: &Arc<dyn Store>,
    renderer: &Arc<Renderer>,
    clock: &Arc<dyn Clock>,
    parts: &TaskTracker,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let Some((name, settings)) = providers::telegram(config) else { return Ok(()) };
    let bot: Arc<dyn BotApi> = Arc::new(Bot::new(settings).map_err(|error| Error::Provider { provider: name.to_owned(), error })?);
    let public_url = config.http.public_url().and_then(|url| Url::parse(url).ok());
    match public_url.filter(|_| !settings.webhook_secret.is_empty()) {
        Some(public_url) => {
            let (url, secret) = (http::join(&public_url, &["callbacks", name]), settings.webhook_secret.clone());
            let stop = stop.clone();
            parts.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    told = telegram_poll::set_webhook(bot.as_ref(), url.as_str(), &secret) => if let Err(error) = told {
                        tracing::warn!(%error, "Telegram could not be told where to send updates: linking chats may not work");
                    }
                }
            });
        }
        None => {
            parts.spawn(telegram_poll::run(store.clone(), renderer.clone(), bot, clock.clone(), stop.clone()));
        }
    }
    Ok(())
}

struct Bot {
    http: Http,
    base: Url,
    token: Secret,
}

impl Bot {
    fn new(settings: &Settings) -> Result<Self, SettingError> {
        #[expect(clippy::cast_precision_loss, reason = "some seconds")]
        let common = CommonSettings { timeout_s: Some(POLL_S as f64 + 15.0), ..CommonSettings::default() };
        let base = Url::parse(&settings.base_url)
            .map_err(|_| SettingError::new("base_url", settings.base_url.clone(), "must be an http or https URL"))?;
        Ok(Self { http: Http::new(&common)?, base, token: settings.token.clone() })
    }
}

#[async_trait]
impl BotApi for Bot {
    async fn call(&self, method: &str, parameters: Value) -> Result<Value, BotError> {
        let url = http::join(&self.base, &[&format!("bot{}", self.token.expose()), method]);
        let answer = self.http.call(self.http.post(&url).json(&parameters)).await;
        // Neither the URL nor Telegram's own words are shown: the one holds the token, the others may hold a name.
        let answer = answer.map_err(|report| BotError(report.code.unwrap_or_else(|| "no answer".to_owned())))?;
        let mut body: Value = answer.json();
        match body["ok"].as_bool() {
            Some(true) => Ok(body["result"].take()),
            _ => Err(BotError(format!("HTTP {}", answer.status))),
        }
    }
}
