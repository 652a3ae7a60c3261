//! Answers of phones: a call with the action and the message's token, or the same as a message in the topic of answers.

use std::time::Duration;

use async_trait::async_trait;
use http::Response;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;
use watchbell_core::Secret;

use super::Settings;
use crate::http::join;
use crate::http::web_socket::{WebSocket, WebSockets};
use crate::inbound::{
    Answer, AnswerTo, Batch, Effect, Heard, Inbound, InboundError, Notice, Refusal, Reply, Request, Source, button, response,
};
use crate::settings::{self, CommonSettings, SettingError};

/// The server says every 45 s that it is there, unless its owner says otherwise.
const LONGEST_SILENCE: Duration = Duration::from_mins(3);
/// What was published before we listened for the first time is heard from so long ago.
const FIRST_SINCE: &str = "1h";

/// Reads what phones answer.
#[derive(Debug)]
pub struct Actions {
    sockets: WebSockets,
    token: Secret,
    /// Of the topic of answers; None without one.
    listens_to: Option<Url>,
    open: Mutex<Option<WebSocket>>,
}

impl Actions {
    pub fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        let base = settings::base_url("base_url", &settings.base_url)?;
        let listens_to = (!settings.answer_topic.is_empty()).then(|| join(&base, &[&settings.answer_topic, "ws"]));
        Ok(Self { sockets: WebSockets::new(common)?, token: settings.token.clone(), listens_to, open: Mutex::new(None) })
    }

    async fn listen(&self, position: Option<&str>) -> Result<WebSocket, InboundError> {
        let none = || InboundError("no answer_topic is set".to_owned());
        let url = self.listens_to.as_ref().ok_or_else(none)?;
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        let mut url: Url =
            format!("{scheme}{}", url.as_str().strip_prefix(url.scheme()).unwrap_or_default()).parse().map_err(|_| none())?;
        url.query_pairs_mut().append_pair("since", position.unwrap_or(FIRST_SINCE));
        let token = Some(self.token.expose()).filter(|token| !token.is_empty());
        self.sockets.open(&url, token).await
    }
}

#[async_trait]
impl Inbound for Actions {
    fn proof(&self, path: &str) -> Result<Option<&'static str>, Refusal> {
        if path.is_empty() { Ok(None) } else { Err(Refusal::NotFound("ntfy's answers are taken at the provider's own path alone")) }
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        let answer = std::str::from_utf8(request.body).ok().and_then(answer);
        let answer = answer.ok_or_else(|| {
            Refusal::Malformed("the body must be accept, resolve or decline, a colon, and the message's token".to_owned())
        })?;
        Ok(Heard { notices: vec![answer], reply: Reply::worded(|effects, _| said(effects)) })
    }

    fn source(&self, is_reachable: bool) -> Option<&dyn Source> {
        self.listens_to.as_ref().filter(|_| !is_reachable).map(|_| self as &dyn Source)
    }
}

#[async_trait]
impl Source for Actions {
    /// A socket begins where the position is, which only a question knows.
    async fn open(&self) -> Result<(), InboundError> {
        *self.open.lock().await = None;
        Ok(())
    }

    /// A position is the id of the last message.
    async fn next(&self, position: Option<&str>) -> Result<Batch, InboundError> {
        let mut open = self.open.lock().await;
        if open.is_none() {
            *open = Some(self.listen(position).await?);
        }
        let Some(socket) = open.as_mut() else { return Ok(Batch::default()) };
        let message = match socket.next(LONGEST_SILENCE).await? {
            Some(text) => serde_json::from_str::<Value>(&text).unwrap_or_default(),
            None => return Ok(Batch::default()),
        };
        let (Some("message"), Some(id)) = (message["event"].as_str(), message["id"].as_str()) else { return Ok(Batch::default()) };
        let notices = message["message"].as_str().and_then(answer).into_iter().collect();
        Ok(Batch { heard: vec![Heard::taken(notices)], position: Some(id.to_owned()) })
    }

    /// Nobody reads it there.
    async fn reply(&self, _reply: Response<String>) -> Result<(), InboundError> {
        Ok(())
    }
}

/// Whoever has the token is who the message was for: theirs is the only phone that gets it.
fn answer(text: &str) -> Option<Notice> {
    /// More than any button has, in bytes.
    const LONGEST: usize = 64;
    let (action, token) = button(text.trim()).filter(|(_, token)| text.len() <= LONGEST && !token.is_empty())?;
    Some(Notice::Answer(Answer { of: AnswerTo::Token(token), action: Some(action), by: None }))
}

fn said(effects: &[Effect]) -> Response<String> {
    response("text/plain; charset=utf-8", effects.first().map(|effect| effect.said.clone()).unwrap_or_default())
}
