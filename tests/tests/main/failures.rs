//! What providers answer when they do not take a message, and what follows.

use std::time::Duration;

use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::{on_both, wait};

on_both!(a_500_is_tried_again_after_a_while, retry_after_is_obeyed, an_accept_ends_the_retries);
on_both!(
    a_bad_number_locks_the_contact_and_the_next_step_is_pulled_forward,
    a_bad_mail_address_is_locked,
    a_device_that_is_gone_is_deleted
);
on_both!(a_call_without_an_answer_is_unknown_and_sent_once_more, a_message_that_is_refused_is_not_sent_again);

async fn a_500_is_tried_again_after_a_while(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "EMAIL", 60).await;
    bed.stand_ins.http.program("Messages.json", Act::answer(500, "", "{}"), 2);
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    // 5 s, shorter or longer by a tenth; then, as nothing else has got through meanwhile, 4 s: the provider is taken for down.
    for (early, late) in [(4_400, 1_200), (3_500, 600)] {
        let before = bed.outbox().len();
        bed.advance(Duration::from_millis(early)).await;
        assert_eq!(bed.outbox().len(), before);
        bed.advance(Duration::from_millis(late)).await;
        assert_eq!(bed.outbox().len(), before + 1);
    }
    let deliveries = bed.api().deliveries("alert=A-1&channel=sms").await;
    let delivery = bed.api().delivery(deliveries[0]["id"].as_str().unwrap()).await;
    let classes: Vec<&str> = delivery["attemptLog"].as_array().unwrap().iter().map(|attempt| attempt["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["Retry", "Retry", "Accepted"], "{delivery}");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "scheduled"]);
}

async fn retry_after_is_obeyed(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (Person::without_telegram(bed.api(), 1).await, Person::without_telegram(bed.api(), 2).await);
    anna.high(bed.api(), "SMS", 0).await;
    ben.high(bed.api(), "EMAIL", 0).await;
    let busy = json!({ "code": 20429, "message": "Too Many Requests", "status": 429 });
    bed.stand_ins.http.program("Messages.json", Act::answer(429, "retry-after: 40\r\n", busy.to_string()), 1);
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    assert_eq!(bed.outbox().len(), 1);
    // Another channel is not held up by it.
    bed.publish("alert", "2", &alert("A-2", &[&ben])).await;
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &ben.email)).await;
    bed.advance(Duration::from_millis(39_999)).await;
    assert_eq!(bed.outbox().len(), 2);
    bed.advance(Duration::from_secs(1)).await;
    bed.outbox().expect(1, "SMS that is taken", |sent| sent.is(Channel::Sms, &anna.phone) && sent.accepted).await;
    assert_eq!(bed.outbox().len(), 3);
}

async fn an_accept_ends_the_retries(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    bed.stand_ins.http.program_always("Messages.json", Act::answer(503, "", ""));
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.advance(Duration::from_secs(6)).await;
    assert_eq!(bed.outbox().len(), 2);
    bed.publish("update", "2", &update("A-1", "ACCEPTED", None)).await;
    bed.stand_ins.http.behave();
    bed.advance(Duration::from_secs(3_600)).await;
    assert_eq!(bed.outbox().len(), 2);
    assert_eq!(bed.api().states("alert=A-1").await, ["cancelled"]);
}

async fn a_bad_number_locks_the_contact_and_the_next_step_is_pulled_forward(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "EMAIL", 10).await;
    anna.high(bed.api(), "PUSH", 20).await;
    let refusal = json!({ "code": 21211, "message": "invalid 'To'", "status": 400 });
    bed.stand_ins.http.program_always("Messages.json", Act::answer(400, "", refusal.to_string()));
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    // The others keep their times.
    bed.advance(Duration::from_secs(19 * 60)).await;
    assert_eq!(bed.outbox().len(), 2, "{:?}", bed.outbox().all());
    bed.advance(Duration::from_secs(60)).await;
    bed.outbox().expect(1, "push message", |sent| sent.is(Channel::Push, &anna.device)).await;
    let contact = bed.api().get(&format!("/api/users/{}/contacts/phone-numbers/{}", anna.id, anna.phone_id)).await.expect(200);
    assert_eq!(contact["status"], "LOCKED", "{contact}");
    // What is locked is not written to again.
    bed.publish("alert", "2", &alert("A-2", &[&anna])).await;
    bed.outbox().expect(2, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    assert_eq!(bed.outbox().len(), 4, "{:?}", bed.outbox().all());
}

async fn a_bad_mail_address_is_locked(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "EMAIL", 0).await;
    anna.high(bed.api(), "SMS", 30).await;
    bed.stand_ins.smtp.program_always("RCPT TO:<user001@", Act::answer(550, "", "5.1.1 no such user"));
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    assert_eq!(bed.outbox().len(), 1, "a mail that is refused before its text never was");
    let contact = bed.api().get(&format!("/api/users/{}/contacts/emails/{}", anna.id, anna.email_id)).await.expect(200);
    assert_eq!(contact["status"], "LOCKED", "{contact}");
}

async fn a_device_that_is_gone_is_deleted(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "PUSH", 0).await;
    anna.high(bed.api(), "SMS", 30).await;
    let gone = json!({ "error": { "code": 404, "status": "NOT_FOUND", "details": [{ "errorCode": "UNREGISTERED" }] } });
    bed.stand_ins.http.program_always("messages:send", Act::answer(404, "", gone.to_string()));
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    let devices = bed.api().get(&format!("/watchbell/v1/users/{}/devices", anna.id)).await.expect(200);
    assert_eq!(devices["items"], json!([]));
}

async fn a_call_without_an_answer_is_unknown_and_sent_once_more(bed: &mut Bed) {
    bed.settings.set("PROVIDERS__TWILIO__TIMEOUT_S", "1");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    bed.stand_ins.http.program("Messages.json", Act::silence(), 1);
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    assert_eq!(bed.outbox().len(), 1);
    bed.advance(Duration::from_secs(6)).await;
    assert_eq!(bed.outbox().len(), 2);
    let deliveries = bed.api().deliveries("alert=A-1").await;
    let delivery = bed.api().delivery(deliveries[0]["id"].as_str().unwrap()).await;
    let classes: Vec<&str> = delivery["attemptLog"].as_array().unwrap().iter().map(|attempt| attempt["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["Unknown", "Accepted"], "{delivery}");
    // Twice without an answer is enough.
    bed.stand_ins.http.program_always("Messages.json", Act::close());
    bed.publish("alert", "2", &alert("A-2", &[&anna])).await;
    wait::within("the end of the retries", bed.advance(Duration::from_secs(3_600))).await;
    assert_eq!(bed.outbox().matching(|sent| sent.text.contains("A-2")).len(), 2);
    assert_eq!(bed.api().states("alert=A-2").await, ["failed"]);
}

async fn a_message_that_is_refused_is_not_sent_again(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "VOICE", 120).await;
    let refusal = json!({ "code": 21408, "message": "no permission for that region", "status": 400 });
    bed.stand_ins.http.program_always("Messages.json", Act::answer(400, "", refusal.to_string()));
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "call, expedited", |sent| sent.is(Channel::Voice, &anna.phone)).await;
    let contact = bed.api().get(&format!("/api/users/{}/contacts/phone-numbers/{}", anna.id, anna.phone_id)).await.expect(200);
    assert_eq!(contact["status"], "OK", "{contact}");
    bed.advance(Duration::from_secs(7_200)).await;
    assert_eq!(bed.outbox().len(), 2);
    // Mended, it can be sent again by hand.
    bed.stand_ins.http.behave();
    let failed = bed.api().deliveries("alert=A-1&state=failed").await;
    let path = format!("/watchbell/v1/deliveries/{}/replay", failed[0]["id"].as_str().unwrap());
    bed.api().post(&path, &json!({})).await.expect(202);
    bed.quiet().await;
    bed.outbox().expect(1, "SMS that is taken", |sent| sent.is(Channel::Sms, &anna.phone) && sent.accepted).await;
}
