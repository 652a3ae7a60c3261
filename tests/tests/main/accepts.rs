//! Accepts under load: while alerts come faster than they can be sent, whoever accepts one is heard within a second.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use watchbell_core::Timestamp;
use watchbell_tests::bed::{Bed, run_by_itself};
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::wait;

/// Each for three people, by two channels.
const ALERTS: usize = 1_000;
/// Between two alerts.
const PACE: Duration = Duration::from_millis(5);
/// Every other alert is accepted so many alerts later.
const LATER: usize = 40;
/// What the provider of one of the channels takes a second: less than comes even where the machine has other things to do.
const TAKEN: &str = "60";
/// From the broker to the commit, for 99 of 100; and from the commit to the last call.
const LATEST: Duration = Duration::from_secs(1);

#[test]
fn in_one_process() {
    run_by_itself(Kind::Postgres, async |bed| accepts_are_heard(bed, &[&[]]).await);
}

#[test]
fn in_several_processes() {
    let roles: [&[&str]; 4] =
        [&["--roles", "api,scheduler"], &["--roles", "ingest"], &["--roles", "worker"], &["--roles", "ingest,worker"]];
    run_by_itself(Kind::Postgres, async |bed| accepts_are_heard(bed, &roles).await);
}

async fn accepts_are_heard(bed: &mut Bed, roles: &[&[&str]]) {
    bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(250)));
    bed.settings.set("PROVIDERS__TWILIO__PER_SECOND", TAKEN).set("PROVIDERS__TWILIO__BURST", TAKEN);
    let mut processes: Vec<Process> = roles.iter().map(|roles| Process::serve(&bed.settings, roles)).collect();
    processes[0].ready().await;
    let api = processes[0].api();
    let mut people = Vec::new();
    for number in 1..=3 {
        let person = Person::without_telegram(&api, number).await;
        person.high(&api, "SMS", 0).await;
        person.high(&api, "EMAIL", 0).await;
        people.push(person);
    }
    let responders: Vec<&Person> = people.iter().collect();
    // What is cancelled is published when that is committed.
    let mut cancelled = bed.nats.client().await.subscribe("watchbell.out.cancelled").await.unwrap();
    let heard = tokio::spawn(async move {
        let mut heard: HashMap<String, Timestamp> = HashMap::new();
        while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(10), cancelled.next()).await {
            let told: Value = serde_json::from_slice(&message.payload).unwrap();
            heard.insert(told["deliveryId"].as_str().unwrap().to_owned(), wait::now());
        }
        heard
    });
    let mut accepted: BTreeMap<String, Timestamp> = BTreeMap::new();
    for n in 0..ALERTS + LATER {
        if n < ALERTS {
            let id = format!("A-{n}");
            bed.nats.publish("alert", &id, wait::now(), &alert(&id, &responders)).await;
        }
        if let Some(n) = n.checked_sub(LATER).filter(|n| n % 2 == 0) {
            let id = format!("A-{n}");
            bed.nats.publish("update", &format!("{id}-accepted"), wait::now(), &update(&id, "ACCEPTED", None)).await;
            accepted.insert(id, wait::now());
        }
        wait::pause(PACE).await;
    }
    let open = "SELECT count(*) FROM deliveries WHERE state IN ('scheduled', 'sending')";
    wait::until("everything to be taken", async || bed.nats.is_drained().await).await;
    wait::until("everything to be sent", async || bed.database.number(open).await == 0).await;
    let heard = heard.await.unwrap();
    // From the broker to the commit, by alert.
    let stopped = bed.database.texts("SELECT id || ' ' || alert_id FROM deliveries WHERE state = 'cancelled'").await;
    let mut committed: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (delivery, id) in stopped.iter().filter_map(|line| line.split_once(' ')) {
        // What had begun and was not called in time ends without a word.
        let Some(at) = heard.get(delivery).copied() else { continue };
        let first = committed.entry(id).or_insert(at);
        *first = at.max(*first);
    }
    assert!(committed.len() > 20, "the queue was too short for accepts to stop anything: {}", committed.len());
    let mut delays: Vec<Duration> = committed.iter().map(|(id, at)| *at - accepted[*id]).collect();
    delays.sort_unstable();
    let part = |percent: usize| delays[(delays.len() * percent / 100).min(delays.len() - 1)];
    // What was called after its alert's cancel was known to be committed.
    let late = bed.outbox().all().into_iter().filter_map(|sent| {
        let (before, _) = sent.text.split_once(" is on fire")?;
        let at = *committed.get(before.split_whitespace().last()?)?;
        (sent.at > at).then(|| sent.at - at)
    });
    let latest = late.max().unwrap_or_default();
    println!(
        "{} processes, {ALERTS} alerts × 3 × 2 at {} a second, half accepted: {} alerts stopped, {} deliveries cancelled; from the broker to \
         the commit {:.0?} (p50), {:.0?} (p99), {:.0?} at most; the last call {latest:.0?} after a commit",
        roles.len(),
        1_000 / PACE.as_millis(),
        committed.len(),
        stopped.len(),
        part(50),
        part(99),
        delays[delays.len() - 1],
    );
    assert!(part(99) < LATEST, "{:?}", part(99));
    assert!(latest < LATEST, "{latest:?}");
    for mut process in processes {
        process.kill().await;
    }
}
