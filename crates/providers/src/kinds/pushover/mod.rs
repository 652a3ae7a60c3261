//! Pushover: a device is a user's key, or a group's.
//!
//! HIGH alerts are emergencies there: they ring until somebody acknowledges them in the app, which accepts the alert, or until we
//! cancel them, as somebody else has accepted it.

mod callback;
mod classify;
mod inbound;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::fit::cut;
use crate::http::{self, Http};
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Edit, EditOutcome, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// `title`, `message` and `url_title`, in characters, and `url`.
const LONGEST_TITLE: usize = 250;
const LONGEST_TEXT: usize = 1_024;
const LONGEST_URL_TITLE: usize = 100;
const LONGEST_URL: usize = 512;
/// An emergency is repeated so often, in seconds; Pushover takes 30 and more.
const RETRY_S: i64 = 60;
/// And no longer than this, which is Pushover's most.
const LONGEST_S: i64 = 10_800;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// The application's token.
    pub token: Secret,
}

fn default_base_url() -> String {
    "https://api.pushover.net/1".to_owned()
}

impl ProviderKind for Settings {
    const NAME: &'static str = "pushover";
    const CHANNELS: &'static [Channel] = &[Channel::Push];

    /// Pushover asks for no more than two connections at once.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 5.0, burst: 10, in_flight: 2, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        settings::token("token", self.token.expose())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        Ok(Arc::new(Pushover { name: name.to_owned(), http: Http::new(common)?, base, token: self.token.clone() }))
    }

    fn inbound(&self, _name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(Some(Arc::new(inbound::Receipts::new(self, common)?)))
    }
}

#[derive(Debug)]
struct Pushover {
    /// Of its table: acknowledgements come to `/callbacks/{name}`.
    name: String,
    http: Http,
    base: Url,
    token: Secret,
}

#[async_trait]
impl Provider for Pushover {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Device { kind: DeviceKind::Pushover, token: user, .. } = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let form = self.form(user, message);
        let request = self.http.post(&http::join(&self.base, &["messages.json"])).form(&form);
        match self.http.hand_over(message, request).await {
            Ok(answer) => classify::posted(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind: DeviceKind::Pushover, .. })
    }

    /// What was sent stays as it is, but it stops to ring.
    async fn edit(&self, edit: &Edit) -> EditOutcome {
        if !is_receipt(&edit.message_id) {
            return EditOutcome::Cannot;
        }
        let url = http::join(&self.base, &["receipts", &edit.message_id, "cancel.json"]);
        match self.http.call(self.http.post(&url).form(&[("token", self.token.expose())])).await {
            Ok(answer) => classify::cancelled(&answer, edit.now),
            Err(report) => EditOutcome::Failed(report),
        }
    }
}

impl Pushover {
    fn form(&self, user: &Secret, message: &Outgoing) -> Vec<(&'static str, String)> {
        let content = &message.content;
        let mut form = vec![
            ("token", self.token.expose().to_owned()),
            ("user", user.expose().to_owned()),
            ("title", cut(&content.subject, LONGEST_TITLE)),
            ("message", content.short.fit(|text| text.chars().count() <= LONGEST_TEXT)),
        ];
        // Where it can be answered; what it is about is linked from there. An address is of use whole, or not at all.
        let answer = message.answer.as_ref().and_then(|offer| Some((offer.url.as_deref()?, offer.choices())));
        let page = answer.or_else(|| Some((content.url.as_deref()?, content.open.clone())));
        if let Some((url, label)) = page.filter(|(url, _)| url.len() <= LONGEST_URL) {
            form.push(("url", url.to_owned()));
            form.push(("url_title", cut(&label, LONGEST_URL_TITLE)));
        }
        // Only what can be answered is rung for until it is.
        if message.urgent && message.answer.is_some() {
            let left_s = message.expires_at.unwrap_or(Timestamp::MAX).ms_since(message.now) / 1000;
            form.push(("priority", "2".to_owned()));
            form.push(("retry", RETRY_S.to_string()));
            form.push(("expire", left_s.clamp(RETRY_S, LONGEST_S).to_string()));
            if let Some(base) = &message.callback_base {
                let place = callback::place(&self.token, user.expose(), &message.delivery_id);
                let callback = http::callback(base, &[&self.name, &place], message.delivery_id.as_str());
                form.push(("callback", callback));
            }
        } else if message.urgent || message.critical {
            form.push(("priority", "1".to_owned()));
        }
        form
    }
}

/// A receipt is letters and digits; what names an ordinary message is a UUID.
fn is_receipt(text: &str) -> bool {
    text.len() == 30 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
