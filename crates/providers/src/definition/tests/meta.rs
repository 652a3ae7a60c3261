//! WhatsApp by Meta's Cloud API: answers and webhooks as its reference has them.

use ring::hmac;

use super::*;
use crate::inbound::{Action, Answer as Pressed, AnswerTo};
use crate::kinds::stand_in::offer;

const TOML: &str = include_str!("../../../definitions/meta.toml");

fn table() -> Value {
    json!({
        "kind": "meta", "phone_number_id": "1055", "access_token": "s3cret", "template": "alert_1", "template_language": "en_US",
        "template_buttons": 3, "app_secret": "s3cret-2", "verify_token": "s3cret-3",
    })
}

fn message() -> Outgoing {
    Outgoing { answer: Some(offer()), ..outgoing(Channel::Whatsapp, Address::Phone(PHONE.to_owned())) }
}

fn signed(value: &Value) -> Call {
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]})
        .to_string();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s3cret-2"), body.as_bytes());
    Call::json(&body).header("x-hub-signature-256", &format!("sha256={}", hex::encode(tag)))
}

async fn sent(table: &Value, message: &Outgoing) -> Value {
    let (report, seen) = send(table, message, Act::Answer(200, "", r#"{"messages":[{"id":"wamid.1"}]}"#.to_owned())).await;
    assert_eq!(report, accepted("wamid.1"));
    seen.unwrap().json()
}

#[tokio::test]
async fn a_template_with_its_buttons() {
    let mut message = message();
    message.content.short = "HIGH:\n*Disk*    full".into();
    let button = |index: &str, action| {
        let payload = offer().button(action);
        json!({"type": "button", "sub_type": "quick_reply", "index": index, "parameters": [{"type": "payload", "payload": payload}]})
    };
    let expected = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "4915112345678", "type": "template",
        "biz_opaque_callback_data": DELIVERY,
        "template": {
            "name": "alert_1", "language": {"code": "en_US"},
            "components": [
                {"type": "body", "parameters": [
                    {"type": "text", "text": "[HIGH] Disk full on db-1"}, {"type": "text", "text": "HIGH: *\u{200b}Disk*\u{200b} full"},
                ]},
                button("0", Action::Accept), button("1", Action::Resolve), button("2", Action::Decline),
            ],
        },
    });
    assert_eq!(sent(&table(), &message).await, expected);
    message.answer = None;
    assert_eq!(
        sent(&table(), &message).await["template"]["components"].as_array().unwrap().len(),
        1,
        "what cannot be answered has no buttons"
    );
}

#[tokio::test]
async fn a_free_text_with_buttons_only_where_a_setting_says_so() {
    let mut table = table();
    table["interactive"] = json!(true);
    let body = sent(&table, &message()).await;
    assert_eq!((&body["type"], body.get("template"), body.get("text")), (&json!("interactive"), None, None));
    let first = json!({"type": "reply", "reply": {"id": offer().button(Action::Accept), "title": "I have it"}});
    assert_eq!(body["interactive"]["action"]["buttons"][0], first);
    let plain = sent(&table, &Outgoing { answer: None, ..message() }).await;
    assert_eq!((&plain["type"], &plain["text"]), (&json!("text"), &json!({"body": "HIGH: Disk full on db-1"})));
}

#[test]
fn answers_mean_what_the_reference_says() {
    let error = |code: u32| json!({"error": {"message": "x", "type": "OAuthException", "code": code, "fbtrace_id": "A"}}).to_string();
    let passing = |scope| retry(None, scope);
    let table = [
        (400, error(131_026), refused(Outcome::BadAddress, "131026")),
        (400, error(131_047), refused(Outcome::BadMessage, "131047")),
        (400, error(132_001), refused(Outcome::BadMessage, "132001")),
        (400, error(130_497), refused(Outcome::BadRoute, "130497")),
        (401, error(190), refused(Outcome::ProviderDown, "190")),
        (400, error(131_042), refused(Outcome::ProviderDown, "131042")),
        (403, error(10), refused(Outcome::ProviderDown, "10")),
        (400, error(250), refused(Outcome::ProviderDown, "250")),
        (400, error(131_056), refused(retry(Some("2026-11-20T08:00:06Z"), LimitScope::Recipient), "131056")),
        (400, error(130_429), refused(passing(LimitScope::Provider), "130429")),
        (400, error(131_016), refused(passing(LimitScope::Message), "131016")),
        (400, error(132_069), refused(passing(LimitScope::Message), "132069")),
        (400, error(77), refused(Outcome::BadMessage, "77")),
        (400, r#"{"error":{"code":2,"is_transient":true}}"#.to_owned(), refused(passing(LimitScope::Message), "2")),
        (500, String::new(), refused(passing(LimitScope::Message), "http_500")),
        (404, String::new(), refused(Outcome::ProviderDown, "http_404")),
        (200, "{}".to_owned(), refused(Outcome::Unknown, "no_message_id")),
    ];
    for (status, body, expected) in table {
        assert_eq!(classify(TOML, status, &[], &body), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn statuses_say_what_became_of_it() {
    use ReceiptOutcome::{BadAddress, Delivered, Read, Undelivered};
    let status = |status: &str, code: Option<u32>| {
        let errors = code.map(|code| json!([{ "code": code }]));
        json!({"statuses": [{"id": "wamid.1", "status": status, "recipient_id": "4915112345678", "biz_opaque_callback_data": DELIVERY, "errors": errors}]})
    };
    let table = [
        (status("sent", None), None),
        (status("delivered", None), Some(said("wamid.1", Delivered, None))),
        (status("read", None), Some(said("wamid.1", Read, None))),
        (status("failed", Some(131_026)), Some(said("wamid.1", BadAddress, Some("131026")))),
        (status("failed", Some(131_049)), Some(said("wamid.1", Undelivered, Some("131049")))),
        (status("failed", None), Some(said("wamid.1", Undelivered, None))),
    ];
    for (value, expected) in table {
        assert_eq!(signed(&value).receipt(&self::table()).await, expected, "{value}");
    }
}

#[tokio::test]
async fn people_write_and_press() {
    let text = json!({"messages": [{"id": "wamid.2", "from": "4915112345678", "type": "text", "text": {"body": "1"}, "context": {"id": "wamid.1"}}]});
    let notices = signed(&text).notices(&table()).await;
    let [Notice::Text(text)] = notices.as_slice() else { panic!("{notices:?}") };
    assert_eq!((text.from.expose(), text.replies_to.as_deref(), text.message_id.as_deref()), (PHONE, Some("wamid.1"), Some("wamid.2")));
    let payload = offer().button(Action::Decline);
    let pressed = |message: Value| json!({"messages": [message]});
    let buttons = [
        json!({"id": "wamid.3", "from": "4915112345678", "type": "button", "button": {"payload": payload, "text": "Not me"}}),
        json!({"id": "wamid.3", "from": "4915112345678", "type": "interactive", "interactive": {"button_reply": {"id": payload, "title": "Not me"}}}),
    ];
    for button in buttons {
        let expected = Pressed { of: AnswerTo::Token(offer().token), action: Some(Action::Decline), by: None };
        assert_eq!(signed(&pressed(button)).notices(&table()).await, [Notice::Answer(expected)]);
    }
    let other = json!({"id": "wamid.3", "from": "4915112345678", "type": "button", "button": {"payload": "somebody else's", "text": "?"}});
    assert_eq!(signed(&pressed(other)).notices(&table()).await, []);
}

/// Nobody hears what came of an answer unless it is said by a message of its own, which needs no template: they wrote just now.
#[tokio::test]
async fn who_answered_is_told_what_came_of_it() {
    let service = StandIn::start([Act::Answer(200, "", r#"{"messages":[{"id":"wamid.9"}]}"#.to_owned())]).await;
    let mut table = table();
    table["base_url"] = json!(service.url);
    let text = json!({"messages": [{"id": "wamid.2", "from": "4915112345678", "type": "text", "text": {"body": "1"}}]});
    let heard = signed(&text).read(&table).await.unwrap();
    let crate::inbound::Reply::Messages { to, .. } = heard.reply else { panic!("it is not said") };
    let inbound = settings(&table).inbound("sms-a").unwrap().unwrap();
    inbound.say(to[0].as_ref().unwrap(), "You have it.").await.unwrap();
    let body = service.only().json();
    assert_eq!((&body["to"], &body["type"], &body["text"]["body"]), (&json!("4915112345678"), &json!("text"), &json!("You have it.")));
    let refused = inbound.say(to[0].as_ref().unwrap(), "You have it.").await.unwrap_err();
    assert!(!refused.to_string().contains("4915"), "{refused}");
}

#[tokio::test]
async fn the_url_is_ours_for_who_knows_the_token_alone() {
    let call = Call::get("hub.mode=subscribe&hub.verify_token=s3cret-3&hub.challenge=1158201444");
    let heard = call.read(&table()).await.unwrap();
    let crate::inbound::Reply::Plain(response) = heard.reply else { panic!("it is the same whatever came of it") };
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, "1158201444"));
    for query in ["hub.verify_token=s3cret-4&hub.challenge=1", "hub.challenge=1", "hub.verify_token=&hub.challenge=1"] {
        assert!(matches!(Call::get(query).read(&table()).await, Err(Refusal::Forbidden(_))), "{query}");
    }
    let script = Call::get("hub.verify_token=s3cret-3&hub.challenge=%3Cscript%3E%20x");
    assert!(matches!(script.read(&table()).await, Err(Refusal::Malformed(_))));
    let mut none = table();
    none.as_object_mut().unwrap().remove("verify_token");
    assert!(matches!(Call::get("hub.verify_token=&hub.challenge=1").read(&none).await, Err(Refusal::Forbidden(_))));
    let forged = Call { body: b"{}".to_vec(), ..signed(&json!({})) };
    assert!(matches!(forged.read(&table()).await, Err(Refusal::Forbidden(_))));
    assert!(matches!(Call::json("{}").read(&table()).await, Err(Refusal::Forbidden(_))));
}
