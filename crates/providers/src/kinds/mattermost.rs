//! Mattermost's incoming webhooks: a contact is one of them.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use watchbell_core::network::Reach;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};

use crate::endpoint::{self, Endpoints};
use crate::http::{self, Answer};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::markup;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// A post, in characters; a longer one is split into several.
const LONGEST_TEXT: usize = 16_383;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether contacts may be at private addresses, as Mattermost servers often are.
    #[serde(default)]
    pub allow_private: bool,
    /// Networks in which contacts may be, beside the public internet.
    #[serde(default)]
    pub allow_networks: Vec<String>,
}

impl Settings {
    /// Where contacts may be.
    fn reach(&self) -> Result<Reach, SettingError> {
        endpoint::reach(self.allow_private, &self.allow_networks)
    }
}

impl ProviderKind for Settings {
    const NAME: &'static str = "mattermost";
    const CHANNELS: &'static [Channel] = &[Channel::Mattermost];

    /// The servers are many, and say themselves what they take: their default is 10 requests a second.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 100.0, burst: 100, in_flight: 64, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        self.reach().map(|_| ())
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Mattermost { endpoints: Endpoints::new(common, self.reach()?)? }))
    }

    fn contact_reach(&self) -> Option<Reach> {
        self.reach().ok()
    }
}

#[derive(Debug)]
struct Mattermost {
    endpoints: Endpoints,
}

#[async_trait]
impl Provider for Mattermost {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Other(url) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let text = message.content.text.fit(|text| markup::mattermost(text).chars().count() <= LONGEST_TEXT);
        let body = json!({"text": markup::mattermost(&text)});
        match self.endpoints.post(url.expose(), message, |request| request.json(&body)).await {
            Ok(answer) => classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn is_one_service(&self) -> bool {
        false
    }
}

fn classify(answer: &Answer, now: Timestamp) -> Report {
    let report = endpoint::by_status(answer, now);
    let error = answer.json();
    // Codes of Mattermost's `web.incoming_webhook.*`; its text stays out of the record.
    let id = http::text(&error, "/id").unwrap_or_default();
    let Some(code) = id.strip_prefix("web.incoming_webhook.").and_then(|code| code.strip_suffix(".app_error")) else { return report };
    let outcome = match code {
        // The webhook was removed, webhooks are switched off, or its channel is gone, archived or closed to it.
        "invalid" | "disabled" | "channel" | "channel_locked" | "permissions" | "user" => Outcome::BadAddress,
        "parse" | "decode" | "text" => Outcome::BadMessage,
        _ => return report,
    };
    Report::new(outcome, format!("incoming_webhook.{code}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use watchbell_core::outcome::LimitScope;
    use watchbell_core::{ManualClock, Secret};

    use super::*;
    use crate::provider::{Content, Text};
    use crate::kinds::stand_in::{Act, StandIn, at, outgoing};

    async fn send(service: &StandIn, allow_private: bool) -> Report {
        let message = outgoing(Channel::Mattermost, Address::Other(Secret::new(format!("{}/hooks/hush", service.url))));
        let settings = Settings { allow_private, ..Settings::default() };
        settings.check(&service.common()).unwrap();
        let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
        assert!(!provider.is_one_service());
        provider.send(&message).await
    }

    #[tokio::test]
    async fn one_text_is_posted_to_the_contact_s_url() {
        let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
        assert_eq!(send(&service, true).await, Report::accepted(None));
        let seen = service.only();
        assert_eq!(seen.line, "POST /hooks/hush HTTP/1.1");
        assert_eq!(seen.json(), json!({"text": "Disk full on db-1\n\nhttps://alerts.example.org/7"}));
    }

    #[tokio::test]
    async fn a_private_address_must_be_allowed() {
        let service = StandIn::start([]).await;
        assert_eq!(send(&service, false).await, Report::new(Outcome::BadAddress, "private_address".to_owned()));
    }

    #[tokio::test]
    async fn long_texts_are_cut_and_keep_what_stands_after_them() {
        let service = StandIn::start([Act::Answer(200, "", "ok".to_owned())]).await;
        let message = outgoing(Channel::Mattermost, Address::Other(Secret::new(format!("{}/hooks/hush", service.url))));
        let text = Text::read(&format!("\u{fdd1}{}\u{fdd0}\n\nhttps://alerts.example.org/7", "@*".repeat(20_000)));
        let message = Outgoing { content: Content { text, ..message.content.clone() }, ..message };
        let settings = Settings { allow_private: true, ..Settings::default() };
        let provider = settings.build("mattermost", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
        assert_eq!(provider.send(&message).await, Report::accepted(None));
        let body = service.only().json();
        let text = body["text"].as_str().unwrap();
        assert!((16_000..=LONGEST_TEXT).contains(&text.chars().count()) && text.ends_with("…\n\nhttps://alerts.example.org/7"));
        assert!(text.starts_with("@\u{200b}\\*@\u{200b}\\*"));
    }

    #[test]
    fn every_answer_has_a_meaning() {
        let now = at("2026-11-20T08:00:00Z");
        let error = |id: &str| format!(r#"{{"id":"web.incoming_webhook.{id}.app_error","message":"Disk full","status_code":400}}"#);
        let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
        let table = [
            (200, "ok".to_owned(), Outcome::Accepted { message_id: None }),
            (400, error("invalid"), Outcome::BadAddress),
            (501, error("disabled"), Outcome::BadAddress),
            (404, error("channel"), Outcome::BadAddress),
            (403, error("channel_locked"), Outcome::BadAddress),
            (403, error("permissions"), Outcome::BadAddress),
            (400, error("parse"), Outcome::BadMessage),
            (400, error("text"), Outcome::BadMessage),
            (400, error("new"), Outcome::BadMessage),
            (404, "<html>".to_owned(), Outcome::BadMessage),
            (429, String::new(), retry.clone()),
            (500, error("general"), retry),
        ];
        for (status, body, outcome) in table {
            let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
            let report = classify(&answer, now);
            assert_eq!(report.outcome, outcome, "{status} {body}");
            assert!(!report.code.unwrap_or_default().contains("Disk"));
        }
    }
}
