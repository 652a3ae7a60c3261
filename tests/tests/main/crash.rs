//! Crashes at random moments: of every role, of the broker, of the database, and of the disk's patience.
//!
//! Thousands of pages flow while processes are killed and started again. In the end nothing is lost, and nothing is doubled but
//! what a provider was being called for when somebody died, which is on record. `WATCHBELL_TEST_SEED` repeats a run's moments.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tokio::task::JoinHandle;
use watchbell_core::Timestamp;
use watchbell_tests::bed::{Bed, run, with_database};
use watchbell_tests::database::{Database, Kind};
use watchbell_tests::postgres_server::PostgresServer;
use watchbell_tests::process::Process;
use watchbell_tests::settings::Settings;
use watchbell_tests::stand_ins::{Act, StandIns};
use watchbell_tests::tally::{Tally, in_flight, tally};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

/// Responders of every event.
const RESPONDERS: usize = 3;
/// Events, as many as the machine manages in [`FLOW`], within these bounds.
const FEWEST: usize = 1_000;
const MOST: usize = 5_000;
const FLOW: Duration = Duration::from_mins(1);
/// The design's bound from a kill to normal flow.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// No process died, but something that processes need.
const NOBODY: u32 = 0;

/// A crash is noticed sooner than by default, but not so soon that a busy machine looks like one.
fn prepare(settings: &mut Settings, stand_ins: &StandIns) {
    settings.set("LEASE__HEARTBEAT_S", "1").set("LEASE__LEASE_S", "4");
    stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(50)));
}

fn seeded() -> StdRng {
    let seed = std::env::var("WATCHBELL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| rand::rng().random());
    println!("WATCHBELL_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// Thirty people who get an SMS at once.
async fn team(process: &mut Process) -> Vec<Person> {
    process.ready().await;
    let api = process.api();
    let mut people = Vec::new();
    for number in 0..30 {
        let person = Person::without_telegram(&api, number).await;
        person.high(&api, "SMS", 0).await;
        people.push(person);
    }
    people
}

/// Events number `from` to `to`, each with its own three responders.
fn events(from: usize, to: usize, people: &[Person]) -> Vec<(String, Value)> {
    let responders = |n: usize| (0..RESPONDERS).map(|k| &people[(n + k * 7) % people.len()]).collect::<Vec<_>>();
    (from..to).map(|n| (format!("E-{n}"), alert(&format!("E-{n}"), &responders(n)))).collect()
}

/// Processes of one kind, which are killed and started again.
struct Herd {
    roles: &'static str,
    members: Vec<Process>,
}

/// What the kills of a test did.
#[derive(Debug, Default)]
struct Kills {
    count: usize,
    in_flight: usize,
    /// From each kill to normal flow.
    returns: Vec<JoinHandle<Duration>>,
}

impl Herd {
    fn start(roles: &'static str, size: usize, settings: &Settings) -> Self {
        Self { roles, members: (0..size).map(|_| Process::serve(settings, &["--roles", roles])).collect() }
    }

    /// Kills one of them and starts another in its place.
    async fn replace(&mut self, at: usize, bed: &Bed, kills: &mut Kills) {
        let killed_at = wait::now();
        let pid = self.members[at].kill().await;
        kills.in_flight += in_flight(&bed.database, pid).await;
        self.members[at] = Process::serve(&bed.settings, &["--roles", self.roles]);
        kills.note(killed_at, pid, bed);
    }
}

impl Kills {
    /// From now on watches for the return to normal flow: what the dead had claimed is taken over, and messages go out.
    fn note(&mut self, killed_at: Timestamp, dead: u32, bed: &Bed) {
        self.count += 1;
        let (database, outbox, calls) = (Arc::clone(&bed.database), bed.outbox().clone(), bed.outbox().len());
        let left = format!("SELECT count(*) FROM worker_sessions WHERE name LIKE '%:{dead}'");
        let open = "SELECT count(*) FROM deliveries WHERE state IN ('scheduled', 'sending')";
        // On a thread of its own: what waits here borrows across its waits, so it cannot move between threads.
        let runtime = tokio::runtime::Handle::current();
        self.returns.push(tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                wait::until("what the dead had claimed to be taken over", async || database.number(&left).await == 0).await;
                wait::until("messages to go out again", async || outbox.len() > calls || database.number(open).await == 0).await;
                wait::now() - killed_at
            })
        }));
    }

    async fn report(self, name: &str, events: usize, tally: &Tally, took: Duration) {
        let returns: Vec<Duration> = futures::future::join_all(self.returns).await.into_iter().map(Result::unwrap).collect();
        let slowest = returns.iter().max().copied().unwrap_or_default();
        println!(
            "{name}: {events} events × {RESPONDERS} responders in {took:.1?}, {} kills: lost {}, doubled {}, unknown {}, in flight at kills {}, \
             slowest return to normal flow {slowest:.1?}",
            self.count, tally.lost, tally.doubled, tally.unknown, tally.in_flight
        );
        tally.check();
        assert!(slowest < BACK_WITHIN, "{returns:?}");
    }
}

#[test]
fn killed_processes_of_every_role() {
    run(Kind::Postgres, async |bed| {
        let mut chance = seeded();
        prepare(&mut bed.settings, &bed.stand_ins);
        let mut api = Herd::start("api,scheduler", 1, &bed.settings);
        let people = team(&mut api.members[0]).await;
        let mut ingest = Herd::start("ingest", 2, &bed.settings);
        let mut workers = Herd::start("worker", 2, &bed.settings);
        let began = wait::now();
        // How many the machine manages.
        bed.nats.publish_all("alert", events(0, 100, &people)).await;
        bed.outbox().reaches(100 * RESPONDERS).await;
        let took = wait::now() - began;
        let count = (100.0 * FLOW.as_secs_f64() / took.as_secs_f64()).clamp(FEWEST as f64, MOST as f64) as usize;
        let planned = count * RESPONDERS;
        let publish = bed.nats.publish_all("alert", events(100, count, &people));
        let mut kills = Kills::default();
        let kill = async {
            // Moments are places in the flow, so that a run with the same seed does the same on a faster machine.
            let last = (planned - planned / 8 - 300) as f64;
            let mut moments: Vec<usize> = (0..9).map(|_| 300 + (chance.random::<f64>() * last) as usize).collect();
            moments.sort_unstable();
            for (at, moment) in moments.into_iter().enumerate() {
                let progress = async || bed.outbox().len() >= moment;
                wait::until(&format!("message {moment}"), progress).await;
                match at {
                    0..3 => workers.replace(at % 2, bed, &mut kills).await,
                    3..5 => ingest.replace(at % 2, bed, &mut kills).await,
                    5 | 6 => api.replace(0, bed, &mut kills).await,
                    _ => {
                        for (herd, size) in [(&mut workers, 2), (&mut ingest, 2), (&mut api, 1)] {
                            for member in 0..size {
                                herd.replace(member, bed, &mut kills).await;
                            }
                        }
                    }
                }
            }
        };
        futures::join!(publish, kill);
        api.members[0].ready().await;
        let tally = tally(planned, kills.in_flight, bed.outbox(), &bed.database, &api.members[0].api()).await;
        kills.report("killed processes", count, &tally, wait::now() - began).await;
    });
}

#[test]
fn nats_server_killed() {
    run(Kind::Postgres, async |bed| {
        prepare(&mut bed.settings, &bed.stand_ins);
        let mut process = Process::serve(&bed.settings, &[]);
        let people = team(&mut process).await;
        let began = wait::now();
        let mut kills = Kills::default();
        for round in 0..3 {
            // The stream has them all when the server is killed; Watchbell has read some.
            bed.nats.publish_all("alert", events(round * 100, (round + 1) * 100, &people)).await;
            let killed_at = wait::now();
            bed.nats.kill().await;
            bed.nats.up().await;
            kills.note(killed_at, NOBODY, bed);
        }
        let tally = tally(300 * RESPONDERS, 0, bed.outbox(), &bed.database, &process.api()).await;
        kills.report("killed nats-server", 300, &tally, wait::now() - began).await;
    });
}

#[test]
fn postgresql_killed() {
    with_database(Kind::Sqlite, async |_| {
        let mut server = PostgresServer::start().await;
        let database = Arc::new(Database::on_server(&server.url()).await);
        let mut bed = Bed::new(database).await;
        prepare(&mut bed.settings, &bed.stand_ins);
        let mut process = Process::serve(&bed.settings, &[]);
        let people = team(&mut process).await;
        let began = wait::now();
        let mut kills = Kills::default();
        let publish = bed.nats.publish_all("alert", events(0, 300, &people));
        let kill = async {
            for sent in [150, 450] {
                bed.outbox().reaches(sent).await;
                // Answers that come while the database is away are kept until it is back.
                let killed_at = wait::now();
                server.kill().await;
                wait::pause(Duration::from_millis(500)).await;
                server.up().await;
                kills.in_flight += in_flight(&bed.database, process.id()).await;
                kills.note(killed_at, NOBODY, &bed);
            }
        };
        futures::join!(publish, kill);
        let tally = tally(300 * RESPONDERS, kills.in_flight, bed.outbox(), &bed.database, &process.api()).await;
        kills.report("killed PostgreSQL", 300, &tally, wait::now() - began).await;
        process.kill().await;
    });
}

#[test]
fn sqlite_on_a_full_disk() {
    run(Kind::Sqlite, async |bed| {
        prepare(&mut bed.settings, &bed.stand_ins);
        let mut process = Process::serve_on_small_disk(&bed.settings);
        let people = team(&mut process).await;
        let began = wait::now();
        bed.nats.publish_all("alert", events(0, 50, &people)).await;
        bed.outbox().reaches(20).await;
        // Nothing grows any more.
        process.limit_files(Some(1));
        bed.nats.publish_all("alert", events(50, 200, &people)).await;
        process.logged("disk").await;
        wait::pause(Duration::from_secs(1)).await;
        process.limit_files(None);
        let freed_at = wait::now();
        let mut kills = Kills::default();
        kills.note(freed_at, NOBODY, bed);
        // What was being sent when nothing could be written is written now.
        let tally = tally(200 * RESPONDERS, 0, bed.outbox(), &bed.database, &process.api()).await;
        kills.report("full disk", 200, &tally, wait::now() - began).await;
    });
}
