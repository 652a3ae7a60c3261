//! Discord: a contact is a channel's webhook.
//!
//! All webhooks are at one host, which a setting names, and of a contact's only its id, token and thread are used: no contact can lead
//! a call anywhere else. A webhook that no app owns has no buttons that could be heard, so a message has a link to the page on which
//! it is answered.

mod classify;
mod message;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;
use watchbell_core::contact::DISCORD_HOOKS;
use watchbell_core::outcome::{LimitScope, Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};

use crate::http::{self, Answer, Http};
use crate::provider::{AccountLimit, Address, Edit, EditOutcome, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// Of so many webhooks it is remembered until when they take nothing; then it begins anew.
const MOST_REMEMBERED: usize = 10_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://discord.com/api/v10".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "discord";
    const CHANNELS: &'static [Channel] = &[Channel::Discord];

    /// 50 requests a second for an address without an account, by Discord's page on rate limits.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 40.0, burst: 40, in_flight: 32, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url).map(|_| ())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        Ok(Arc::new(Discord { http: Http::new(common)?, base, used_up: Mutex::default() }))
    }
}

#[derive(Debug)]
struct Discord {
    http: Http,
    base: Url,
    /// Webhooks whose limit is used up, and until when, as Discord said with the message before: a call too many counts towards the
    /// 10,000 after which an address is shut out.
    used_up: Mutex<HashMap<String, Timestamp>>,
}

/// Of a contact's webhook what is used.
struct Hook<'t> {
    id: &'t str,
    token: &'t str,
    thread: Option<&'t str>,
}

impl<'t> Hook<'t> {
    fn of(to: &'t Address) -> Option<Self> {
        let Address::Other(target) = to else { return None };
        let (path, thread) = match target.expose().split_once("?thread_id=") {
            Some((path, thread)) => (path, Some(thread)),
            None => (target.expose(), None),
        };
        let (id, token) = path.strip_prefix(DISCORD_HOOKS)?.split_once('/')?;
        Some(Self { id, token, thread })
    }

    fn url(&self, base: &Url, after: &[&str], waits: bool) -> Url {
        let mut url = http::join(base, &[&["webhooks", self.id, self.token], after].concat());
        if waits {
            // Else nothing is said of what became of it.
            url.query_pairs_mut().append_pair("wait", "true");
        }
        if let Some(thread) = self.thread {
            url.query_pairs_mut().append_pair("thread_id", thread);
        }
        url
    }
}

#[async_trait]
impl Provider for Discord {
    async fn send(&self, message: &Outgoing) -> Report {
        let Some(hook) = Hook::of(&message.to) else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        if let Some(until) = self.used_up_until(hook.id).filter(|until| *until > message.now) {
            let outcome = Outcome::Retry { after: Some(until), scope: LimitScope::Recipient };
            return Report::new(outcome, "used_up".to_owned());
        }
        let request = self.http.post(&hook.url(&self.base, &[], true)).json(&message::body(message));
        match self.http.hand_over(message, request).await {
            Ok(answer) => {
                self.learn(hook.id, &answer, message.now);
                classify::posted(&answer, message.now)
            }
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        Hook::of(to).is_some()
    }

    async fn edit(&self, edit: &Edit) -> EditOutcome {
        let Some(hook) = Hook::of(&edit.to) else { return EditOutcome::Cannot };
        let url = hook.url(&self.base, &["messages", &edit.message_id], false);
        match self.http.call(self.http.patch(&url).json(&message::edited(edit))).await {
            Ok(answer) => classify::edited(&answer, edit.now),
            Err(report) => EditOutcome::Failed(report),
        }
    }
}

impl Discord {
    fn used_up_until(&self, webhook: &str) -> Option<Timestamp> {
        self.used_up.lock().unwrap_or_else(PoisonError::into_inner).get(webhook).copied()
    }

    /// Remembers a webhook whose limit the call before used up.
    fn learn(&self, webhook: &str, answer: &Answer, now: Timestamp) {
        let Some(until) = classify::used_up_until(answer, now) else { return };
        let mut used_up = self.used_up.lock().unwrap_or_else(PoisonError::into_inner);
        if used_up.len() >= MOST_REMEMBERED {
            used_up.clear();
        }
        used_up.insert(webhook.to_owned(), until);
    }
}

impl std::fmt::Debug for Hook<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook(…)")
    }
}
