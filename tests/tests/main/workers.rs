//! What workers do about providers that they lack, that fail, that are slow, or that stay silent.

use std::time::Duration;

use serde_json::Value;
use watchbell_core::Channel;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::broker::structured;
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::{on_both, wait};

on_both!(
    what_one_provider_fails_at_another_sends_within_a_second,
    what_twilio_kept_is_not_sent_again,
    a_slow_relay_is_handed_nothing_that_was_accepted_meanwhile
);

/// Alerts for which a worker that has no provider, and one that has, compete.
const ALERTS: usize = 300;

#[test]
fn a_worker_without_a_provider_leaves_the_channel_to_those_that_have_one() {
    run(Kind::Postgres, async |bed| {
        bed.settings.set("LEASE__HEARTBEAT_S", "1").set("LEASE__LEASE_S", "4");
        let mut poor = bed.settings.clone();
        poor.remove("CHANNELS__SMS__PROVIDERS");
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let api = rest.api();
        let anna = Person::without_telegram(&api, 1).await;
        anna.high(&api, "SMS", 0).await;
        anna.high(&api, "EMAIL", 60).await;
        let mut able = Process::serve(&bed.settings, &["--roles", "worker"]);
        able.logged("worker.started").await;
        let without = Process::serve(&poor, &["--roles", "worker"]);
        without.logged("worker.started").await;
        let names = (0..ALERTS).map(|n| format!("A-{n}"));
        bed.nats.publish_all("alert", names.map(|name| (name.clone(), alert(&name, &[&anna])))).await;
        let sms = "SELECT count(*) FROM deliveries WHERE channel = 'sms' AND state = ";
        wait::until("every SMS to be sent", async || bed.database.number(&format!("{sms}'sent'")).await == i64::try_from(ALERTS).unwrap())
            .await;
        // While the one that has a provider is away for a moment, nothing fails.
        able.kill().await;
        bed.nats.publish("alert", "late", wait::now(), &alert("late", &[&anna])).await;
        wait::pause(Duration::from_secs(8)).await;
        assert_eq!(bed.database.number(&format!("{sms}'failed'")).await, 0);
        let able = Process::serve(&bed.settings, &["--roles", "worker"]);
        able.logged("worker.started").await;
        wait::until("the late one to be sent", async || {
            bed.database.number(&format!("{sms}'sent'")).await == i64::try_from(ALERTS).unwrap() + 1
        })
        .await;
        assert!(bed.outbox().matching(|sent| sent.channel == Channel::Email).is_empty(), "no step took over");
    });
}

async fn what_one_provider_fails_at_another_sends_within_a_second(bed: &mut Bed) {
    // Nobody listens there.
    bed.settings
        .set("PROVIDERS__FIRST__KIND", "twilio")
        .set("PROVIDERS__FIRST__BASE_URL", "http://127.0.0.1:9")
        .set("PROVIDERS__FIRST__ACCOUNT_SID", "AC1")
        .set("PROVIDERS__FIRST__AUTH_TOKEN", "t")
        .set("PROVIDERS__FIRST__SMS_FROM", "+15005550001")
        .set("PROVIDERS__FIRST__VOICE_FROM", "+15005550001")
        .set("CHANNELS__SMS__PROVIDERS", "first,twilio")
        .set("CHANNELS__VOICE__PROVIDERS", "first,twilio")
        .set("LIMITS__RECIPIENT__VOICE", "{ calls = 1, per_s = 60 }");
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "SMS", 0).await;
    anna.high(&api, "VOICE", 0).await;
    let began = wait::now();
    bed.nats.publish("alert", "1", began, &alert("A-1", &[&anna])).await;
    for channel in [Channel::Sms, Channel::Voice] {
        let sent = bed.outbox().expect(1, "message", |sent| sent.channel == channel).await;
        let took = sent[0].at - began;
        println!("by {channel} after {took:.0?}");
        assert!(took < Duration::from_secs(2), "{took:?}, of which a second is the machine's");
    }
    process.kill().await;
}

/// The state and attempts of an alert's one delivery by a channel.
async fn delivery(process: &Process, alert: &str, channel: &str) -> Option<Value> {
    let deliveries = process.api().deliveries(&format!("alert={alert}&channel={channel}")).await;
    Some(process.api().delivery(deliveries.first()?["id"].as_str()?).await)
}

async fn what_twilio_kept_is_not_sent_again(bed: &mut Bed) {
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "SMS", 0).await;
    anna.high(&api, "VOICE", 0).await;
    bed.stand_ins.http.keep_lists();
    for part in ["Messages.json", "Calls.json"] {
        bed.stand_ins.http.program(part, Act::half_close(), 1);
    }
    bed.nats.publish("alert", "1", wait::now(), &alert("A-1", &[&anna])).await;
    for channel in ["sms", "voice"] {
        let found =
            wait::answer("it to be found", async || delivery(&process, "A-1", channel).await.filter(|d| d["state"] == "sent")).await;
        let classes: Vec<&str> = found["attemptLog"].as_array().unwrap().iter().filter_map(|one| one["class"].as_str()).collect();
        assert_eq!(classes, ["Unknown", "Accepted"], "{found}");
    }
    // Twilio has no message: it is sent again.
    bed.stand_ins.http.program("Messages.json", Act::close(), 1);
    bed.nats.publish("alert", "2", wait::now(), &alert("A-2", &[&anna])).await;
    bed.outbox().expect(2, "tries", |sent| sent.channel == Channel::Sms && sent.text.contains("A-2")).await;
    assert_eq!(bed.outbox().matching(|sent| sent.text.contains("A-1 is on fire") && sent.channel == Channel::Sms).len(), 1);
    process.kill().await;
}

async fn a_slow_relay_is_handed_nothing_that_was_accepted_meanwhile(bed: &mut Bed) {
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let anna = Person::without_telegram(&api, 1).await;
    anna.high(&api, "EMAIL", 0).await;
    let slow = Duration::from_millis(2_500);
    bed.stand_ins.smtp.program("RCPT TO", Act::slowly(slow), 2);
    bed.nats.publish("alert", "1", wait::now(), &alert("A-1", &[&anna])).await;
    let is_under_way = async || delivery(&process, "A-1", "email").await.is_some_and(|found| found["state"] == "sending");
    wait::until("the call to begin", is_under_way).await;
    let accepted = structured("update", "accepted", wait::now(), &update("A-1", "ACCEPTED", None));
    api.post("/watchbell/v1/events", &accepted).await.expect(202);
    let began = wait::now();
    let is_cancelled = async || delivery(&process, "A-1", "email").await.is_some_and(|found| found["state"] == "cancelled");
    wait::until("it to be cancelled", is_cancelled).await;
    println!("cancelled after {:.0?}", wait::now() - began);
    // A relay that is just slow gets its mail.
    bed.nats.publish("alert", "2", wait::now(), &alert("A-2", &[&anna])).await;
    bed.outbox().expect(1, "mail", |sent| sent.channel == Channel::Email && sent.text.contains("A-2")).await;
    assert!(bed.outbox().matching(|sent| sent.text.contains("A-1")).is_empty());
    process.kill().await;
}
