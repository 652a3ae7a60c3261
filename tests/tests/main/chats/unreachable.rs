//! Where nobody can call this server, it asks or listens, and people are heard all the same.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_core::contact::ContactKind;
use watchbell_tests::bed::Bed;
use watchbell_tests::stand_ins::chats::{PUSHOVER_RECEIPT, PUSHOVER_USER, SLACK_CHANNEL};
use watchbell_tests::stand_ins::{Act, ServiceStandIn};
use watchbell_tests::{on_both, wait};

use super::{begin, link, on_device, raise, reached_by, reached_on, said_in_slack, state, told};

on_both!(pushover_is_asked, slack_hands_over_a_socket, ntfy_publishes_answers);

async fn pushover_is_asked(bed: &mut Bed) {
    bed.settings.remove("HTTP__PUBLIC_URL");
    let receipt = |acknowledged: u8, by: &str| {
        let receipt = json!({ "status": 1, "acknowledged": acknowledged, "acknowledged_by": by });
        Act::answer(200, "", receipt.to_string())
    };
    // Nobody yet; then another member of the group that she is in.
    bed.stand_ins.http.program("/receipts/", receipt(0, ""), 1);
    bed.stand_ins.http.program("/receipts/", receipt(1, "uAnotherOfTheGroup000000000000"), 1);
    bed.stand_ins.http.program("/receipts/", Act::answer(500, "", ""), 1);
    let anna = reached_on(bed, "pushover", PUSHOVER_USER).await;
    let sent = told(bed, &anna, "A-1", Channel::Push, PUSHOVER_USER).await;
    let form: Value = serde_json::from_str(&sent.text).unwrap();
    assert_eq!((&form["priority"], form.get("callback")), (&json!("2"), None));
    let asked = || bed.stand_ins.http.chats("GET", &format!("/receipts/{PUSHOVER_RECEIPT}.json"));
    wait::until("three questions", async || {
        bed.clock.advance(Duration::from_secs(1));
        asked().len() >= 3
    })
    .await;
    assert_eq!(state(bed, "A-1").await, "open");
    wait::until("the acknowledgement to be heard", async || {
        bed.clock.advance(Duration::from_secs(1));
        state(bed, "A-1").await == "accepted"
    })
    .await;
    // Nothing is asked about what nobody waits for.
    let count = asked().len();
    bed.advance(Duration::from_mins(1)).await;
    assert_eq!(asked().len(), count);
}

async fn slack_hands_over_a_socket(bed: &mut Bed) {
    let slack = ServiceStandIn::start(|_| (404, String::new(), String::new())).await;
    let opened = json!({ "ok": true, "url": format!("{}/?ticket=e2e", slack.url().replace("http://", "ws://")) });
    bed.stand_ins.http.program_always("/apps.connections.open", Act::answer(200, "", opened.to_string()));
    bed.settings.remove("HTTP__PUBLIC_URL").set("PROVIDERS__SLACK__APP_TOKEN", "xapp-e2e");
    slack.sockets().say(json!({ "type": "hello", "num_connections": 1 }).to_string());
    let anna = reached_by(bed, "slack", SLACK_CHANNEL).await;
    link(bed, &anna, ContactKind::Slack, "U0ANNA").await;
    let sent = told(bed, &anna, "A-1", Channel::Slack, SLACK_CHANNEL).await;
    let body: Value = serde_json::from_str(&sent.text).unwrap();
    let button = &body["blocks"].as_array().unwrap().last().unwrap()["elements"][0];
    let press = |id: &str, user: &str| {
        let payload = json!({
            "type": "block_actions", "user": { "id": user }, "container": { "channel_id": SLACK_CHANNEL },
            "response_url": "https://hooks.slack.com/actions/T1/2/x",
            "actions": [{ "action_id": button["action_id"], "value": button["value"] }],
        });
        json!({ "envelope_id": id, "type": "interactive", "payload": payload, "accepts_response_payload": false }).to_string()
    };
    // Somebody whom nobody here knows presses; then she does.
    slack.sockets().say(press("e-1", "U0NOBODY"));
    slack.sockets().hear(r#"{"envelope_id":"e-1"}"#).await;
    assert!(!said_in_slack(bed, 1).await.is_empty());
    assert_eq!(state(bed, "A-1").await, "open");
    slack.sockets().say(press("e-2", "U0ANNA"));
    slack.sockets().hear(r#"{"envelope_id":"e-2"}"#).await;
    assert_eq!(state(bed, "A-1").await, "accepted", "it is acknowledged once it counts");
    assert!(said_in_slack(bed, 2).await.contains("You have it"));
}

async fn ntfy_publishes_answers(bed: &mut Bed) {
    let ntfy = ServiceStandIn::start(|_| (200, String::new(), json!({ "id": "ntfy-1" }).to_string())).await;
    bed.settings.remove("HTTP__PUBLIC_URL").set("PROVIDERS__NTFY__ANSWER_TOPIC", "bell-answers");
    begin(bed, &[("PROVIDERS__NTFY__BASE_URL", &ntfy.url())]).await;
    let anna = on_device(bed, "ntfy", "anna-7f3b").await;
    raise(bed, "A-1", &[&anna]).await;
    let sent = ntfy.expect(1, "POST", "/").await.remove(0).json();
    let action = &sent["actions"][0];
    assert_eq!(action["url"], format!("{}/bell-answers", ntfy.url()));
    let publish = |id: &str, body: &str| json!({ "id": id, "event": "message", "topic": "bell-answers", "message": body }).to_string();
    ntfy.sockets().say(json!({ "id": "o", "event": "open", "topic": "bell-answers" }).to_string());
    ntfy.sockets().say(publish("m-1", "accept:of-nobody"));
    ntfy.sockets().say(publish("m-2", action["body"].as_str().unwrap()));
    wait::until("the answer to be heard", async || state(bed, "A-1").await == "accepted").await;
}
