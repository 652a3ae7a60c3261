#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use ::http::{HeaderMap, Method};
use serde_json::json;
use watchbell_core::outcome::LimitScope;
use watchbell_core::{DeliveryId, ManualClock};

use super::*;
use crate::http::Answer;
use crate::inbound::{Action, AnswerTo, Heard, Notice, Refusal, Request, Subject};
use crate::kinds::stand_in::{Act, StandIn, at, offer, outgoing};

const USER: &str = "uQiRzpo4DXghDmr9QzzfQu27cmVRsG";
const RECEIPT: &str = "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy";
const TAKEN: &str = r#"{"status":1,"request":"647d2300-702c-4b38-8b2f-d56326ae460b","receipt":"rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"}"#;

fn settings(service: &StandIn) -> Settings {
    Settings { base_url: format!("{}/1", service.url), token: Secret::new("app-hush") }
}

fn place(delivery: &str) -> String {
    callback::place(&Secret::new("app-hush"), USER, &DeliveryId(delivery.to_owned()))
}

fn to() -> Outgoing {
    let address = Address::Device { kind: DeviceKind::Pushover, token: Secret::new(USER), keys: None };
    Outgoing { answer: Some(offer()), ..outgoing(Channel::Push, address) }
}

fn provider(service: &StandIn) -> Arc<dyn Provider> {
    let settings = settings(service);
    settings.check(&service.common()).unwrap();
    let provider = settings.build("pushover", &service.common(), Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")))).unwrap();
    assert!(!format!("{provider:?}").contains("hush"));
    provider
}

#[tokio::test]
async fn a_high_alert_rings_until_it_is_acknowledged() {
    let service = StandIn::start([Act::Answer(200, "", TAKEN.to_owned())]).await;
    assert_eq!(provider(&service).send(&to()).await, Report::accepted(RECEIPT.to_owned()));
    let seen = service.only();
    assert_eq!(seen.line, "POST /1/messages.json HTTP/1.1");
    let callback = format!(
        "https://bell.example.org/wb/callbacks/pushover/{}?delivery=01KAFX8M00ABCDEFGHJKMNPQRS",
        place("01KAFX8M00ABCDEFGHJKMNPQRS")
    );
    let page = offer().url.unwrap();
    let expected = [
        ("token", "app-hush"),
        ("user", USER),
        ("title", "[HIGH] Disk full on db-1"),
        ("message", "HIGH: Disk full on db-1"),
        ("url", page.as_str()),
        ("url_title", "I have it / Resolved / Not me"),
        ("priority", "2"),
        ("retry", "60"),
        ("expire", "3600"),
        ("callback", callback.as_str()),
    ];
    assert_eq!(seen.form(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!callback.contains(USER), "an address does not stand in a URL");
}

#[tokio::test]
async fn what_cannot_be_answered_does_not_ring_on() {
    let plain = r#"{"status":1,"request":"647d2300-702c-4b38-8b2f-d56326ae460b"}"#;
    let service = StandIn::start([Act::Answer(200, "", plain.to_owned()), Act::Answer(200, "", plain.to_owned())]).await;
    let update = Outgoing { answer: None, ..to() };
    assert_eq!(provider(&service).send(&update).await, Report::accepted("647d2300-702c-4b38-8b2f-d56326ae460b".to_owned()));
    let priority = |at: usize| service.seen()[at].form().into_iter().find(|(name, _)| name == "priority").map(|(_, value)| value);
    assert_eq!(priority(0).as_deref(), Some("1"));
    provider(&service).send(&Outgoing { urgent: false, ..to() }).await;
    assert_eq!(priority(1), None);
}

#[tokio::test]
async fn an_alert_that_somebody_else_has_stops_to_ring() {
    let service = StandIn::start([Act::Answer(200, "", r#"{"status":1}"#.to_owned()), Act::Answer(404, "", String::new())]).await;
    let edit = |message_id: &str| {
        let Outgoing { content, now, to, delivery_id, channel, .. } = to();
        Edit { delivery_id, channel, to, message_id: message_id.to_owned(), content, note: "Anna has it".to_owned(), now }
    };
    let provider = provider(&service);
    assert_eq!(provider.edit(&edit(RECEIPT)).await, EditOutcome::Done);
    let seen = service.only();
    assert_eq!(seen.line, format!("POST /1/receipts/{RECEIPT}/cancel.json HTTP/1.1"));
    assert_eq!(seen.form(), [("token".to_owned(), "app-hush".to_owned())]);
    assert_eq!(provider.edit(&edit(RECEIPT)).await, EditOutcome::Cannot);
    assert_eq!(provider.edit(&edit("647d2300-702c-4b38-8b2f-d56326ae460b")).await, EditOutcome::Cannot);
    assert_eq!(service.seen().len(), 2);
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let error = |parameter: &str, text: &str| json!({"status": 0, "request": "x", (parameter): "invalid", "errors": [text]}).to_string();
    let table = [
        (200, TAKEN.to_owned(), Outcome::Accepted { message_id: Some(RECEIPT.to_owned()) }),
        (200, "<html>".to_owned(), Outcome::Unknown),
        (200, r#"{"status":0}"#.to_owned(), Outcome::Unknown),
        (400, error("user", "user identifier is not a valid user, group, or subscribed user key"), Outcome::BadAddress),
        (400, error("x", "user key is invalid"), Outcome::BadAddress),
        (400, error("token", "application token is invalid"), Outcome::ProviderDown),
        (400, error("message", "cannot be blank"), Outcome::BadMessage),
        (413, String::new(), Outcome::BadMessage),
        (429, error("x", "monthly limit"), Outcome::ProviderDown),
        (404, "<html>".to_owned(), Outcome::ProviderDown),
        (500, String::new(), retry(LimitScope::Message)),
    ];
    for (status, body, outcome) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        assert_eq!(classify::posted(&answer, now).outcome, outcome, "{status} {body}");
    }
}

async fn call_back(service: &StandIn, path: &str, body: &str) -> Result<Heard, Refusal> {
    let receipts = settings(service).inbound("pushover", &service.common()).unwrap().unwrap();
    let (public_url, url) = ("https://bell.example.org", "https://bell.example.org/callbacks/pushover");
    let (headers, now) = (HeaderMap::new(), at("2026-11-20T08:00:00Z"));
    let query = [("delivery".to_owned(), "01K".to_owned())];
    receipts
        .read(&Request { method: &Method::POST, path, query: &query, headers: &headers, body: body.as_bytes(), public_url, url, now })
        .await
}

#[tokio::test]
async fn an_acknowledgement_counts_once_pushover_confirms_it() {
    let receipt = |acknowledged: u8, by: &str| {
        Act::Answer(200, "", json!({"status": 1, "acknowledged": acknowledged, "acknowledged_by": by}).to_string())
    };
    let form = format!("receipt={RECEIPT}&acknowledged=1&acknowledged_by=whoever");
    let service = StandIn::start([receipt(1, USER), receipt(0, ""), receipt(1, "another of the group")]).await;
    let heard = call_back(&service, &place("01K"), &form).await.unwrap();
    let of = Subject { delivery: DeliveryId("01K".to_owned()), channels: &[Channel::Push], message_id: Some(RECEIPT.to_owned()) };
    let answer = crate::inbound::Answer { of: AnswerTo::Delivery(of), action: Some(Action::Accept), by: None };
    assert_eq!(heard.notices, [Notice::Answer(answer)]);
    assert_eq!(service.only().line, format!("GET /1/receipts/{RECEIPT}.json?token=app-hush HTTP/1.1"));
    for _ in 0..2 {
        assert_eq!(call_back(&service, &place("01K"), &form).await.unwrap().notices, [], "not acknowledged, or not by whom it was for");
    }
}

#[tokio::test]
async fn pushover_is_asked_where_it_cannot_call() {
    let receipt = |acknowledged: u8, by: &str| {
        Act::Answer(200, "", json!({"status": 1, "acknowledged": acknowledged, "acknowledged_by": by}).to_string())
    };
    let acts = [receipt(0, ""), receipt(1, "another of the group"), receipt(1, USER), Act::Answer(500, "", String::new()), Act::Silent];
    let service = StandIn::start(acts).await;
    let receipts = settings(&service).inbound("pushover", &service.common()).unwrap().unwrap();
    assert!(receipts.inquiry(true).is_none());
    let inquiry = receipts.inquiry(false).unwrap();
    let ask = async |message: &str| inquiry.ask(&DeliveryId("01K".to_owned()), message, &Secret::new(USER)).await;
    assert_eq!(ask(RECEIPT).await, Ok(vec![]));
    assert_eq!(ask(RECEIPT).await, Ok(vec![]), "of somebody else");
    let of = Subject { delivery: DeliveryId("01K".to_owned()), channels: &[Channel::Push], message_id: Some(RECEIPT.to_owned()) };
    let answer = crate::inbound::Answer { of: AnswerTo::Delivery(of), action: Some(Action::Accept), by: None };
    assert_eq!(ask(RECEIPT).await, Ok(vec![Notice::Answer(answer)]));
    assert_eq!(ask(RECEIPT).await.unwrap_err().to_string(), "HTTP 500");
    assert_eq!(ask(RECEIPT).await.unwrap_err().to_string(), "timeout");
    // What does not ring is not asked about.
    assert_eq!(ask("647d2300-702c-4b38-8b2f-d56326ae460b").await, Ok(vec![]));
    assert_eq!(service.seen().len(), 5);
}

#[tokio::test]
async fn what_pushover_does_not_confirm_is_refused() {
    let service = StandIn::start([Act::Answer(404, "", String::new()), Act::Answer(200, "", "<html>".to_owned())]).await;
    let form = &format!("receipt={RECEIPT}&acknowledged=1");
    for _ in 0..2 {
        assert!(matches!(call_back(&service, &place("01K"), form).await, Err(Refusal::Forbidden(_))));
    }
    for wrong in ["", "receipt=", "receipt=../../messages", "acknowledged=1"] {
        assert!(matches!(call_back(&service, &place("01K"), wrong).await, Err(Refusal::Malformed(_))), "{wrong}");
    }
    assert!(matches!(call_back(&service, "", form).await, Err(Refusal::NotFound(_))));
    // Nobody else can make us ask.
    let (of_another, cut) = (place("01L"), place("01K")[..40].to_owned());
    for path in ["x", ".", &of_another, &cut] {
        assert!(matches!(call_back(&service, path, form).await, Err(Refusal::Forbidden(_))), "{path}");
    }
    assert_eq!(service.seen().len(), 2);
}
