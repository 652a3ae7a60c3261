#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use watchbell_core::{ManualClock, Secret};

use super::*;
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};

const TAKEN: &str = r#"{"name":"spaces/AAAA/messages/BBBB.CCCC","thread":{"name":"spaces/AAAA/threads/X"}}"#;
const HOOK: &str = "https://chat.googleapis.com/v1/spaces/AAAA/messages?key=k-1&token=hush";

fn to(target: &str) -> Outgoing {
    outgoing(Channel::GoogleChat, Address::Other(Secret::new(target)))
}

async fn send(service: &StandIn, message: &Outgoing) -> Report {
    let settings = Settings { base_url: format!("{}/v1", service.url) };
    settings.check(&service.common()).unwrap();
    settings.build("google_chat", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap().send(message).await
}

#[tokio::test]
async fn one_card_in_the_alert_s_thread_with_a_link_to_where_it_is_answered() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    let message = Outgoing { answer: Some(offer()), ..to(HOOK) };
    assert_eq!(send(&service, &message).await, Report::accepted("spaces/AAAA/messages/BBBB.CCCC".to_owned()));
    let seen = service.only();
    let option = "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD";
    assert_eq!(seen.line, format!("POST /v1/spaces/AAAA/messages?key=k-1&token=hush&{option} HTTP/1.1"));
    let button = |text: &str, url: &str| json!({"text": text, "onClick": {"openLink": {"url": url}}});
    assert_eq!(
        seen.json(),
        json!({
            "cardsV2": [{"cardId": "watchbell", "card": {
                "header": {"title": "[HIGH] Disk full on db-1"},
                "sections": [{"widgets": [
                    {"textParagraph": {"text": "Disk full on db-1"}},
                    {"buttonList": {"buttons": [
                        button("Open", "https://alerts.example.org/7"),
                        button("I have it / Resolved / Not me", &offer().url.unwrap()),
                    ]}},
                ]}],
            }}],
            "fallbackText": "[HIGH] Disk full on db-1",
            "thread": {"threadKey": thread::digest("alert:A-7")},
        })
    );
}

#[tokio::test]
async fn only_google_s_own_webhooks_are_called() {
    let service = StandIn::start([]).await;
    for target in ["https://evil.example/v1/spaces/A/messages?key=k&token=t", "spaces/A"] {
        assert_eq!(send(&service, &to(target)).await, Report::new(Outcome::BadMessage, "address_kind".to_owned()), "{target}");
    }
}

#[test]
fn nobody_is_mentioned_nothing_is_markup_and_the_largest_card_fits() {
    let mut message = Outgoing { answer: Some(offer()), ..to(HOOK) };
    message.content.subject = "<users/all> down".to_owned();
    message.content.text = format!("<b>{}</b>", "字&".repeat(20_000)).into();
    let body = body(&message);
    assert_eq!(body["fallbackText"], "<\u{200b}users/all> down");
    let text = body["cardsV2"][0]["card"]["sections"][0]["widgets"][0]["textParagraph"]["text"].as_str().unwrap();
    assert!(text.starts_with("&lt;b&gt;字&amp;"));
    assert!((30_000..=LARGEST_MESSAGE).contains(&body.to_string().len()));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let error = |code: u16, status: &str| json!({"error": {"code": code, "message": "Disk full", "status": status}}).to_string();
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some("spaces/AAAA/messages/BBBB.CCCC".to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (400, error(400, "INVALID_ARGUMENT"), Outcome::BadMessage),
        (401, error(401, "UNAUTHENTICATED"), Outcome::BadAddress),
        (403, error(403, "PERMISSION_DENIED"), Outcome::BadAddress),
        (404, error(404, "NOT_FOUND"), Outcome::BadAddress),
        (404, "<html>".to_owned(), Outcome::ProviderDown),
        (403, "<html>a proxy".to_owned(), Outcome::ProviderDown),
        (429, error(429, "RESOURCE_EXHAUSTED"), retry(LimitScope::Recipient)),
        (500, error(500, "INTERNAL"), retry(LimitScope::Message)),
        (503, String::new(), retry(LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        let report = classify(&answer, now);
        assert_eq!(report.outcome, outcome, "{status} {body}");
        assert!(!report.code.unwrap_or_default().contains("Disk"));
    }
}
