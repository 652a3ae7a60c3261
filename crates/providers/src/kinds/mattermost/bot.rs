//! What a bot does with its token: posts to channels and users, and changes what it posted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use url::Url;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Secret, Timestamp};

use super::{classify, message};
use crate::http::{self, Http, Request};
use crate::provider::{Edit, EditOutcome, Outgoing};
use crate::settings::{CommonSettings, SettingError};

/// So many users' direct channels are remembered; then it begins anew.
const MOST_REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub struct Bot {
    http: Http,
    /// Before `/api/v4`.
    server: Url,
    token: Secret,
    /// The channel that stands for each target: itself, or the direct one with a user.
    channels: Mutex<HashMap<String, String>>,
}

impl Bot {
    pub fn new(server: Url, token: Secret, common: &CommonSettings) -> Result<Self, SettingError> {
        Ok(Self { http: Http::new(common)?, server, token, channels: Mutex::default() })
    }

    /// Posts `post` to a channel, or to a user in the channel that only the two see.
    pub async fn post(&self, target: &Secret, message: &Outgoing, mut post: Value) -> Report {
        let channel = match self.channel(target.expose(), message.now).await {
            Ok(channel) => channel,
            Err(report) => return report,
        };
        post["channel_id"] = json!(channel);
        match self.http.hand_over(message, self.request(&["posts"], &post)).await {
            Ok(answer) => classify::posted(&answer, message.now),
            Err(report) => report,
        }
    }

    pub async fn edit(&self, edit: &Edit) -> EditOutcome {
        let url = self.url(&["posts", &edit.message_id, "patch"]);
        let request = self.http.put(&url).bearer_auth(self.token.expose()).json(&message::edited(edit));
        match self.http.call(request).await {
            Ok(answer) => match classify::posted(&answer, edit.now) {
                Report { outcome: Outcome::Accepted { .. }, .. } => EditOutcome::Done,
                // The post is gone, or may not be changed any more.
                _ if matches!(answer.status, 400 | 403 | 404) => EditOutcome::Cannot,
                report => EditOutcome::Failed(report),
            },
            Err(report) => EditOutcome::Failed(report),
        }
    }

    /// Ids do not say whose they are, so the first message to each asks: a user's id leads to the direct channel.
    async fn channel(&self, target: &str, now: Timestamp) -> Result<String, Report> {
        if let Some(channel) = self.remembered().get(target) {
            return Ok(channel.clone());
        }
        let of_asking = |report: Report| match report.outcome {
            // Nothing of the message has been handed over.
            Outcome::Unknown => Report::retry(report.code),
            _ => report,
        };
        let url = self.url(&["users", target]);
        let found = self.http.call(self.http.get(&url).bearer_auth(self.token.expose())).await.map_err(of_asking)?;
        let channel = match found.status {
            200..=299 => self.direct_channel(target, now).await.map_err(of_asking)?,
            // No user that the bot may see: then it is a channel, or nothing, which posting will tell.
            403 | 404 if found.json()["id"].is_string() => target.to_owned(),
            _ => return Err(of_asking(classify::posted(&found, now))),
        };
        let mut remembered = self.remembered();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(target.to_owned(), channel.clone());
        Ok(channel)
    }

    async fn direct_channel(&self, user: &str, now: Timestamp) -> Result<String, Report> {
        let me = self.http.call(self.http.get(&self.url(&["users", "me"])).bearer_auth(self.token.expose())).await?;
        let me = named(&classify::posted(&me, now))?;
        let made = self.http.call(self.request(&["channels", "direct"], &json!([me, user]))).await?;
        named(&classify::posted(&made, now))
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, path: &[&str], body: &Value) -> Request {
        self.http.post(&self.url(path)).bearer_auth(self.token.expose()).json(body)
    }

    fn url(&self, path: &[&str]) -> Url {
        http::join(&self.server, &[&["api", "v4"], path].concat())
    }
}

/// The id that was answered with.
fn named(report: &Report) -> Result<String, Report> {
    match &report.outcome {
        Outcome::Accepted { message_id: Some(id) } => Ok(id.clone()),
        _ => Err(report.clone()),
    }
}
