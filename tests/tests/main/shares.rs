//! A provider's limit that several processes share.

use std::time::Duration;

use serde_json::json;
use watchbell_core::{Channel, Timestamp};
use watchbell_tests::bed::run;
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

/// Calls a second, and at once, that the account of each channel allows.
const PER_SECOND: f64 = 20.0;
const BURST: usize = 20;
/// The shortest time for which the design's bound is said.
const WINDOW: Duration = Duration::from_secs(60);
/// More than the window's calls, so that there is always something to send in it.
const MESSAGES: usize = 1_320;

/// The most that any time of a minute or longer exceeded `PER_SECOND` × 1.05 + `BURST` by; below 0 is within the limit.
fn excess(calls: &[Timestamp]) -> f64 {
    let mut most = f64::MIN;
    for (first, from) in calls.iter().enumerate() {
        for (last, to) in calls.iter().enumerate().skip(first) {
            let time = (*to - *from).max(WINDOW);
            most = most.max((last - first + 1) as f64 - (PER_SECOND * 1.05 * time.as_secs_f64() + BURST as f64));
        }
    }
    most
}

/// Two workers send SMS and all four call, each channel with a limit of its own and more to send than a minute takes.
#[test]
fn two_and_four_workers_keep_a_shared_limit_and_use_it() {
    run(Kind::Postgres, async |bed| {
        bed.settings.set("PROVIDERS__TWILIO__PER_SECOND", &PER_SECOND.to_string()).set("PROVIDERS__TWILIO__BURST", &BURST.to_string());
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let api = rest.api();
        let workers = ["sms,voice", "sms,voice", "voice", "voice"]
            .map(|channels| Process::serve(&bed.settings, &["--roles", "worker", "--channels", channels]));
        for worker in &workers {
            worker.logged("worker.started").await;
        }
        let mut people = Vec::new();
        for number in 0..MESSAGES / 60 {
            let person = Person::without_telegram(&api, u16::try_from(number).unwrap()).await;
            person.high(&api, "SMS", 0).await;
            person.rule(&api, "alerts", json!({ "method": "VOICE", "type": "HIGH_PRIORITY", "delayMin": 0 })).await;
            people.push(person);
        }
        let responders: Vec<&Person> = people.iter().collect();
        bed.nats.publish_all("alert", (0..60).map(|n| format!("A-{n}")).map(|id| (id.clone(), alert(&id, &responders)))).await;
        // At 85 % of the limit, and some seconds for the workers to learn of each other.
        let longest = Duration::from_secs_f64(MESSAGES as f64 / (PER_SECOND * 0.85) + 15.0);
        wait::in_time(longest, "all messages", async {
            while bed.outbox().len() < 2 * MESSAGES {
                wait::pause(Duration::from_millis(100)).await;
            }
        })
        .await;
        for (channel, workers) in [(Channel::Sms, 2), (Channel::Voice, 4)] {
            let mut calls: Vec<Timestamp> = bed.outbox().matching(|sent| sent.channel == channel).iter().map(|sent| sent.at).collect();
            calls.sort_unstable();
            assert_eq!(calls.len(), MESSAGES);
            let took = calls[MESSAGES - 1] - calls[0];
            let (used, excess) = (MESSAGES as f64 / (took.as_secs_f64() * PER_SECOND), excess(&calls));
            println!(
                "{workers} workers: {MESSAGES} calls by {channel} in {took:.1?}, {:.1} % of the limit, {excess:.0} over the bound",
                used * 100.0
            );
            assert!(excess <= 0.0, "{workers} workers made {excess} calls too many");
            assert!(used >= 0.85, "{workers} workers used {used} of the limit");
        }
    });
}
