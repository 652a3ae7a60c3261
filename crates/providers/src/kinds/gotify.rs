//! Gotify: a device is an application of a user's on a Gotify server, by its token.
//!
//! There are no buttons: a tap opens the page on which the alert is answered.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};

use crate::http::{self, Answer, Http};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// 8 and more ring and vibrate, 4 to 7 make a sound.
const PRIORITY: u8 = 5;
const URGENT_PRIORITY: u8 = 10;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The server; users' applications are all there.
    pub base_url: String,
}

impl ProviderKind for Settings {
    const NAME: &'static str = "gotify";
    const CHANNELS: &'static [Channel] = &[Channel::Push];

    /// Gotify has none; this is what a small server of one's own carries.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 50.0, burst: 50, in_flight: 16, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url).map(|_| ())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let base = settings::base_url("base_url", &self.base_url)?;
        Ok(Arc::new(Gotify { http: Http::new(common)?, url: http::join(&base, &["message"]) }))
    }
}

#[derive(Debug)]
struct Gotify {
    http: Http,
    url: Url,
}

#[async_trait]
impl Provider for Gotify {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Device { kind: DeviceKind::Gotify, token, .. } = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let request = self.http.post(&self.url).bearer_auth(token.expose()).json(&body(message));
        match self.http.hand_over(message, request).await {
            Ok(answer) => classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind: DeviceKind::Gotify, .. })
    }
}

fn body(message: &Outgoing) -> Value {
    let content = &message.content;
    let mut body = json!({
        "title": content.subject,
        "message": &*content.short,
        "priority": if message.urgent || message.critical { URGENT_PRIORITY } else { PRIORITY },
        "extras": {"client::display": {"contentType": "text/plain"}},
    });
    // Where it can be answered; what it is about is linked from there.
    let page = message.answer.as_ref().and_then(|offer| offer.url.as_ref());
    if let Some(url) = page.or(content.url.as_ref()) {
        body["extras"]["client::notification"] = json!({"click": {"url": url}});
    }
    body
}

/// The token is the user's, so one that is refused is a bad address, and says nothing about others'.
fn classify(answer: &Answer, now: Timestamp) -> Report {
    let body = answer.json();
    let by_status = http::by_status(answer, now);
    let outcome = match answer.status {
        200..=299 => match http::id(&body, "/id") {
            Some(id) => return Report::accepted(id),
            None => return Report::new(Outcome::Unknown, "broken_answer".to_owned()),
        },
        401 | 403 if body["errorCode"].is_number() => Outcome::BadAddress,
        404 => Outcome::ProviderDown,
        _ => by_status.outcome,
    };
    Report::new(outcome, by_status.code)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use watchbell_core::outcome::LimitScope;
    use watchbell_core::{ManualClock, Secret};

    use super::*;
    use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};

    fn to(kind: DeviceKind) -> Outgoing {
        outgoing(Channel::Push, Address::Device { kind, token: Secret::new("A-hush.1"), keys: None })
    }

    async fn send(service: &StandIn, message: &Outgoing) -> Report {
        let settings = Settings { base_url: format!("{}/gotify/", service.url) };
        settings.check(&service.common()).unwrap();
        settings.build("gotify", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap().send(message).await
    }

    #[tokio::test]
    async fn one_message_whose_tap_opens_the_page_for_answers() {
        let service = StandIn::start([Act::Answer(200, "", r#"{"id":25,"appid":5}"#.to_owned())]).await;
        let message = Outgoing { answer: Some(offer()), ..to(DeviceKind::Gotify) };
        assert_eq!(send(&service, &message).await, Report::accepted("25".to_owned()));
        let seen = service.only();
        assert_eq!(seen.line, "POST /gotify/message HTTP/1.1");
        assert!(seen.headers.contains("authorization: Bearer A-hush.1"));
        let expected = json!({
            "title": "[HIGH] Disk full on db-1", "message": "HIGH: Disk full on db-1", "priority": 10,
            "extras": {
                "client::display": {"contentType": "text/plain"},
                "client::notification": {"click": {"url": offer().url}},
            },
        });
        assert_eq!(seen.json(), expected);
        let mut plain = to(DeviceKind::Gotify);
        plain.urgent = false;
        let body = body(&plain);
        assert_eq!(
            (&body["priority"], &body["extras"]["client::notification"]["click"]["url"]),
            (&json!(5), &json!("https://alerts.example.org/7"))
        );
    }

    #[tokio::test]
    async fn other_devices_are_not_its_own() {
        let service = StandIn::start([]).await;
        assert_eq!(send(&service, &to(DeviceKind::Ntfy)).await, Report::new(Outcome::BadMessage, "address_kind".to_owned()));
    }

    #[test]
    fn every_answer_has_a_meaning() {
        let error =
            |status: u16| json!({"error": "x", "errorCode": status, "errorDescription": "you need to provide a valid token"}).to_string();
        let retry = |scope| Outcome::Retry { after: None, scope };
        let table = [
            (200, r#"{"id":25}"#.to_owned(), Outcome::Accepted { message_id: Some("25".to_owned()) }),
            (200, "<html>".to_owned(), Outcome::Unknown),
            (400, error(400), Outcome::BadMessage),
            (401, error(401), Outcome::BadAddress),
            (403, error(403), Outcome::BadAddress),
            (401, "<html>a proxy".to_owned(), Outcome::ProviderDown),
            (404, error(404), Outcome::ProviderDown),
            (429, String::new(), retry(LimitScope::Provider)),
            (500, error(500), retry(LimitScope::Message)),
        ];
        for (status, body, outcome) in table {
            let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
            let report = classify(&answer, at("2026-11-20T08:00:00Z"));
            assert_eq!(report.outcome, outcome, "{status} {body}");
            assert!(!report.code.unwrap_or_default().contains("token"));
        }
    }
}
