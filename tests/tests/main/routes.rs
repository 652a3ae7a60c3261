//! Two providers of SMS: which one takes a message, and what happens when the one that does is ill.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::client::Client;
use watchbell_tests::on_both;
use watchbell_tests::settings::Settings;
use watchbell_tests::stand_ins::{Act, HttpStandIn, Outbox, TWILIO_SID, TWILIO_TOKEN};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{twilio_calls, wait};

use crate::receipts::{call_back, message_id};

on_both!(
    a_provider_that_lies_is_found_out_by_its_receipts,
    a_message_that_did_not_arrive_goes_by_the_other_provider,
    whoever_was_passed_over_still_hears_the_answer,
    a_provider_that_fails_or_hangs_costs_no_alert,
    a_days_calls_are_shared_and_their_end_is_told,
    a_provider_is_tried_before_it_matters,
    a_contact_is_tried_by_its_user,
);

/// A second Twilio, on another port and with an outbox of its own.
struct Second {
    http: HttpStandIn,
    outbox: Outbox,
}

/// Lets `backup` serve SMS after `twilio`.
async fn second(settings: &mut Settings) -> Second {
    let outbox = Outbox::default();
    let http = HttpStandIn::start(outbox.clone()).await;
    settings
        .set("PROVIDERS__BACKUP__KIND", "twilio")
        .set("PROVIDERS__BACKUP__BASE_URL", &http.url())
        .set("PROVIDERS__BACKUP__ACCOUNT_SID", TWILIO_SID)
        .set("PROVIDERS__BACKUP__AUTH_TOKEN", TWILIO_TOKEN)
        .set("PROVIDERS__BACKUP__SMS_FROM", "+15005550009")
        .set("PROVIDERS__BACKUP__PER_SECOND", "100000")
        .set("PROVIDERS__BACKUP__BURST", "100000")
        .set("CHANNELS__SMS__PROVIDERS", "[\"twilio\", \"backup\"]");
    Second { http, outbox }
}

async fn sms(outbox: &Outbox, count: usize, person: &Person) -> String {
    let sent = outbox.expect(count, "SMS", |sent| sent.is(Channel::Sms, &person.phone)).await;
    sent[count - 1].delivery.clone().expect("a message names its delivery in its callback")
}

async fn page(bed: &Bed, id: &str, person: &Person) {
    bed.publish("alert", id, &alert(id, &[person])).await;
}

/// What is known of a provider on SMS.
async fn provider(api: &Client, name: &str) -> Value {
    let providers = api.get("/watchbell/v1/providers").await.expect(200);
    let all = providers["items"].as_array().unwrap();
    let one = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{providers}"));
    one["channels"].as_array().unwrap().iter().find(|of| of["channel"] == "sms").unwrap().clone()
}

async fn a_provider_that_lies_is_found_out_by_its_receipts(bed: &mut Bed) {
    let second = second(&mut bed.settings).await;
    bed.settings.set("CHANNELS__SMS__RECEIPT_AFTER_S", "120");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    // It says 201 to everything, and delivers nothing.
    page(bed, "A-1", &anna).await;
    let delivery = sms(bed.outbox(), 1, &anna).await;
    let first = message_id(bed, &delivery).await;
    bed.advance(Duration::from_secs(119)).await;
    assert!(second.outbox.is_empty());
    bed.advance(Duration::from_secs(1)).await;
    assert_eq!(sms(&second.outbox, 1, &anna).await, delivery);
    bed.quiet().await;
    let told = bed.api().delivery(&delivery).await;
    let providers: Vec<&str> = told["attemptLog"].as_array().unwrap().iter().map(|one| one["provider"].as_str().unwrap()).collect();
    assert_eq!((told["state"].as_str(), providers), (Some("sent"), vec!["twilio", "backup"]));
    // The first one had delivered it after all.
    let form = [("MessageSid", first.as_str()), ("MessageStatus", "delivered")];
    assert_eq!(call_back(bed, &format!("/callbacks/twilio?delivery={delivery}"), &form, TWILIO_TOKEN).await, 204);
    let told = bed.api().delivery(&delivery).await;
    assert_eq!(
        (&told["state"], &told["receipts"][0]["outcome"], &told["receipts"][0]["provider"]),
        (&json!("delivered"), &json!("delivered"), &json!("twilio"))
    );
    assert!(told["receipts"][0]["at"].is_string());
    // Once each.
    bed.advance(Duration::from_secs(600)).await;
    assert_eq!((bed.outbox().len(), second.outbox.len()), (1, 1));
}

async fn a_message_that_did_not_arrive_goes_by_the_other_provider(bed: &mut Bed) {
    let second = second(&mut bed.settings).await;
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "EMAIL", 30).await;
    page(bed, "A-1", &anna).await;
    let delivery = sms(bed.outbox(), 1, &anna).await;
    bed.quiet().await;
    let id = message_id(bed, &delivery).await;
    // The handset is off, says the carrier.
    let form = [("MessageSid", id.as_str()), ("MessageStatus", "undelivered"), ("ErrorCode", "30003")];
    assert_eq!(call_back(bed, &format!("/callbacks/twilio?delivery={delivery}"), &form, TWILIO_TOKEN).await, 204);
    assert_eq!(sms(&second.outbox, 1, &anna).await, delivery);
    bed.quiet().await;
    let told = bed.api().delivery(&delivery).await;
    let id = told["attemptLog"][1]["messageId"].as_str().unwrap().to_owned();
    let form = [("MessageSid", id.as_str()), ("MessageStatus", "undelivered"), ("ErrorCode", "30003")];
    assert_eq!(call_back(bed, &format!("/callbacks/backup?delivery={delivery}"), &form, TWILIO_TOKEN).await, 204);
    // Nobody else is left, so the next step comes at once.
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    let told = bed.api().delivery(&delivery).await;
    assert_eq!((&told["state"], told["receipts"].as_array().unwrap().len()), (&json!("undelivered"), 2));
}

async fn whoever_was_passed_over_still_hears_the_answer(bed: &mut Bed) {
    let second = second(&mut bed.settings).await;
    bed.settings
        .set("PROVIDERS__BACKUP__VOICE_FROM", "+15005550009")
        .set("CHANNELS__VOICE__PROVIDERS", "[\"twilio\", \"backup\"]")
        .set("CHANNELS__VOICE__RECEIPT_AFTER_S", "120");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "VOICE", 0).await;
    anna.high(bed.api(), "EMAIL", 30).await;
    page(bed, "A-1", &anna).await;
    bed.outbox().expect(1, "call", |sent| sent.is(Channel::Voice, &anna.phone)).await;
    bed.advance(Duration::from_secs(120)).await;
    let delivery = second.outbox.expect(1, "call", |sent| sent.is(Channel::Voice, &anna.phone)).await[0].delivery.clone().unwrap();
    bed.quiet().await;
    let told = bed.api().delivery(&delivery).await;
    let id = |at: usize| told["attemptLog"][at]["messageId"].as_str().unwrap().to_owned();
    let press = async |provider: &str, call: &str| {
        let path = format!("/callbacks/{provider}/gather?delivery={delivery}");
        twilio_calls::call_back(bed, &path, &[("CallSid", call), ("Digits", "1")], TWILIO_TOKEN).await.expect(200).to_string()
    };
    // Each account has its own calls.
    assert!(press("twilio", "CA-of-nobody").await.contains("about nothing that can be accepted"));
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "scheduled"]);
    // Both ring, and she takes the older one; then she takes the other one as well.
    let (older, newer) = (id(0), id(1));
    let (first, last) = tokio::join!(press("twilio", &older), press("backup", &newer));
    assert!(first.contains("You have accepted the alert") && last.contains("accepted"), "{first} / {last}");
    assert_eq!(bed.api().states("alert=A-1").await, ["sent", "cancelled"]);
    assert_eq!(bed.api().delivery(&delivery).await["answers"].as_array().map(Vec::len), Some(1));
}

async fn a_provider_that_fails_or_hangs_costs_no_alert(bed: &mut Bed) {
    let second = second(&mut bed.settings).await;
    // A part goes through the ill one first; it is to delay nothing once that is known.
    bed.settings.set("CHANNELS__SMS__ROUTES__BACKUP__SHARE", "1.0").set("PROVIDERS__BACKUP__TIMEOUT_S", "0.5");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    second.http.program_always("/Messages.json", Act::answer(500, "", "<html>"));
    page(bed, "A-1", &anna).await;
    sms(bed.outbox(), 1, &anna).await;
    // It says yes, and means nothing by it; and after that it says nothing at all.
    for (id, count, act) in [("A-2", 2, Act::answer(200, "", "Hello from the wrong server")), ("A-3", 3, Act::silence())] {
        second.http.behave();
        second.http.program_always("/Messages.json", act);
        bed.clock.advance(Duration::from_secs(120));
        bed.nats.publish("alert", id, bed.now(), &alert(id, &[&anna])).await;
        wait::until("the message to be told", async || {
            bed.clock.advance(Duration::from_secs(1));
            bed.outbox().len() >= count
        })
        .await;
    }
}

async fn a_days_calls_are_shared_and_their_end_is_told(bed: &mut Bed) {
    bed.settings.set("CHANNELS__SMS__ROUTES__TWILIO__MAX_PER_DAY", "2");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "EMAIL", 30).await;
    page(bed, "A-1", &anna).await;
    sms(bed.outbox(), 1, &anna).await;
    // A trial costs what a message costs.
    let test = json!({ "channel": "sms", "to": "+4915199999999" });
    bed.api().post("/watchbell/v1/providers/twilio/test", &test).await.expect(200);
    let refused = bed.api().post("/watchbell/v1/providers/twilio/test", &test).await.expect(409);
    assert!(refused.to_string().contains("max_per_day"), "{refused}");
    page(bed, "A-2", &anna).await;
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    assert_eq!(bed.api().states("alert=A-2").await.iter().filter(|state| *state == "failed").count(), 1);
    let explained = bed.api().get(&format!("/watchbell/v1/explain?alert=A-2&user={}", anna.id)).await.expect(200);
    assert!(explained.to_string().contains("the day's calls by twilio are used up"), "{explained}");
    let sms = provider(bed.api(), "twilio").await;
    assert_eq!(sms["spend"], json!({ "maxPerDay": 2, "today": 2, "refusedToday": 2 }));
    // The next day.
    bed.advance(Duration::from_hours(24)).await;
    page(bed, "A-3", &anna).await;
    bed.outbox().expect(2, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
}

async fn a_provider_is_tried_before_it_matters(bed: &mut Bed) {
    let second = second(&mut bed.settings).await;
    bed.settings.set("CHANNELS__SMS__COUNTRIES", "[\"DE\"]");
    bed.start().await;
    let path = "/watchbell/v1/providers/backup/test";
    let test = |to: &str| json!({ "channel": "sms", "to": to, "locale": "de" });
    let taken = bed.api().post(path, &test("+49 1511 2345678")).await.expect(200);
    assert_eq!((&taken["accepted"], &taken["class"], &taken["channel"]), (&json!(true), &json!("Accepted"), &json!("sms")));
    assert!(taken["messageId"].is_string() && taken["latencyMs"].is_i64(), "{taken}");
    let sent = second.outbox.expect(1, "test", |sent| sent.is(Channel::Sms, "+4915112345678")).await;
    assert!(sent[0].text.contains("Testnachricht") && sent[0].delivery.is_none(), "{sent:?}");
    second.http.program("/Messages.json", Act::answer(401, "", json!({ "code": 20003 }).to_string()), 1);
    let failed = bed.api().post(path, &test("+4915112345678")).await.expect(200);
    assert_eq!((&failed["accepted"], &failed["class"], &failed["code"]), (&json!(false), &json!("ProviderDown"), &json!("20003")));
    assert!(bed.api().post(path, &test("+436641234567")).await.expect(409).to_string().contains("numbers of AT"));
    bed.api().post(path, &test("Anna")).await.expect(400);
    bed.api().post(path, &json!({ "channel": "email", "to": "anna@example.org" })).await.expect(400);
    let unknown = bed.api().post("/watchbell/v1/providers/nobody/test", &test("+4915112345678")).await.expect(404);
    assert!(unknown.to_string().contains("backup"), "says which there are: {unknown}");
    let sms = provider(bed.api(), "backup").await;
    assert_eq!((&sms["callsLastHour"], &sms["failuresLastHour"], &sms["up"]), (&json!(2), &json!(1), &json!(true)));
    assert_eq!((&sms["lastFailure"]["class"], &sms["lastFailure"]["code"]), (&json!("ProviderDown"), &json!("20003")));
    assert!(sms["lastSuccessAt"].is_string() && !sms.to_string().contains("+49"), "{sms}");
    // What trials may cost is bounded, and each has its line.
    for _ in 0..8 {
        bed.api().post(path, &test("+4915112345678")).await.expect(200);
    }
    bed.api().post(path, &test("+4915112345678")).await.expect(429);
    let audit = bed.api().get("/watchbell/v1/audit?limit=100").await.expect(200);
    let lines = audit["items"].as_array().unwrap().iter().filter(|line| line["action"] == "provider.test").count();
    assert!(lines >= 10 && !audit.to_string().contains("+4915112345678"), "{audit}");
}

async fn a_contact_is_tried_by_its_user(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let ben = Person::without_telegram(bed.api(), 2).await;
    let contacts = bed.api().get(&format!("/watchbell/v1/users/{}/contacts?kind=phone", anna.id)).await.expect(200);
    let path = format!("/watchbell/v1/users/{}/contacts/{}/test", anna.id, contacts["items"][0]["id"]);
    let key = bed.api().post("/watchbell/v1/keys", &json!({ "name": "ben", "role": "user", "user": ben.id })).await.expect(201);
    bed.api().with_key(key["key"].as_str().unwrap()).post(&path, &json!({})).await.expect(403);
    let key = bed.api().post("/watchbell/v1/keys", &json!({ "name": "anna", "role": "user", "user": anna.id })).await.expect(201);
    let own = bed.api().with_key(key["key"].as_str().unwrap());
    let started = own.post(&path, &json!({ "channel": "voice" })).await.expect(202);
    let sent = bed.outbox().expect(1, "test call", |sent| sent.is(Channel::Voice, &anna.phone)).await;
    assert!(sent[0].text.contains("test call") && !sent[0].text.contains("<Gather"), "{sent:?}");
    own.post(&path, &json!({})).await.expect(429);
    own.post(&path, &json!({ "channel": "email" })).await.expect(400);
    bed.quiet().await;
    let delivery = bed.api().delivery(started["deliveryId"].as_str().unwrap()).await;
    assert_eq!((&delivery["purpose"], &delivery["state"], &delivery["channel"]), (&json!("test"), &json!("sent"), &json!("voice")));
    bed.clock.advance(Duration::from_secs(60));
    own.post(&path, &json!({})).await.expect(202);
    bed.outbox().expect(1, "test message", |sent| sent.is(Channel::Sms, &anna.phone)).await;
}
