//! Whole callbacks: who is believed, what they say, and what is said back.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Response};
use ring::hmac;
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{Channel, DeliveryId};

use super::*;
use crate::inbound::{Action, Answer, AnswerTo, Change, Effect, Subject, Words};
use crate::kinds::stand_in::at;
use crate::phrase::{Phrase, Since, Wording};

const TOKENS: [&str; 2] = ["new", "previous"];
const PUBLIC_URL: &str = "https://bell.example.org";

fn callbacks() -> Callbacks {
    let settings = serde_json::json!({
        "account_sid": "AC1", "auth_token": TOKENS[0], "previous_auth_token": TOKENS[1], "webhook_key": "shared", "sms_from": "+15005550006",
    });
    Callbacks::new("sms eu", &serde_json::from_value(settings).unwrap(), &CommonSettings::default()).unwrap()
}

/// What is read of a form that is signed by a token.
async fn read(path: &str, query: &[(&str, &str)], form: &[(&str, &str)], token: &str) -> Result<Heard, Refusal> {
    let (query, mut form) = (owned(query), owned(form));
    let encode = |pairs: &[(String, String)]| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let url = format!("{PUBLIC_URL}/callbacks/sms%20eu/{path}?{}", encode(&query));
    let body = encode(&form);
    form.sort();
    let signed = form.iter().fold(url.clone(), |text, (name, value)| text + name + value);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes()), signed.as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert("x-twilio-signature", HeaderValue::try_from(STANDARD.encode(signature)).unwrap());
    let request = Request {
        method: &Method::POST,
        path,
        query: &query,
        headers: &headers,
        body: body.as_bytes(),
        public_url: PUBLIC_URL,
        url: &url,
        now: at("2026-11-20T08:00:00Z"),
    };
    callbacks().read(&request).await
}

fn owned(pairs: &[(&str, &str)]) -> Form {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const OF: (&str, &str) = ("delivery", "01K");

/// Says each phrase by its name, in the language that is asked for.
struct Names;

impl Words for Names {
    fn say(&self, phrase: Phrase, locale: &str, since: Option<&Since>) -> Wording {
        let since = since.map(|since| format!(" {}", since.state)).unwrap_or_default();
        Wording { text: format!("{phrase:?}{since}"), language: locale.to_owned() }
    }
}

fn reply(heard: Heard, change: Change) -> Response<String> {
    heard.reply.give(&[Effect { locale: "de".to_owned(), ..Effect::quiet(change) }], &Names)
}

#[tokio::test]
async fn both_tokens_sign_and_others_do_not() {
    for token in TOKENS {
        assert_eq!(read("", &[OF], &[("MessageStatus", "sent")], token).await.unwrap().notices, []);
    }
    for (path, token) in [("", "other"), ("gather", "other"), ("gather", "")] {
        let refused = read(path, &[OF], &[("MessageStatus", "sent")], token).await.unwrap_err();
        assert!(matches!(refused, Refusal::Forbidden(_)), "{path} {token}: {refused}");
    }
    for query in [&[][..], &[OF, OF], &[("delivery", "")], &[("delivery", &"x".repeat(65))]] {
        assert!(matches!(read("", query, &[], "new").await.unwrap_err(), Refusal::Malformed(_)), "{query:?}");
    }
}

#[test]
fn only_what_twilio_is_told_to_call_is_taken() {
    assert_eq!(callbacks().proof(""), Ok(Some("x-twilio-signature")));
    assert_eq!(callbacks().proof("gather"), Ok(Some("x-twilio-signature")));
    assert!(matches!(callbacks().proof("other"), Err(Refusal::NotFound(_))));
    assert!(!format!("{:?}", callbacks()).contains("previous"));
}

#[tokio::test]
async fn a_status_is_a_receipt_of_its_message() {
    let form = [("MessageSid", "SM1"), ("MessageStatus", "undelivered"), ("ErrorCode", "30005"), ("To", "+4915112345678")];
    let heard = read("", &[OF], &form, "new").await.unwrap();
    let of = Subject { delivery: DeliveryId("01K".to_owned()), channels: &[Channel::Sms], message_id: Some("SM1".to_owned()) };
    let receipt = Receipt { of, outcome: ReceiptOutcome::BadAddress, code: Some("30005".to_owned()) };
    assert_eq!(heard.notices, [Notice::Receipt(receipt)]);
    assert_eq!(reply(heard, Change::Done).status(), 204);
}

#[tokio::test]
async fn a_key_is_an_answer_of_its_call() {
    let of = |id: Option<&str>| Subject { delivery: DeliveryId("01K".to_owned()), channels: &[Channel::Voice], message_id: id.map(str::to_owned) };
    for (digits, action) in [("1", Some(Action::Accept)), ("5", None), ("", None)] {
        let heard = read("gather", &[OF], &[("Digits", digits), ("CallSid", "CA1")], "new").await.unwrap();
        assert_eq!(heard.notices, [Notice::Answer(Answer { of: AnswerTo::Delivery(of(Some("CA1"))), action, by: None })]);
    }
    let heard = read("gather", &[OF], &[("Digits", "1")], "new").await.unwrap();
    assert_eq!(heard.notices, [Notice::Answer(Answer { of: AnswerTo::Delivery(of(None)), action: Some(Action::Accept), by: None })]);
}

#[tokio::test]
async fn what_is_said_back_is_what_came_of_it() {
    let since = Since { state: "resolved", at: at("2026-11-20T07:57:00Z"), by: String::new() };
    let table = [
        ("1", None, Change::Done, "CallAccepted", false),
        ("1", None, Change::Over(Some(since)), "CallOver resolved", false),
        ("1", None, Change::Over(None), "CallOver", false),
        ("1", None, Change::Unknown, "CallUnknown", false),
        ("5", None, Change::Nothing, "CallWrongKey CallMenu", true),
        ("", Some("2"), Change::Nothing, "CallNoKey CallMenu", true),
        ("5", Some("3"), Change::Nothing, "CallEnded", false),
    ];
    for (digits, asked, change, said, asks_again) in table {
        let query: Vec<_> = std::iter::once(OF).chain(asked.map(|asked| ("asked", asked))).collect();
        let heard = read("gather", &query, &[("Digits", digits), ("CallSid", "CA1")], "new").await.unwrap();
        let response = reply(heard, change.clone());
        let body = response.body();
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
        assert!(body.contains(&format!("<Say language=\"de-DE\">{said}</Say>")), "{digits} {change:?}: {body}");
        assert_eq!(body.contains("<Gather"), asks_again, "{body}");
        if asks_again {
            let next = asked.map_or(2, |asked| asked.parse::<u8>().unwrap() + 1);
            let action = format!("action=\"{PUBLIC_URL}/callbacks/sms%20eu/gather?delivery=01K&amp;asked={next}\"");
            assert!(body.contains(&action), "{body}");
        }
    }
}
