//! Every way in which a provider can be bad, several at once, and what the others notice of it: nothing.
//!
//! That a provider takes a message and later reports that it failed is in `receipts` and the scenarios `receipt-*`; that one
//! flooded recipient slows nobody else, in the scenario `limits-a-flooded-recipient-slows-nobody-else`.

use std::time::Duration;

use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{on_both, wait};

on_both!(bad_providers_slow_nobody_else);

/// Alerts whose pages meet bad providers at first, in each round; too few to open a breaker by themselves.
const PAGES: usize = 3;
/// Mails to somebody else meanwhile.
const MAILS: usize = 15;
/// Until a call without an answer is given up.
const TIMEOUT_S: u64 = 12;
/// How long a slow provider takes.
const SLOW: Duration = Duration::from_secs(10);
/// A mail that waited for any of them would take longer.
const IN_TIME: Duration = Duration::from_secs(2);

/// What the providers of SMS, voice and WhatsApp do, and how the first attempt ends.
type Round = [(&'static str, Act, &'static str); 3];

fn rounds() -> [Round; 3] {
    let busy = json!({ "code": 20429, "message": "Too Many Requests", "status": 429 }).to_string();
    [
        [
            ("sms", Act::silence(), "Unknown"),
            ("voice", Act::answer(500, "", "{}"), "Retry"),
            ("whatsapp", Act::answer(429, "retry-after: 2\r\n", busy.clone()), "Retry"),
        ],
        [
            ("sms", Act::answer(429, "", busy), "Retry"),
            ("voice", Act::slowly(SLOW), "Accepted"),
            ("whatsapp", Act::half_close(), "Unknown"),
        ],
        [
            ("sms", Act::answer(503, "", "<html>\u{7f}{{{"), "Retry"),
            ("voice", Act::answer(201, "content-length: nonsense\r\n\u{1}\r\n", "?"), "Unknown"),
            ("whatsapp", Act::close(), "Unknown"),
        ],
    ]
}

async fn bad_providers_slow_nobody_else(bed: &mut Bed) {
    bed.settings.set("PROVIDERS__TWILIO__TIMEOUT_S", &TIMEOUT_S.to_string());
    // What answers there does not speak TLS.
    let plain = bed.stand_ins.http.url();
    bed.settings.set("PROVIDERS__FCM__BASE_URL", &plain.replace("http://", "https://"));
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let (anna, ben) = (Person::without_telegram(&api, 1).await, Person::without_telegram(&api, 2).await);
    for method in ["SMS", "VOICE", "WHATSAPP", "PUSH"] {
        anna.high(&api, method, 0).await;
    }
    ben.high(&api, "EMAIL", 0).await;
    let class = async |alert: &str, channel: &str| {
        let deliveries = api.deliveries(&format!("alert={alert}&channel={channel}")).await;
        let delivery = api.delivery(deliveries.first()?["id"].as_str()?).await;
        Some(delivery["attemptLog"][0]["class"].as_str()?.to_owned())
    };
    for (round, faults) in rounds().into_iter().enumerate() {
        // The first that matches is followed: what is for all messages comes last.
        for (channel, act, _) in faults.iter().rev() {
            let part = match *channel {
                "voice" => "Calls.json",
                "whatsapp" => "whatsapp%3A",
                _ => "Messages.json",
            };
            bed.stand_ins.http.program(part, act.clone(), PAGES);
            // What is tried again meets the fault of nobody else.
            bed.stand_ins.http.program_always(part, Act::usual());
        }
        let names: Vec<String> = (0..PAGES).map(|n| format!("A-{round}-{n}")).collect();
        let before = bed.outbox().len();
        bed.nats.publish_all("alert", names.iter().map(|name| (name.clone(), alert(name, &[&anna])))).await;
        bed.outbox().reaches(before + 1).await;
        let mut slowest = Duration::ZERO;
        for n in 0..MAILS {
            let name = format!("B-{round}-{n}");
            let began = wait::now();
            bed.nats.publish("alert", &name, began, &alert(&name, &[&ben])).await;
            let text = format!("{name} is on fire");
            let mail = bed.outbox().expect(1, "mail", |sent| sent.is(Channel::Email, &ben.email) && sent.text.contains(&text)).await;
            slowest = slowest.max(mail[0].at - began);
        }
        println!("round {round}: the slowest of {MAILS} mails took {slowest:.0?} beside bad providers");
        assert!(slowest < IN_TIME, "round {round}: {slowest:?}");
        for (channel, _, expected) in &faults {
            let mut met = 0;
            for name in &names {
                let found = wait::answer("the first attempt", async || class(name, channel).await).await;
                met += usize::from(found == *expected);
                // What has the account paused may be tried again before the others are tried at all, and meets their fault then.
                let is_spared = *expected == "Retry" && found == "Accepted";
                assert!(found == *expected || is_spared, "{channel} of {name}: {found}, not {expected}");
            }
            assert!(met > 0, "no message by {channel} met its fault");
        }
        bed.stand_ins.http.behave();
        let left = "SELECT count(*) FROM deliveries WHERE channel <> 'push' AND state <> 'sent'";
        wait::until("everything to be sent in the end", async || bed.database.number(left).await == 0).await;
    }
    let pushed = wait::answer("the first attempt", async || class("A-0-0", "push").await).await;
    assert_eq!(pushed, "Retry", "what was never connected was never sent");
    process.kill().await;
}
