//! The five promises of the design, and which tests hold each.
//!
//! 1. *Nothing accepted is lost*: [`crate::crash`] (every role killed at random moments, nats-server and PostgreSQL killed, the
//!    disk full), `processes::sigkill_while_sending_loses_nothing`, `processes::sigterm_finishes_what_is_in_flight_and_strands_nothing`,
//!    and the scenarios `restart-*` and `outage-*`.
//! 2. *Nothing is sent after it stopped being needed*: [`no_call_begins_a_second_after_the_accept`] here,
//!    `pages::an_accepted_alert_sends_no_further_page`, `pages::a_resolved_alert_sends_no_further_page`, the scenarios `accept-*`,
//!    `order-*` and `bundling-drops-*`, and the planner's `plans_hold_under_any_order_of_events_and_changes`.
//! 3. *Nothing is sent twice*: `processes::two_workers_send_nothing_twice`, `processes::a_worker_that_froze_begins_nothing_that_another_took`
//!    (SIGSTOP past its lease), `intake::an_event_that_comes_again_changes_nothing`, the crash tests' tallies (what is doubled is
//!    on record as `Unknown`), and the scenarios `unknown-*`.
//! 4. *Everything is explained*: [`everything_is_explained`] here, before and after; the scenarios `explain-*`.
//! 5. *A user is never silently unreachable*: [`nobody_is_silently_unreachable`] here, the scenarios `unreachable-*` and
//!    `fallback-*`, and the planner's properties.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::{Channel, Timestamp};
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::structured;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::{on_both, wait};

on_both!(no_call_begins_a_second_after_the_accept, everything_is_explained, nobody_is_silently_unreachable);

/// Alerts in the queue; at the stand-in's pace, a minute and a half of it.
const ALERTS: usize = 300;
/// The design's bound between the commit of a cancel and the last call.
const LATEST: Duration = Duration::from_secs(1);

async fn no_call_begins_a_second_after_the_accept(bed: &mut Bed) {
    // Four calls at a time of 400 ms each, ten a second, before a queue of nine hundred.
    bed.settings.set("PROVIDERS__TWILIO__IN_FLIGHT", "4");
    bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(400)));
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let mut people = Vec::new();
    for number in 1..=3 {
        let person = Person::without_telegram(&api, number).await;
        person.high(&api, "SMS", 0).await;
        people.push(person);
    }
    let responders: Vec<&Person> = people.iter().collect();
    let names = (0..ALERTS).map(|n| format!("A-{n}"));
    bed.nats.publish_all("alert", names.clone().map(|name| (name.clone(), alert(&name, &responders)))).await;
    bed.outbox().reaches(30).await;
    // Every other alert is accepted while the queue is long: the answer says that the cancel is committed.
    let mut committed: BTreeMap<String, Timestamp> = BTreeMap::new();
    for name in names.step_by(2) {
        let accepted = structured("update", &format!("{name}-accepted"), wait::now(), &update(&name, "ACCEPTED", None));
        api.post("/watchbell/v1/events", &accepted).await.expect(202);
        committed.insert(name, wait::now());
    }
    let begun_by_then = bed.outbox().len();
    assert!(begun_by_then < ALERTS, "the queue is long when the last one is accepted: {begun_by_then} have been sent");
    // The rest goes on being sent.
    bed.outbox().reaches(begun_by_then + 60).await;
    let late = bed.outbox().all().into_iter().filter_map(|sent| {
        let (before, _) = sent.text.split_once(" is on fire")?;
        let accepted_at = *committed.get(before.split_whitespace().last()?)?;
        (sent.at > accepted_at).then_some(sent.at - accepted_at)
    });
    let latest = late.max().unwrap_or_default();
    println!(
        "accepted with {} calls to come: the last call of an accepted alert began {latest:.0?} after the accept",
        3 * ALERTS - begun_by_then
    );
    assert!(latest < LATEST, "{latest:?}");
    process.kill().await;
}

/// What `/explain` answers: a line a step, `sms sent: …`.
fn steps(explained: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = explained["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| format!("{} {}: {}", word(&step["channel"]), word(&step["state"]), word(&step["reason"]))).collect()
}

#[track_caller]
fn assert_steps(explained: &Value, wanted: &[&str]) {
    let found = steps(explained);
    let fits = found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| found.starts_with(wanted));
    assert!(fits && found.iter().all(|step| !step.ends_with(": ")), "expected {wanted:#?}, found {found:#?}");
}

async fn everything_is_explained(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "PUSH", 0).await;
    anna.high(bed.api(), "SMS", 5).await;
    anna.rule(bed.api(), "alerts", json!({ "method": "SMS", "type": "LOW_PRIORITY" })).await;
    let explain = async |bed: &Bed, query: &str| {
        let explained = bed.api().get(&format!("/watchbell/v1/explain?user={}&{query}", anna.id)).await.expect(200);
        let text = explained.to_string();
        assert!(!text.contains(&anna.phone) && !text.contains(&anna.device), "addresses are masked: {text}");
        explained
    };
    // Beforehand; nothing is kept of it.
    assert_steps(&explain(bed, "kind=alert&priority=HIGH").await, &["push scheduled: the user's rule", "sms scheduled: the user's rule"]);
    assert_eq!(bed.api().deliveries("").await.len(), 0);
    // Afterwards: what was sent, and what was cancelled.
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    bed.advance(Duration::from_secs(60)).await;
    bed.publish("update", "2", &update("A-1", "ACCEPTED", None)).await;
    assert_steps(&explain(bed, "alert=A-1").await, &["push sent: the user's rule", "sms cancelled: the alert was accepted"]);
    // What failed, and what was expedited by that.
    let refusal = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": "no" } });
    bed.stand_ins.http.program_always("messages:send", Act::answer(400, "", refusal.to_string()));
    bed.publish("alert", "3", &alert("A-2", &[&anna])).await;
    let failed = explain(bed, "alert=A-2").await;
    assert!(steps(&failed)[0].starts_with("push failed: ") && steps(&failed)[1].starts_with("sms sent: "), "{failed}");
    // What is held.
    let quiet = json!({ "quietHours": { "start": "00:00", "end": "23:59" } });
    bed.api().put(&format!("/watchbell/v1/users/{}", anna.id), &quiet).await.expect(200);
    assert_steps(&explain(bed, "kind=alert&priority=LOW").await, &["sms held: quiet hours until"]);
}

async fn nobody_is_silently_unreachable(bed: &mut Bed) {
    bed.settings.set("SCHEDULER__FALLBACK_EMAIL", "off");
    bed.start().await;
    let (anna, ben, cleo) = (
        Person::without_telegram(bed.api(), 1).await,
        Person::without_telegram(bed.api(), 2).await,
        Person::without_telegram(bed.api(), 3).await,
    );
    // Anna can be told; Ben's only step fails; Cleo has no rule, and there is no fallback.
    anna.high(bed.api(), "EMAIL", 0).await;
    ben.high(bed.api(), "SMS", 0).await;
    let refusal = json!({ "code": 21408, "message": "no permission for that region", "status": 400 });
    bed.stand_ins.http.program_always("Messages.json", Act::answer(400, "", refusal.to_string()));
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben, &cleo])).await;
    bed.outbox().expect(1, "email", |sent| sent.is(Channel::Email, &anna.email)).await;
    let unreachable = bed.api().get("/watchbell/v1/unreachable").await.expect(200);
    let mut found: Vec<i64> = unreachable["items"].as_array().unwrap().iter().filter_map(|item| item["userId"].as_i64()).collect();
    found.sort_unstable();
    assert_eq!(found, [ben.id, cleo.id], "{unreachable}");
}
