//! Once somebody has answered, messages elsewhere say who has it, and lose their buttons.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::stand_ins::chats::{MATTERMOST_CHANNEL, SLACK_CHANNEL};
use watchbell_tests::team::Person;
use watchbell_tests::twilio_calls::text;
use watchbell_tests::{on_both, wait};

use super::{raise, reached_by};

on_both!(messages_in_slack_say_who_has_it, messages_in_mattermost_say_who_has_it);

/// Ben answers by SMS what Anna was told in a chat; the message there is changed by such a request.
async fn edited(bed: &Bed, anna: &Person, channel: Channel, to: &str, method: &str, path: &str) -> Value {
    let ben = Person::without_telegram(bed.api(), 2).await;
    ben.high(bed.api(), "SMS", 0).await;
    raise(bed, "A-1", &[anna, &ben]).await;
    bed.outbox().expect(1, "chat message", |sent| sent.is(channel, to)).await;
    text(bed, &ben.phone, "1", "SM-1").await;
    wait::until("the message to be edited", async || {
        bed.clock.advance(Duration::from_secs(2));
        !bed.stand_ins.http.chats(method, path).is_empty()
    })
    .await;
    let edit = bed.stand_ins.http.chats(method, path).remove(0).json();
    let says = edit.to_string();
    assert!(says.contains("A-1 is on fire") && says.contains("User002 Test has accepted this"), "{says}");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "sent"], "an edit is nothing that was sent");
    edit
}

async fn messages_in_slack_say_who_has_it(bed: &mut Bed) {
    let anna = reached_by(bed, "slack", SLACK_CHANNEL).await;
    // An edit that fails is tried again.
    bed.stand_ins.http.program("/chat.update", Act::answer(200, "", json!({ "ok": false, "error": "fatal_error" }).to_string()), 1);
    let edit = edited(bed, &anna, Channel::Slack, SLACK_CHANNEL, "POST", "/chat.update").await;
    assert_eq!(edit["channel"], SLACK_CHANNEL);
    assert!(edit["ts"].as_str().is_some_and(|ts| ts.ends_with(".000247")), "{edit}");
    assert!(!edit["blocks"].to_string().contains("\"actions\""), "the buttons are gone: {edit}");
    wait::until("the edit to be tried again", async || {
        bed.clock.advance(Duration::from_secs(20));
        bed.stand_ins.http.chats("POST", "/chat.update").len() == 2
    })
    .await;
}

async fn messages_in_mattermost_say_who_has_it(bed: &mut Bed) {
    let anna = reached_by(bed, "mattermost", MATTERMOST_CHANNEL).await;
    let edit = edited(bed, &anna, Channel::Mattermost, MATTERMOST_CHANNEL, "PUT", "/patch").await;
    assert!(!edit.to_string().contains("integration"), "the buttons are gone: {edit}");
    let path = &bed.stand_ins.http.chats("PUT", "/patch")[0].path;
    assert!(path.starts_with("/mattermost/api/v4/posts/post-"), "{path}");
}
