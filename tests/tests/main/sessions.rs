//! Sessions of living workers outlive whatever happens to their connections: nobody takes over what they are sending.

use std::time::Duration;

use watchbell_core::Timestamp;
use watchbell_tests::bed::{Bed, run, with_database};
use watchbell_tests::breaking_proxy::BreakingProxy;
use watchbell_tests::database::{Database, Kind};
use watchbell_tests::postgres_server::PostgresServer;
use watchbell_tests::process::Process;
use watchbell_tests::settings::Settings;
use watchbell_tests::stand_ins::Act;
use watchbell_tests::tally::tally;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

const ALERTS: usize = 500;
const STORM: Duration = Duration::from_secs(25);

/// Two workers beside the rest, under load.
struct Crew {
    rest: Process,
    workers: Vec<Process>,
    people: Vec<Person>,
}

impl Crew {
    async fn start(bed: &Bed, settings: &Settings) -> Self {
        bed.stand_ins.http.program_always("Messages.json", Act::slowly(Duration::from_millis(200)));
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let mut people = Vec::new();
        for number in 1..=3 {
            let person = Person::without_telegram(&rest.api(), number).await;
            person.high(&rest.api(), "SMS", 0).await;
            people.push(person);
        }
        // They plan as well, so that the short way is taken too.
        let workers: Vec<Process> = (0..2).map(|_| Process::serve(settings, &["--roles", "worker,ingest"])).collect();
        for worker in &workers {
            worker.logged("worker.started").await;
        }
        Self { rest, workers, people }
    }

    /// Alerts flow while `strike` happens again and again; nothing is lost, no session, and nothing is sent twice.
    async fn weather(mut self, bed: &Bed, name: &str, mut strike: impl AsyncFnMut()) {
        let epochs = "SELECT string_agg(epoch::text, ',' ORDER BY epoch) FROM worker_sessions";
        let before = bed.database.texts(epochs).await;
        let responders: Vec<&Person> = self.people.iter().collect();
        let publish = async {
            for n in 0..ALERTS {
                let id = format!("A-{n}");
                bed.nats.publish("alert", &id, wait::now(), &alert(&id, &responders)).await;
                wait::pause(STORM / u32::try_from(ALERTS).unwrap()).await;
            }
        };
        let began: Timestamp = wait::now();
        let storm = async {
            let mut strikes = 0;
            while wait::now() - began < STORM {
                strike().await;
                strikes += 1;
            }
            strikes
        };
        let ((), strikes) = futures::join!(publish, storm);
        let tally = tally(3 * ALERTS, 0, bed.outbox(), &bed.database, &self.rest.api()).await;
        let after = bed.database.texts(epochs).await;
        println!("{name}: {strikes} strikes in {STORM:?}: sessions {before:?} before, {after:?} after; {tally:?}");
        assert_eq!(before, after, "a living worker has lost its session: {}", self.workers[0].log());
        tally.check();
        for worker in &mut self.workers {
            worker.kill().await;
        }
        self.rest.kill().await;
    }
}

#[test]
fn outlive_connections_that_the_server_ends() {
    run(Kind::Postgres, async |bed| {
        let crew = Crew::start(bed, &bed.settings).await;
        let end_all = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        crew.weather(bed, "connections that the server ends", async || {
            bed.database.number(end_all).await;
            wait::pause(Duration::from_millis(700)).await;
        })
        .await;
    });
}

#[test]
fn outlive_connections_that_break_without_the_server_noticing() {
    with_database(Kind::Sqlite, async |_| {
        let server = PostgresServer::start().await;
        let database = std::sync::Arc::new(Database::on_server(&server.url()).await);
        let bed = Bed::new(database).await;
        let proxy = BreakingProxy::start(server.port()).await;
        let mut settings = bed.settings.clone();
        settings.set("DATABASE__URL", &bed.database.url().replace(&format!(":{}", server.port()), &format!(":{}", proxy.port())));
        let crew = Crew::start(&bed, &settings).await;
        // The worker's side is closed, the server's stays open: what was locked there stays locked until the server looks.
        crew.weather(&bed, "connections that break", async || {
            proxy.cut();
            wait::pause(Duration::from_millis(900)).await;
        })
        .await;
    });
}
