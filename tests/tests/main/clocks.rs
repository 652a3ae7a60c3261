//! Machines whose clocks are wrong: processes go by the database's, so that it matters nowhere, and each says how far it is off.

use std::time::Duration;

use serde_json::{Value, json};
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::database::Kind;
use watchbell_tests::process::{Process, WrongClock};
use watchbell_tests::stand_ins::Act;
use watchbell_tests::tally::{in_flight, tally};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

const EPOCHS: &str = "SELECT string_agg(epoch::text, ',' ORDER BY epoch) FROM worker_sessions";

/// Three people with an SMS at once, and one a minute later where that is wanted.
async fn team(process: &mut Process, is_delayed: bool) -> Vec<Person> {
    process.ready().await;
    let api = process.api();
    let mut people = Vec::new();
    for number in 1..=3 {
        let person = Person::without_telegram(&api, number).await;
        person.high(&api, "SMS", 0).await;
        if is_delayed {
            person.high(&api, "SMS", 1).await;
        }
        people.push(person);
    }
    people
}

fn alerts(name: &str, count: usize, people: &[Person]) -> Vec<(String, Value)> {
    let responders: Vec<&Person> = people.iter().collect();
    (0..count).map(|n| format!("{name}-{n}")).map(|id| (id.clone(), alert(&id, &responders))).collect()
}

fn short_leases(bed: &mut Bed) {
    bed.settings.set("LEASE__HEARTBEAT_S", "1").set("LEASE__LEASE_S", "4");
}

#[test]
fn nothing_is_early_or_taken_away_where_machines_disagree() {
    run(Kind::Postgres, async |bed| {
        short_leases(bed);
        // One plans, and its planner is ahead; of the workers one is ahead, one behind, one right.
        let (ahead, behind) = (WrongClock::ahead_by(300), WrongClock::ahead_by(-300));
        let mut rest = Process::serve_at(&ahead, &bed.settings, &["--roles", "api,ingest,scheduler"]);
        let people = team(&mut rest, true).await;
        let workers = [
            Process::serve_at(&ahead, &bed.settings, &["--roles", "worker,ingest"]),
            Process::serve_at(&behind, &bed.settings, &["--roles", "worker"]),
            Process::serve(&bed.settings, &["--roles", "worker"]),
        ];
        for worker in &workers {
            worker.logged("worker.started").await;
        }
        for worker in &workers[..2] {
            worker.logged("this machine's clock differs from the database's").await;
        }
        let before = bed.database.texts(EPOCHS).await;
        bed.nats.publish_all("alert", alerts("A", 50, &people)).await;
        bed.outbox().reaches(150).await;
        // Leases run out several times over, and nothing of what is due in a minute is due now.
        wait::pause(Duration::from_secs(12)).await;
        assert_eq!(bed.outbox().len(), 150);
        assert_eq!(bed.database.number("SELECT count(*) FROM deliveries WHERE state = 'scheduled'").await, 150);
        assert_eq!(bed.database.texts(EPOCHS).await, before, "nobody was taken for dead");
        assert!(!workers[2].log().contains("clock differs"), "{}", workers[2].log());
        // Everybody sees how far each is off.
        let off =
            bed.database.texts("SELECT round(clock_ahead_ms / 1000.0)::text FROM worker_sessions WHERE channels <> '[]' ORDER BY 1").await;
        assert_eq!(off, ["-300", "0", "300"]);
        let ready = rest.api().get("/-/ready").await.expect(200);
        let ahead_ms = ready["clockAheadMs"].as_i64().unwrap();
        assert!((299_000..301_000).contains(&ahead_ms), "{ready}");
    });
}

#[test]
fn what_a_dead_worker_held_is_taken_over_in_time_though_its_clock_was_ahead() {
    run(Kind::Postgres, async |bed| {
        short_leases(bed);
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        let people = team(&mut rest, false).await;
        bed.settings.set("LIMITS__RECIPIENT__SMS", "{ calls = 20, per_s = 1 }");
        bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(200)));
        let clock = WrongClock::ahead_by(90);
        let mut killed = Process::serve_at(&clock, &bed.settings, &["--roles", "worker"]);
        killed.logged("worker.started").await;
        bed.nats.publish_all("alert", alerts("A", 60, &people)).await;
        bed.outbox().reaches(60).await;
        let other = Process::serve(&bed.settings, &["--roles", "worker"]);
        other.logged("worker.started").await;
        let pid = killed.kill().await;
        let killed_at = wait::now();
        let at_kill = in_flight(&bed.database, pid).await;
        let left = format!("SELECT count(*) FROM worker_sessions WHERE name LIKE '%:{pid}'");
        wait::until("what the dead had claimed to be taken over", async || bed.database.number(&left).await == 0).await;
        let taken_over = wait::now() - killed_at;
        // Its recipients are not kept waiting by times that it wrote.
        tally(180, at_kill, bed.outbox(), &bed.database, &rest.api()).await.check();
        let all_sent = wait::now() - killed_at;
        println!("90 s ahead and killed: taken over after {taken_over:.1?}, all sent after {all_sent:.1?}");
        assert!(taken_over < Duration::from_secs(10), "{taken_over:?}");
        assert!(all_sent < Duration::from_secs(30), "{all_sent:?}");
    });
}

#[test]
fn a_clock_that_is_set_while_a_worker_sends_changes_nothing() {
    run(Kind::Postgres, async |bed| {
        short_leases(bed);
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,scheduler"]);
        let people = team(&mut rest, true).await;
        bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(100)));
        let clock = WrongClock::ahead_by(0);
        let worker = Process::serve_at(&clock, &bed.settings, &["--roles", "worker,ingest"]);
        let other = Process::serve(&bed.settings, &["--roles", "worker"]);
        for worker in [&worker, &other] {
            worker.logged("worker.started").await;
        }
        let before = bed.database.texts(EPOCHS).await;
        for (at, set) in [3_600, -3_600, 40, 0].into_iter().enumerate() {
            bed.nats.publish_all("alert", alerts(&format!("A{at}"), 20, &people)).await;
            bed.outbox().reaches(60 * at + 20).await;
            clock.set(set);
            wait::pause(Duration::from_secs(3)).await;
        }
        bed.outbox().reaches(240).await;
        assert_eq!(bed.database.texts(EPOCHS).await, before);
        let delayed = "SELECT count(*) FROM deliveries WHERE state = 'scheduled' AND attempts = 0";
        assert_eq!((bed.outbox().len(), bed.database.number(delayed).await), (240, 240));
        assert_eq!(bed.database.number("SELECT count(*) FROM deliveries WHERE attempt_log LIKE '%Unknown%'").await, 0);
        worker.logged("agrees with the database's again").await;
    });
}

#[test]
fn one_process_goes_on_when_its_clock_is_set() {
    run(Kind::Sqlite, async |bed| {
        short_leases(bed);
        bed.settings.set("LIMITS__RECIPIENT__SMS", "{ calls = 1, per_s = 1 }");
        let clock = WrongClock::ahead_by(0);
        let mut process = Process::serve_at(&clock, &bed.settings, &[]);
        let people = team(&mut process, false).await;
        let busy = json!({ "code": 20003, "message": "later", "status": 503 });
        let mut sent = 0;
        // An hour back, an hour ahead of that, a little back.
        for (at, set) in [-3_600, 0, -20].into_iter().enumerate() {
            bed.stand_ins.http.program("Messages.json", Act::answer(503, "", busy.to_string()), 1);
            bed.nats.publish_all("alert", alerts(&format!("A{at}"), 2, &people)).await;
            sent += 6;
            clock.set(set);
            let began = wait::now();
            // The retry comes after seconds, and each recipient's next slot as well.
            wait::until("all to be sent", async || bed.outbox().matching(|sent| sent.accepted).len() >= sent).await;
            let took = wait::now() - began;
            assert!(took < Duration::from_secs(20), "{took:?} after the clock was set to {set}");
        }
        tally(sent, 0, bed.outbox(), &bed.database, &process.api()).await.check();
    });
}
