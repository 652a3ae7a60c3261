//! Microsoft Teams: the Workflow "Post to a channel when a webhook request is received". A contact is such a workflow's URL,
//! and its query holds what lets one call it, so it is as good as a password.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use watchbell_core::network::Reach;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Timestamp};

use crate::endpoint::{self, Endpoints};
use crate::http::{self, Answer};
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// A whole message, in bytes. Above some 28 KB the workflow fails after it has taken it, unseen by us, and a client met that
/// above 21 KB.
const LARGEST_MESSAGE: usize = 21 * 1024;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether contacts may be at private addresses; Microsoft's never are.
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
    const NAME: &'static str = "teams";
    const CHANNELS: &'static [Channel] = &[Channel::Teams];

    /// Microsoft throttles by workflow, not by sender.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 100.0, burst: 100, in_flight: 64, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        self.reach().map(|_| ())
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Teams { endpoints: Endpoints::new(common, self.reach()?)? }))
    }

    fn contact_reach(&self) -> Option<Reach> {
        self.reach().ok()
    }
}

#[derive(Debug)]
struct Teams {
    endpoints: Endpoints,
}

#[async_trait]
impl Provider for Teams {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Other(url) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let body = body(message);
        match self.endpoints.post(url.expose(), message, |request| request.json(&body)).await {
            Ok(answer) => classify(&answer, message.now),
            Err(report) => report,
        }
    }

    fn is_one_service(&self) -> bool {
        false
    }
}

/// A text that would make it too large is cut.
fn body(message: &Outgoing) -> Value {
    let body = |text: &str| {
        json!({"type": "message", "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card(message, text),
        }]})
    };
    body(&message.content.text.fit(|text| body(text).to_string().len() <= LARGEST_MESSAGE))
}

/// Text runs, unlike text blocks, are no Markdown: what an alert says is shown as it is.
fn card(message: &Outgoing, text: &str) -> Value {
    let content = &message.content;
    let paragraph = |text: &str, is_subject: bool| {
        let weight = if is_subject { "Bolder" } else { "Default" };
        let inline = json!({"type": "TextRun", "text": text, "weight": weight, "size": if is_subject { "Medium" } else { "Default" }});
        json!({"type": "RichTextBlock", "spacing": if is_subject { "Default" } else { "Small" }, "inlines": [inline]})
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    // The text of an alert begins with its subject, and ends with the URL that the button opens.
    let url = content.url.as_deref();
    let rest = lines.filter(|line| *line != content.subject && Some(*line) != url);
    let body: Vec<Value> = std::iter::once(paragraph(&content.subject, true)).chain(rest.map(|line| paragraph(line, false))).collect();
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": content.subject,
        "msteams": {"width": "Full"},
        "body": body,
    });
    let open = |title: &str, url: &str| json!({"type": "Action.OpenUrl", "title": title, "url": url});
    // What a flow posts cannot call back, so it is answered on a page.
    let answer = message.answer.as_ref().and_then(|offer| Some(open(&offer.choices(), offer.url.as_deref()?)));
    let actions: Vec<Value> = answer.into_iter().chain(url.map(|url| open(&content.open, url))).collect();
    if !actions.is_empty() {
        card["actions"] = json!(actions);
    }
    card
}

/// A workflow that takes a card says 202. One that was deleted, switched off or given a new signature is not coming back under
/// this URL.
fn classify(answer: &Answer, now: Timestamp) -> Report {
    let error = answer.json();
    let code = http::text(&error, "/error/code").unwrap_or_default();
    match (answer.status, code) {
        (400.., code @ ("WorkflowTriggerIsNotEnabled" | "WorkflowNotFound" | "WorkflowDisabled" | "DirectApiAuthorizationRequired")) => {
            Report::new(Outcome::BadAddress, code.to_owned())
        }
        (401 | 403 | 404, _) => Report::new(Outcome::BadAddress, format!("http_{}", answer.status)),
        _ => endpoint::by_status(answer, now),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use watchbell_core::outcome::LimitScope;
    use watchbell_core::{ManualClock, Secret};

    use super::*;
    use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};
    use crate::provider::Content;

    async fn send(service: &StandIn, allow_networks: &[&str]) -> Report {
        let url = format!("{}/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=hush", service.url);
        let message = outgoing(Channel::Teams, Address::Other(Secret::new(url)));
        let allow_networks = allow_networks.iter().map(|text| (*text).to_owned()).collect();
        let settings = Settings { allow_private: false, allow_networks };
        settings.check(&service.common()).unwrap();
        let provider = settings.build("teams", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
        provider.send(&message).await
    }

    #[tokio::test]
    async fn one_card_is_posted_to_the_workflow() {
        let service = StandIn::start([Act::Answer(202, "", String::new())]).await;
        assert_eq!(send(&service, &["127.0.0.1"]).await, Report::accepted(None));
        let seen = service.only();
        assert_eq!(seen.line, "POST /workflows/1/triggers/manual/paths/invoke?api-version=1&sig=hush HTTP/1.1");
        let body = seen.json();
        assert_eq!((&body["type"], body["attachments"].as_array().unwrap().len()), (&json!("message"), 1));
        let card = &body["attachments"][0]["content"];
        let texts: Vec<_> = card["body"].as_array().unwrap().iter().map(|block| block["inlines"][0]["text"].clone()).collect();
        assert_eq!(texts, ["[HIGH] Disk full on db-1", "Disk full on db-1"]);
        assert_eq!(card["actions"], json!([{"type": "Action.OpenUrl", "title": "Open", "url": "https://alerts.example.org/7"}]));
    }

    #[test]
    fn a_card_about_an_alert_leads_to_where_it_is_answered() {
        let message = outgoing(Channel::Teams, Address::Other(Secret::default()));
        let card = card(&Outgoing { answer: Some(offer()), ..message }, "Disk full on db-1");
        let answer = json!({"type": "Action.OpenUrl", "title": "I have it / Resolved / Not me", "url": offer().url});
        assert_eq!(card["actions"], json!([answer, {"type": "Action.OpenUrl", "title": "Open", "url": "https://alerts.example.org/7"}]));
    }

    #[tokio::test]
    async fn a_private_address_must_be_allowed() {
        let service = StandIn::start([]).await;
        assert_eq!(send(&service, &["10.0.0.0/8"]).await, Report::new(Outcome::BadAddress, "private_address".to_owned()));
    }

    #[test]
    fn the_largest_card_fits() {
        let message = |text: String| {
            let plain = outgoing(Channel::Teams, Address::Other(Secret::default()));
            let content = Content { subject: "ä".repeat(200), text: text.into(), ..plain.content.clone() };
            Outgoing { content, answer: Some(offer()), ..plain }
        };
        let size = body(&message("字\n".repeat(9_000))).to_string().len();
        assert!((20_000..=LARGEST_MESSAGE).contains(&size), "{size}");
        let size = body(&message("字".repeat(9_000))).to_string().len();
        assert!((20_000..=LARGEST_MESSAGE).contains(&size), "{size}");
    }

    #[test]
    fn every_answer_has_a_meaning() {
        let now = at("2026-11-20T08:00:00Z");
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#);
        let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
        let table = [
            (202, String::new(), Outcome::Accepted { message_id: None }),
            (200, "1".to_owned(), Outcome::Accepted { message_id: None }),
            (400, error("TriggerInputSchemaMismatch"), Outcome::BadMessage),
            (400, error("WorkflowTriggerIsNotEnabled"), Outcome::BadAddress),
            (401, error("DirectApiAuthorizationRequired"), Outcome::BadAddress),
            (403, error("AuthorizationFailed"), Outcome::BadAddress),
            (404, error("WorkflowNotFound"), Outcome::BadAddress),
            (404, "<html>".to_owned(), Outcome::BadAddress),
            (410, String::new(), Outcome::BadAddress),
            (413, String::new(), Outcome::BadMessage),
            (429, error("WorkflowRunLimit"), retry.clone()),
            (502, String::new(), retry),
        ];
        for (status, body, outcome) in table {
            let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
            assert_eq!(classify(&answer, now).outcome, outcome, "{status} {body}");
        }
    }
}
