//! Socket Mode: Slack hands interactions over a WebSocket that we open, so it need not reach this server.
//!
//! Slack closes each socket after some hours, and says so before (`disconnect`): a new one is opened then. What was not acknowledged
//! on the old one comes again on the new one.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;
use watchbell_core::Secret;

use super::Settings;
use crate::http::web_socket::{WebSocket, WebSockets};
use crate::http::{self as client, Http};
use crate::inbound::InboundError;
use crate::settings::{self, CommonSettings, SettingError};

/// Slack pings some times a minute: a socket on which nothing came for so long is dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(90);

/// One app's socket.
#[derive(Debug)]
pub struct Socket {
    http: Http,
    sockets: WebSockets,
    /// Of `apps.connections.open`.
    connections: Url,
    app_token: Secret,
    open: Mutex<Option<WebSocket>>,
}

/// An interaction as it comes over the socket.
#[derive(Debug)]
pub struct Envelope {
    pub id: String,
    pub payload: Value,
}

impl Socket {
    pub fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        let base = settings::base_url("base_url", &settings.base_url)?;
        Ok(Self {
            http: Http::new(common)?,
            sockets: WebSockets::new(common)?,
            connections: client::join(&base, &["apps.connections.open"]),
            app_token: settings.app_token.clone(),
            open: Mutex::new(None),
        })
    }

    /// Asks for a socket's URL, which holds its ticket, and opens it.
    pub async fn open(&self) -> Result<(), InboundError> {
        let request = self.http.post(&self.connections).bearer_auth(self.app_token.expose()).body("");
        let answer = self.http.call(request).await.map_err(|report| InboundError(report.code.unwrap_or_default()))?;
        let body = answer.json();
        let url = client::text(&body, "/url").filter(|_| body["ok"] == true).and_then(|url| Url::parse(url).ok());
        let url = url.ok_or_else(|| InboundError(format!("no socket was given (HTTP {})", answer.status)))?;
        let socket = self.sockets.open(&url, None).await?;
        *self.open.lock().await = Some(socket);
        Ok(())
    }

    /// Waits for an interaction. None when something else came.
    pub async fn next(&self) -> Result<Option<Envelope>, InboundError> {
        let message = match &mut *self.open.lock().await {
            Some(socket) => socket.next(LONGEST_SILENCE).await?,
            None => return Err(InboundError("the socket is not open".to_owned())),
        };
        let Some(mut message) = message.and_then(|text| serde_json::from_str::<Value>(&text).ok()) else { return Ok(None) };
        match (message["type"].as_str(), message["envelope_id"].as_str()) {
            (Some("disconnect"), _) => {
                self.open().await?;
                Ok(None)
            }
            // Other kinds than interactive ones, which the app may be subscribed to, are acknowledged and say nothing.
            (Some(_), Some(id)) => Ok(Some(Envelope { id: id.to_owned(), payload: message["payload"].take() })),
            _ => Ok(None),
        }
    }

    pub async fn acknowledge(&self, envelope: &str) -> Result<(), InboundError> {
        match &mut *self.open.lock().await {
            Some(socket) => socket.send(json!({"envelope_id": envelope}).to_string()).await,
            None => Err(InboundError("the socket is not open".to_owned())),
        }
    }
}
