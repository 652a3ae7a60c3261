//! How soon a worker notices what another process made due: over NATS, over the database where no broker is, and by looking
//! for itself where nobody said anything.

use std::time::Duration;

use watchbell_core::Channel;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::broker::structured;
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

/// Each begins right after a worker has looked for itself, so that without a wake-up most would take nearly a second.
const PAGES: usize = 9;
const BY_WAKE_UP: Duration = Duration::from_millis(500);
/// The design's second, and as much for a busy machine.
const BY_LOOKING: Duration = Duration::from_secs(2);

/// A process that plans, another one that sends, and somebody to be paged after `delay` minutes.
async fn apart(bed: &Bed, roles: &str, delay: u8) -> (Process, Process, Person) {
    let mut planner = Process::serve(&bed.settings, &["--roles", roles]);
    planner.ready().await;
    let anna = Person::without_telegram(&planner.api(), 1).await;
    anna.high(&planner.api(), "SMS", delay).await;
    let worker = Process::serve(&bed.settings, &["--roles", "worker"]);
    worker.logged("worker.started").await;
    (planner, worker, anna)
}

async fn wake_ups_arrive(bed: &Bed, roles: &str) {
    let (planner, _worker, anna) = apart(bed, roles, 0).await;
    let mut took = Vec::new();
    for n in 0..PAGES {
        let name = format!("A-{n}");
        let event = structured("alert", &name, wait::now(), &alert(&name, &[&anna]));
        planner.api().post("/watchbell/v1/events", &event).await.expect(202);
        let planned = wait::now();
        let text = format!("{name} is on fire");
        let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone) && sent.text.contains(&text)).await;
        // It may have been sent before the answer was read.
        took.push(if sent[0].at > planned { sent[0].at - planned } else { Duration::ZERO });
    }
    took.sort();
    println!("from the commit in one process to the call by another: median {:.0?}, slowest {:.0?}", took[PAGES / 2], took[PAGES - 1]);
    assert!(took[PAGES / 2] < BY_WAKE_UP, "{took:?}");
}

#[test]
fn wake_ups_over_nats() {
    run(Kind::Postgres, async |bed| wake_ups_arrive(bed, "api,ingest,scheduler").await);
}

#[test]
fn wake_ups_over_the_database_where_no_broker_is() {
    run(Kind::Postgres, async |bed| {
        bed.settings.set("NATS__URL", "");
        wake_ups_arrive(bed, "api,scheduler").await;
    });
}

#[test]
fn what_nobody_said_is_found_within_a_second() {
    run(Kind::Postgres, async |bed| {
        let (planner, _worker, anna) = apart(bed, "api,ingest,scheduler", 60).await;
        planner.api().post("/watchbell/v1/events", &structured("alert", "1", wait::now(), &alert("A-1", &[&anna]))).await.expect(202);
        // As by a process that died between its commit and its wake-up: the change is there, and nothing tells of it.
        bed.database.texts("UPDATE deliveries SET ready_at = 0, due_at = 0 WHERE state = 'scheduled' RETURNING id").await;
        bed.database.texts("UPDATE ready_queue SET ready_at = 0 RETURNING id").await;
        let changed = wait::now();
        let sent = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
        let took = sent[0].at - changed;
        println!("found by looking: after {took:.0?}");
        assert!(took < BY_LOOKING, "{took:?}");
    });
}
