//! Whole callbacks: who is believed, what they say, and what is said back.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Response};
use ring::hmac;
use serde_json::json;
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::{Channel, DeliveryId};

use super::*;
use crate::inbound::{Action, Answer, AnswerTo, Change, Effect, Subject, Words};
use crate::kinds::stand_in::{Act, StandIn, at, common, offer};
use crate::phrase::{Phrase, Since, Wording};

const TOKENS: [&str; 2] = ["new", "before"];
/// One of our numbers.
const OWN: &str = "+15005550006";
const PUBLIC_URL: &str = "https://bell.example.org";

fn callbacks() -> Callbacks {
    let settings = json!({
        "account_sid": "AC1", "auth_token": TOKENS[0], "previous_auth_token": TOKENS[1], "webhook_key": "shared", "sms_from": OWN, "whatsapp_from": OWN,
    });
    Callbacks::new("sms eu", &serde_json::from_value(settings).unwrap(), &common(false)).unwrap()
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
    heard.reply.give(&[Effect { change, locale: "de".to_owned(), said: "Again".to_owned() }], &Names)
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
    assert!(!format!("{:?}", callbacks()).contains("before"));
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
    let of = |id: Option<&str>| Subject {
        delivery: DeliveryId("01K".to_owned()),
        channels: &[Channel::Voice],
        message_id: id.map(str::to_owned),
    };
    let actions =
        [("1", Some(Action::Accept)), ("2", Some(Action::Resolve)), ("3", Some(Action::Decline)), ("9", None), ("5", None), ("", None)];
    for (digits, action) in actions {
        let heard = read("gather", &[OF], &[("Digits", digits), ("CallSid", "CA1")], "new").await.unwrap();
        assert_eq!(heard.notices, [Notice::Answer(Answer { of: AnswerTo::Delivery(of(Some("CA1"))), action, by: None })]);
    }
    let heard = read("gather", &[OF], &[("Digits", "1")], "new").await.unwrap();
    assert_eq!(heard.notices, [Notice::Answer(Answer { of: AnswerTo::Delivery(of(None)), action: Some(Action::Accept), by: None })]);
}

#[tokio::test]
async fn a_machine_that_plays_tones_has_not_answered() {
    let heard = read("gather", &[OF], &[("Digits", "1"), ("CallSid", "CA1"), ("AnsweredBy", "machine_start")], "new").await.unwrap();
    assert!(matches!(&heard.notices[..], [Notice::Answer(Answer { action: None, .. })]));
}

/// What a message says: `?` is a text, `+` and `-` are consent, and an action is a button's.
fn said(heard: &Heard) -> String {
    let said = heard.notices.iter().map(|notice| match notice {
        Notice::Text(text) => format!("{}:{}? {}", text.channels[0], text.from.expose(), text.text.expose()),
        Notice::Consent(consent) => format!("{}{}", if consent.is_in { "+" } else { "-" }, consent.address.expose()),
        Notice::Answer(Answer { of: AnswerTo::Token(token), action: Some(action), by: None }) => format!("{action} {}", token.expose()),
        other => format!("{other:?}"),
    });
    said.collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn what_people_write_is_a_text_a_button_or_consent() {
    let button = offer().button(Action::Resolve);
    let pressed = format!("resolve {}", offer().token.expose());
    let from = ("From", "+4915112345678");
    let whatsapp = ("From", "whatsapp:+4915112345678");
    let table: [(&[(&str, &str)], &str); 10] = [
        (&[from, ("Body", "ack A7")], "sms:+4915112345678? ack A7"),
        (&[whatsapp, ("Body", "1")], "whatsapp:+4915112345678? 1"),
        (&[whatsapp, ("Body", "Resolved"), ("ButtonPayload", &button)], &pressed),
        // A button of another template.
        (&[whatsapp, ("Body", "Ja"), ("ButtonPayload", "survey")], "whatsapp:+4915112345678? Ja"),
        (&[from, ("Body", "Stop.")], "-+4915112345678"),
        (&[from, ("Body", "arrêt"), ("OptOutType", "STOP")], "-+4915112345678"),
        (&[from, ("Body", "START")], "++4915112345678 | sms:+4915112345678? START"),
        (&[from, ("Body", "yes")], "++4915112345678 | sms:+4915112345678? yes"),
        (&[from, ("Body", "HELP")], ""),
        (&[whatsapp, ("Body", "STOP")], "-+4915112345678"),
    ];
    for (form, expected) in table {
        assert_eq!(said(&read("message", &[], form, "new").await.unwrap()), expected, "{form:?}");
    }
    assert!(matches!(read("message", &[], &[from, ("Body", "1")], "other").await.unwrap_err(), Refusal::Forbidden(_)));
    let form = [from, ("Body", "1"), ("MessageSid", "SM9"), ("OriginalRepliedMessageSid", "SM1")];
    let heard = read("message", &[], &form, "new").await.unwrap();
    let Notice::Text(text) = &heard.notices[0] else { panic!("a text") };
    assert_eq!((text.message_id.as_deref(), text.replies_to.as_deref()), (Some("SM9"), Some("SM1")));
}

#[tokio::test]
async fn a_text_is_replied_to_in_the_answer_and_silence_is_empty() {
    for (said, body) in
        [("You have it & more", "<Response><Message>You have it &amp; more</Message></Response>"), ("", "<Response></Response>")]
    {
        let heard = read("message", &[], &[("From", "+4915112345678"), ("Body", "1")], "new").await.unwrap();
        let effect = Effect { said: said.to_owned(), ..Effect::quiet(Change::Done) };
        let response = heard.reply.give(&[effect], &Names);
        assert_eq!(response.body(), &format!(r#"<?xml version="1.0" encoding="UTF-8"?>{body}"#));
        assert_eq!(response.headers()["content-type"], "text/xml; charset=utf-8");
    }
}

#[tokio::test]
async fn what_is_said_back_is_what_came_of_it() {
    let since = Since { state: "resolved", at: at("2026-11-20T07:57:00Z"), by: String::new() };
    let table = [
        ("1", None, Change::Done, "CallAccepted", false),
        ("2", None, Change::Done, "CallResolved", false),
        ("3", None, Change::Done, "CallDeclined", false),
        ("9", None, Change::Nothing, "Again CallMenu", true),
        ("1", None, Change::Over(Some(since)), "CallOver resolved", false),
        ("1", None, Change::Over(None), "CallOver", false),
        ("1", None, Change::Unknown, "CallUnknown", false),
        ("5", None, Change::Nothing, "CallWrongKey CallMenu", true),
        ("", Some("2"), Change::Nothing, "CallNoKey CallMenu", true),
        ("5", Some("4"), Change::Nothing, "CallEnded", false),
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

/// A list of messages as Twilio answers it.
fn list(items: &[(&str, &str, &str, &str)]) -> Act {
    let items: Vec<_> = items
        .iter()
        .map(|(sid, from, body, created)| {
            json!({"sid": sid, "from": from, "to": OWN, "body": body, "direction": "inbound", "date_created": created})
        })
        .collect();
    Act::Answer(200, "", json!({"messages": items, "next_page_uri": null}).to_string())
}

#[tokio::test]
async fn where_twilio_cannot_call_messages_are_fetched_and_replied_to_once() {
    let early = ("SM1", "+4915112345678", "before us", "Fri, 20 Nov 2026 08:00:00 +0000");
    let new = ("SM2", "+4915112345678", "1 A7", "Fri, 20 Nov 2026 08:00:05 +0000");
    let stop = ("SM3", "+4915187654321", "STOP", "Fri, 20 Nov 2026 08:00:05 +0000");
    let service =
        StandIn::start([list(&[early]), list(&[stop, new, early]), list(&[stop, new, early]), Act::Answer(201, "", "{}".to_owned())]).await;
    let settings = json!({"base_url": service.url, "account_sid": "AC1", "auth_token": "t", "sms_from": OWN});
    let callbacks = Callbacks::new("sms", &serde_json::from_value(settings).unwrap(), &common(false)).unwrap();
    assert!(callbacks.source(true).is_none(), "Twilio calls where it can");
    let source = callbacks.source(false).unwrap();
    let first = source.next(None).await.unwrap();
    assert!(first.heard.is_empty(), "what came before us answers nothing");
    let mut second = source.next(first.position.as_deref()).await.unwrap();
    let said: Vec<String> = second.heard.iter().map(self::said).collect();
    assert_eq!(said, ["sms:+4915112345678? 1 A7", "-+4915187654321"]);
    let third = source.next(second.position.as_deref()).await.unwrap();
    assert!(third.heard.is_empty() && third.position.is_none(), "each is heard once");
    let effect = Effect { said: "You have it".to_owned(), ..Effect::quiet(Change::Done) };
    source.reply(second.heard.remove(0).reply.give(&[effect], &Names)).await.unwrap();
    // Nothing is sent where nothing is to be said.
    source.reply(second.heard.remove(0).reply.give(&[Effect::quiet(Change::Done)], &Names)).await.unwrap();
    let seen = service.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen[0].line.contains("To=%2B15005550006") && !seen[0].line.contains("DateSent"), "{}", seen[0].line);
    assert!(seen[1].line.contains("DateSent%3E=2026-11-20"), "{}", seen[1].line);
    assert_eq!(seen[3].form(), owned(&[("From", OWN), ("To", "+4915112345678"), ("Body", "You have it")]));
    assert!(!format!("{callbacks:?}").contains("\"t\""));
}
