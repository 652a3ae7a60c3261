//! What people press: interactions, which Slack calls with or hands over a socket.
//!
//! The answer to Slack's call is empty, and must come within three seconds. What is to be said to whoever pressed follows by the
//! interaction's `response_url`, and only they see it.

use async_trait::async_trait;
use http::Response;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::Secret;
use watchbell_core::contact::ContactKind;

use super::socket::Socket;
use super::{Settings, message, signature};
use crate::http::{self as client, Http};
use crate::inbound::{
    Action, Answer, AnswerTo, Effect, FollowUp, Heard, Inbound, InboundError, Notice, Presser, Refusal, Reply, Request, Source,
};
use crate::settings::{self, CommonSettings, SettingError};

/// Where all `response_url`s are. Of one only the path is used, at the host that the settings name, so that no interaction can lead a
/// call anywhere else.
const ACTIONS: &str = "https://hooks.slack.com/actions/";

/// Reads the interactions of one app.
#[derive(Debug)]
pub struct Interactions {
    /// Empty where Slack does not call.
    signing_secret: Secret,
    /// None without an app's token.
    socket: Option<Socket>,
    http: Http,
    hooks: Url,
}

impl Interactions {
    pub fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        Ok(Self {
            signing_secret: settings.signing_secret.clone(),
            socket: if settings.app_token.is_empty() { None } else { Some(Socket::new(settings, common)?) },
            http: Http::new(common)?,
            hooks: settings::base_url("hooks_url", &settings.hooks_url)?,
        })
    }
}

#[async_trait]
impl Inbound for Interactions {
    fn proof(&self, path: &str) -> Result<Option<&'static str>, Refusal> {
        if path.is_empty() && !self.signing_secret.is_empty() {
            return Ok(Some(signature::HEADER));
        }
        Err(Refusal::NotFound("no Slack interactions are taken here: no signing_secret is set, or the path is another"))
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        signature::check(&self.signing_secret, request)?;
        let payload = url::form_urlencoded::parse(request.body).find(|(name, _)| name == "payload");
        let (_, payload) = payload.ok_or_else(|| Refusal::Malformed("the form has no field payload".to_owned()))?;
        let payload = serde_json::from_str(&payload).map_err(|error| Refusal::Malformed(format!("payload is not valid JSON: {error}")))?;
        Ok(heard(&payload, None))
    }

    fn source(&self, is_reachable: bool) -> Option<&dyn Source> {
        self.socket.as_ref().filter(|_| !is_reachable || self.signing_secret.is_empty()).map(|_| self as &dyn Source)
    }

    async fn follow_up(&self, follow_up: FollowUp) -> Result<(), InboundError> {
        let FollowUp(Value::Object(parts)) = follow_up else { return Ok(()) };
        let path = parts.get("response_url").and_then(Value::as_str).and_then(|url| url.strip_prefix(ACTIONS));
        let path = path.ok_or_else(|| InboundError("response_url is not Slack's".to_owned()))?;
        let segments: Vec<&str> = std::iter::once("actions").chain(path.split('/')).collect();
        let url = client::join(&self.hooks, &segments);
        let answer = self.http.call(self.http.post(&url).json(&parts.get("body"))).await;
        let answer = answer.map_err(|report| InboundError(report.code.unwrap_or_else(|| "no answer".to_owned())))?;
        if answer.is_success() { Ok(()) } else { Err(InboundError(format!("HTTP {}", answer.status))) }
    }
}

#[async_trait]
impl Source for Interactions {
    async fn open(&self) -> Result<(), InboundError> {
        self.socket()?.open().await
    }

    /// One envelope at most, and no position: what was not acknowledged, Slack hands over again.
    async fn next(&self, _position: Option<&str>) -> Result<crate::inbound::Batch, InboundError> {
        let envelope = self.socket()?.next().await?;
        let heard = envelope.map(|envelope| heard(&envelope.payload, Some(envelope.id)));
        Ok(crate::inbound::Batch { heard: heard.into_iter().collect(), position: None })
    }

    async fn reply(&self, mut reply: Response<String>) -> Result<(), InboundError> {
        // First, as Slack waits three seconds for it and shows a failure then.
        self.socket()?.acknowledge(reply.body()).await?;
        match reply.extensions_mut().remove::<FollowUp>() {
            Some(follow_up) => self.follow_up(follow_up).await,
            None => Ok(()),
        }
    }
}

impl Interactions {
    fn socket(&self) -> Result<&Socket, InboundError> {
        self.socket.as_ref().ok_or_else(|| InboundError("no app_token is set".to_owned()))
    }
}

/// What an interaction says. Buttons that only open a link, and other apps' parts, say nothing. `envelope` is what its envelope is
/// acknowledged by.
fn heard(payload: &Value, envelope: Option<String>) -> Heard {
    let is_ours = payload["type"] == "block_actions";
    let actions = payload["actions"].as_array().map(Vec::as_slice).filter(|_| is_ours).unwrap_or_default();
    let notices = actions.iter().filter_map(|action| answer(payload, action)).collect();
    let response_url = payload["response_url"].as_str().map(str::to_owned);
    Heard { notices, reply: Reply::worded(move |effects, _| reply(effects, response_url, envelope)) }
}

fn answer(payload: &Value, action: &Value) -> Option<Notice> {
    let pressed: Action = action["action_id"].as_str()?.strip_prefix(message::ACTION)?.parse().ok()?;
    let token = Secret::new(action["value"].as_str()?);
    let user = payload["user"]["id"].as_str()?;
    // A direct message is seen by its addressee alone.
    let is_direct = payload["container"]["channel_id"].as_str().or(payload["channel"]["id"].as_str()).is_some_and(|id| id.starts_with('D'));
    let by = (!is_direct).then(|| Presser { service: ContactKind::Slack, account: Secret::new(user) });
    Some(Notice::Answer(Answer { of: AnswerTo::Token(token), action: Some(pressed), by }))
}

/// To a call nothing, to a socket the envelope's id; beside it what is said to whoever pressed.
fn reply(effects: &[Effect], response_url: Option<String>, envelope: Option<String>) -> Response<String> {
    let mut response = Response::new(envelope.unwrap_or_default());
    let said = effects.iter().map(|effect| effect.said.as_str()).find(|said| !said.is_empty());
    if let (Some(said), Some(response_url)) = (said, response_url) {
        let body = json!({"response_type": "ephemeral", "replace_original": false, "text": message::escape(said), "mrkdwn": false});
        response.extensions_mut().insert(FollowUp(json!({"response_url": response_url, "body": body})));
    }
    response
}

#[cfg(test)]
mod tests;
