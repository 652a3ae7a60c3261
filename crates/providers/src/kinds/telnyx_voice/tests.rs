//! Calls and callbacks as Telnyx's reference of TeXML has them.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use ::http::{HeaderMap, HeaderValue, Method};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{DeliveryId, ManualClock};

use super::*;
use crate::inbound::{Action, Answer as Answered, AnswerTo, Change, Effect, Heard, Notice, Receipt, Refusal, Subject, Words};
use crate::kinds::stand_in::{Act, Seen, StandIn, at, outgoing};
use crate::phrase::{Phrase, Since, Wording};

const TO: &str = "+4915112345678";
const DELIVERY: &str = "01KAFX8M00ABCDEFGHJKMNPQRS";

fn key_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn settings(base_url: &str) -> Settings {
    let text = json!({
        "base_url": base_url, "api_key": "s3cret", "account_id": "acc-1", "application_id": "app-1", "from": "+15005550006",
        "public_key": STANDARD.encode(key_pair().public_key()),
    });
    serde_json::from_value(text).unwrap()
}

async fn send(change: impl FnOnce(&mut Settings, &mut Outgoing), answer: Act) -> (Report, Option<Seen>) {
    let service = StandIn::start([answer]).await;
    let mut settings = settings(&service.url);
    let mut message = outgoing(Channel::Voice, Address::Phone(TO.to_owned()));
    change(&mut settings, &mut message);
    let provider = settings.build("calls", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert!(!format!("{provider:?}").contains("s3cret"));
    (provider.send(&message).await, service.seen().pop())
}

fn taken() -> Act {
    Act::Answer(200, "", r#"{"from":"+15005550006","to":"+4915112345678","status":"queued","call_sid":"v3:9X"}"#.to_owned())
}

#[tokio::test]
async fn a_call_that_waits_for_a_key() {
    let (report, seen) = send(|_, _| {}, taken()).await;
    assert_eq!(report, Report::accepted("v3:9X".to_owned()));
    let seen = seen.unwrap();
    assert_eq!(seen.line, "POST /v2/texml/Accounts/acc-1/Calls HTTP/1.1");
    assert!(seen.headers.contains("authorization: Bearer s3cret"), "{}", seen.headers);
    let key_url = format!("https://bell.example.org/wb/callbacks/calls/key?delivery={DELIVERY}");
    let texml = format!(
        "<Response><Gather numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\" action=\"{key_url}\">\
         <Say language=\"en-US\" loop=\"2\">High priority alert. Disk full on &lt;db&gt; &amp; co. Press 1 to accept the alert.</Say></Gather>\
         <Redirect method=\"POST\">{key_url}</Redirect></Response>"
    );
    assert_eq!(
        seen.json(),
        json!({
            "ApplicationSid": "app-1", "To": TO, "From": "+15005550006", "Texml": texml, "Timeout": 30, "MachineDetection": "Enable",
            "StatusCallback": format!("https://bell.example.org/wb/callbacks/calls?delivery={DELIVERY}"),
            "StatusCallbackMethod": "POST", "StatusCallbackEvent": "completed",
        })
    );
    let changes: [fn(&mut Settings, &mut Outgoing); 2] =
        [|_, message| message.content.menu.clear(), |settings, _| settings.public_key = None];
    for change in changes {
        let texml = send(change, taken()).await.1.unwrap().json()["Texml"].as_str().unwrap().to_owned();
        assert!(!texml.contains("<Gather") && !texml.contains("Press"), "{texml}");
    }
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = |scope| Outcome::Retry { after: None, scope };
    let error = |code: &str| json!({"errors": [{"code": code, "title": "x", "detail": "+4915112345678"}]}).to_string();
    let table = [
        (200, r#"{"status":"queued","call_sid":"v3:9X"}"#.to_owned(), Outcome::Accepted { message_id: Some("v3:9X".to_owned()) }, None),
        // Older answers name no call.
        (200, r#"{"status":"queued","to":"+49"}"#.to_owned(), Outcome::Accepted { message_id: None }, None),
        (200, "{}".to_owned(), Outcome::Unknown, Some("broken_answer")),
        (200, "<html>".to_owned(), Outcome::Unknown, Some("broken_answer")),
        (401, error("10009"), Outcome::ProviderDown, Some("10009")),
        (403, error("10010"), Outcome::ProviderDown, Some("10010")),
        (404, error("10005"), Outcome::ProviderDown, Some("10005")),
        (404, "<html>".to_owned(), Outcome::ProviderDown, Some("http_404")),
        (422, error("10016"), Outcome::BadAddress, Some("10016")),
        (422, error("10002"), Outcome::BadAddress, Some("10002")),
        (422, error("10015"), Outcome::BadMessage, Some("10015")),
        (400, error("20100"), Outcome::ProviderDown, Some("20100")),
        (400, error("10011"), retry(LimitScope::Provider), Some("10011")),
        (429, error("10011"), retry(LimitScope::Provider), Some("10011")),
        (500, error("10016"), retry(LimitScope::Message), Some("10016")),
        (503, String::new(), retry(LimitScope::Message), Some("http_503")),
        (422, error("to +4915112345678"), Outcome::BadMessage, Some("http_422")),
    ];
    for (status, body, outcome, code) in table {
        let answer = Answer { status, body: body.clone().into_bytes(), ..Answer::default() };
        assert_eq!(by_answer(&answer, now), Report::new(outcome, code.map(str::to_owned)), "{status} {body}");
    }
}

async fn read(path: &str, query: &[(&str, &str)], form: &[(&str, &str)], signed_at: &str) -> Result<Heard, Refusal> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let tag = key_pair().sign(format!("{signed_at}|{body}").as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert("telnyx-signature-ed25519", HeaderValue::try_from(STANDARD.encode(tag)).unwrap());
    headers.insert("telnyx-timestamp", HeaderValue::try_from(signed_at).unwrap());
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let callbacks = settings("https://api.telnyx.com").inbound("calls", &CommonSettings::default()).unwrap().unwrap();
    assert_eq!(callbacks.proof(path), Ok(Some("telnyx-signature-ed25519")));
    let request = crate::inbound::Request {
        method: &Method::POST,
        path,
        query: &query,
        headers: &headers,
        body: body.as_bytes(),
        public_url: "https://bell.example.org",
        url: "https://bell.example.org/callbacks/calls",
        now: at("2026-11-20T08:00:00Z"),
    };
    callbacks.read(&request).await
}

const OF: (&str, &str) = ("delivery", "01K");
const NOW: &str = "1795161600";

fn of(id: &str) -> Subject {
    Subject { delivery: DeliveryId("01K".to_owned()), channels: &[Channel::Voice], message_id: Some(id.to_owned()) }
}

#[tokio::test]
async fn a_status_is_a_receipt() {
    use ReceiptOutcome::{Delivered, NotAnswered, Undelivered};
    let table = [
        ("initiated", "", None),
        ("ringing", "", None),
        ("in-progress", "", None),
        ("completed", "human", Some((Delivered, None))),
        ("completed", "", Some((Delivered, None))),
        ("completed", "machine_start", Some((NotAnswered, Some("completed")))),
        ("busy", "", Some((NotAnswered, Some("busy")))),
        ("no-answer", "", Some((NotAnswered, Some("no-answer")))),
        ("failed", "", Some((Undelivered, Some("failed")))),
        ("canceled", "", Some((Undelivered, Some("canceled")))),
    ];
    for (status, answered_by, expected) in table {
        let heard = read("", &[OF], &[("CallSid", "v3:9X"), ("CallStatus", status), ("AnsweredBy", answered_by)], NOW).await.unwrap();
        let expected = expected.map(|(outcome, code)| Notice::Receipt(Receipt { of: of("v3:9X"), outcome, code: code.map(str::to_owned) }));
        assert_eq!(heard.notices, expected.into_iter().collect::<Vec<_>>(), "{status} {answered_by}");
    }
    assert!(matches!(read("", &[OF], &[], "1795161299").await, Err(Refusal::Forbidden(_))), "stale");
    assert!(matches!(read("", &[], &[], NOW).await, Err(Refusal::Malformed(_))));
}

struct Names;

impl Words for Names {
    fn say(&self, phrase: Phrase, locale: &str, _: Option<&Since>) -> Wording {
        Wording { text: format!("{phrase:?}"), language: locale.to_owned() }
    }
}

#[tokio::test]
async fn a_key_is_an_answer_and_a_machine_s_is_none() {
    for (digits, answered_by, action) in [
        ("1", "", Some(Action::Accept)),
        ("2", "human", Some(Action::Resolve)),
        ("3", "", Some(Action::Decline)),
        ("1", "machine_start", None),
        ("", "", None),
    ] {
        let heard = read("key", &[OF], &[("CallSid", "v3:9X"), ("Digits", digits), ("AnsweredBy", answered_by)], NOW).await.unwrap();
        assert_eq!(heard.notices, [Notice::Answer(Answered { of: AnswerTo::Delivery(of("v3:9X")), action, by: None })]);
    }
    let heard = read("key", &[OF], &[("CallSid", "v3:9X"), ("Digits", "5")], NOW).await.unwrap();
    let reply = heard.reply.give(&[Effect { locale: "de".to_owned(), ..Effect::quiet(Change::Nothing) }], &Names);
    assert_eq!(reply.headers()["content-type"], "text/xml; charset=utf-8");
    let url = "https://bell.example.org/callbacks/calls/key?delivery=01K&amp;asked=2";
    assert_eq!(
        reply.body(),
        &format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Gather numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\" \
             action=\"{url}\"><Say language=\"de-DE\">CallWrongKey CallMenu</Say></Gather><Redirect method=\"POST\">{url}</Redirect></Response>"
        )
    );
}

#[test]
fn settings_are_checked() {
    let check = |change: fn(&mut Settings)| {
        let mut settings = settings("https://api.telnyx.com");
        change(&mut settings);
        settings.check(&CommonSettings::default()).map_err(|error| error.key)
    };
    assert_eq!(check(|_| {}), Ok(()));
    assert_eq!(check(|s| s.from = "15005550006".to_owned()), Err("from".to_owned()));
    assert_eq!(check(|s| s.public_key = Some(Secret::new("AAAA"))), Err("public_key".to_owned()));
    assert_eq!(check(|s| s.api_key = Secret::new("a\n")), Err("api_key".to_owned()));
}
