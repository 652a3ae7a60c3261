//! The real program: killed, stopped, frozen, refused.

use futures::{FutureExt, StreamExt};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::settings::Settings;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::tally::{in_flight, tally};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{on_both, wait};

on_both!(sigkill_while_sending_loses_nothing, sigterm_finishes_what_is_in_flight_and_strands_nothing);

/// People with one SMS rule each.
async fn team(process: &Process, size: u16) -> Vec<Person> {
    let api = process.api();
    let mut people = Vec::new();
    for number in 1..=size {
        let person = Person::without_telegram(&api, number).await;
        person.high(&api, "SMS", 0).await;
        people.push(person);
    }
    people
}

/// HIGH alerts, each for everybody.
fn alerts(name: &str, count: usize, people: &[Person]) -> Vec<(String, Value)> {
    let responders: Vec<&Person> = people.iter().collect();
    (0..count).map(|n| format!("{name}-{n}")).map(|id| (id.clone(), alert(&id, &responders))).collect()
}

/// A crash is noticed sooner than by default, but not so soon that a busy machine looks like one.
fn short_leases(settings: &mut Settings) {
    settings.set("LEASE__HEARTBEAT_S", "1").set("LEASE__LEASE_S", "4");
}

async fn sigkill_while_sending_loses_nothing(bed: &mut Bed) {
    short_leases(&mut bed.settings);
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let people = team(&process, 3).await;
    bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(50)));
    bed.nats.publish_all("alert", alerts("A", 150, &people)).await;
    let mut at_kills = 0;
    for sent in [60, 250] {
        bed.outbox().reaches(sent).await;
        let pid = process.kill().await;
        at_kills += in_flight(&bed.database, pid).await;
        process = Process::serve(&bed.settings, &[]);
        process.ready().await;
    }
    let tally = tally(450, at_kills, bed.outbox(), &bed.database, &process.api()).await;
    tally.check();
    println!("{tally:?}");
    assert!(tally.in_flight > 0, "the kills came while sending: {tally:?}");
}

async fn sigterm_finishes_what_is_in_flight_and_strands_nothing(bed: &mut Bed) {
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let people = team(&process, 3).await;
    let mut told = bed.nats.client().await.subscribe("watchbell.out.sent").await.unwrap();
    bed.nats.client().await.flush().await.unwrap();
    bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(300)));
    bed.nats.publish_all("alert", alerts("A", 100, &people)).await;
    bed.outbox().reaches(70).await;
    let began = wait::now();
    let ended = process.terminate().await;
    let took = wait::now() - began;
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(took < Duration::from_secs(5), "stopping took {took:?}:\n{}", ended.log);
    let sent = bed.database.number("SELECT count(*) FROM deliveries WHERE state = 'sent'").await;
    assert_eq!(usize::try_from(sent).unwrap(), bed.outbox().len(), "every call that was made has ended and is on record");
    // Also of what ended while the process did is told, once.
    for _ in 0..sent {
        wait::within("a message to be told of", told.next()).await.unwrap();
    }
    assert!(told.next().now_or_never().is_none());
    assert_eq!(bed.database.number("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL").await, 0);
    assert_eq!(bed.database.number("SELECT count(*) FROM worker_sessions").await, 0);
    // The next one goes on at once, and sends nothing a second time.
    bed.stand_ins.http.behave();
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    tally(300, 0, bed.outbox(), &bed.database, &process.api()).await.check();
}

#[test]
fn a_second_process_on_one_sqlite_file_is_refused() {
    run(Kind::Sqlite, async |bed| {
        let mut first = Process::serve(&bed.settings, &[]);
        first.ready().await;
        let mut second = Process::serve(&bed.settings, &[]);
        second.ended().await.expect_one_line("another Watchbell process uses the database");
        // The lock is the process's: whoever comes after a crash is let in.
        first.kill().await;
        let mut third = Process::serve(&bed.settings, &[]);
        third.ready().await;
    });
}

#[test]
fn two_workers_send_nothing_twice() {
    run(Kind::Postgres, async |bed| {
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let people = team(&rest, 3).await;
        bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(20)));
        let workers = [(); 2].map(|()| Process::serve(&bed.settings, &["--roles", "worker"]));
        for worker in &workers {
            worker.logged("worker.started").await;
        }
        bed.nats.publish_all("alert", alerts("A", 200, &people)).await;
        let tally = tally(600, 0, bed.outbox(), &bed.database, &rest.api()).await;
        tally.check();
        assert_eq!(bed.outbox().len(), 600);
    });
}

#[test]
fn a_worker_that_froze_begins_nothing_that_another_took() {
    run(Kind::Postgres, async |bed| {
        short_leases(&mut bed.settings);
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let people = team(&rest, 3).await;
        bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(100)));
        let frozen = Process::serve(&bed.settings, &["--roles", "worker"]);
        frozen.logged("worker.started").await;
        bed.nats.publish_all("alert", alerts("A", 200, &people)).await;
        bed.outbox().reaches(100).await;
        frozen.freeze();
        let at_freeze = in_flight(&bed.database, frozen.id()).await;
        let other = Process::serve(&bed.settings, &["--roles", "worker"]);
        other.logged("worker.started").await;
        tally(600, at_freeze, bed.outbox(), &bed.database, &rest.api()).await.check();
        frozen.thaw();
        frozen.logged("stood still for longer").await;
        // Both work on, and the one that froze has a new life. A request that was being written when it froze may go out after
        // all: its attempt is on record as unknown. What had not begun is sent once.
        bed.nats.publish_all("alert", alerts("B", 100, &people)).await;
        let tally = tally(900, at_freeze, bed.outbox(), &bed.database, &rest.api()).await;
        tally.check();
        println!("{tally:?}");
    });
}

#[test]
fn what_cannot_start_says_why_in_one_line() {
    run(Kind::Sqlite, async |bed| {
        let refused = async |name: &str, value: &str, words: &str| {
            let mut settings = bed.settings.clone();
            settings.set("HTTP__LISTEN", "127.0.0.1:0");
            settings.set(name, value);
            Process::run(&settings, &["serve"]).ended().await.expect_one_line(words);
        };
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        refused("HTTP__LISTEN", &address, &format!("cannot listen on {address}")).await;
        refused("HTTP__LISTENN", "x", "WATCHBELL_HTTP__LISTENN").await;
        refused("LEASE__LEASE_S", "none", "lease.lease_s").await;
        let nobody = "postgres://nobody:secret@127.0.0.1:1/watchbell";
        refused("DATABASE__URL", nobody, "cannot open the PostgreSQL database at 127.0.0.1:1: connection refused").await;
        refused("DATABASE__URL", "sqlite:///proc/nowhere/watchbell.db", "/proc/nowhere").await;
        refused("NATS__URL", "http://127.0.0.1", "nats.url").await;
    });
}
