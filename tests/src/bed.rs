//! One test's world.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use watchbell_core::delivery::State;
use watchbell_core::{Clock, ManualClock, Timestamp};
use watchbell_store::Store;
use watchbell_store::history::{Delivery, DeliveryFilter};

use crate::broker::Nats;
use crate::client::Client;
use crate::database::{Database, Kind};
use crate::server::Running;
use crate::settings::Settings;
use crate::stand_ins::{Outbox, StandIns};
use crate::wait;

/// No test takes longer, unless something hangs.
const LONGEST: Duration = Duration::from_mins(3);

/// A database, a nats-server, providers, and a clock; the server is started by the test.
#[derive(Debug)]
pub struct Bed {
    pub database: Arc<Database>,
    pub nats: Nats,
    pub stand_ins: StandIns,
    pub clock: ManualClock,
    pub settings: Settings,
    server: Option<Running>,
}

/// Makes two tests, one on each database, of each `async fn(&mut Bed)`.
#[macro_export]
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn sqlite() {
                $crate::bed::run($crate::database::Kind::Sqlite, super::$test);
            }

            #[test]
            fn postgres() {
                $crate::bed::run($crate::database::Kind::Postgres, super::$test);
            }
        }
    )+};
}

/// Runs a test in a world of its own, which is gone afterwards, also when the test fails.
pub fn run(kind: Kind, test: impl AsyncFnOnce(&mut Bed)) {
    with_database(kind, async |database| {
        let mut bed = Bed::new(database).await;
        test(&mut bed).await;
        bed.stop().await;
    });
}

/// As [`run`], for tests that put the whole machine to work and look at the clock: one of them at a time, or each measures the other.
pub fn run_by_itself(kind: Kind, test: impl AsyncFnOnce(&mut Bed)) {
    static BUSY: Mutex<()> = Mutex::new(());
    // What a test that failed had is free.
    let _turn = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
    run(kind, test);
}

/// Runs a test with nothing but a database, which is dropped afterwards, also when the test fails.
pub fn with_database(kind: Kind, test: impl AsyncFnOnce(Arc<Database>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let database = Arc::new(runtime.block_on(Database::create(kind)));
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(wait::in_time(LONGEST, "the test to end", test(Arc::clone(&database))));
    }));
    let deadlocks = runtime.block_on(database.deadlocks());
    runtime.block_on(database.remove());
    if let Err(panic) = result {
        resume_unwind(panic);
    }
    // Each costs whoever waits a second, and none is needed: everything is locked in one order.
    assert_eq!(deadlocks, 0, "deadlocks in PostgreSQL (40P01)");
}

impl Bed {
    /// Everything but a server is running.
    pub async fn new(database: Arc<Database>) -> Self {
        show_logs();
        let nats = Nats::start().await;
        let stand_ins = StandIns::start().await;
        let mut settings = Settings::new(&database.url(), &nats.url());
        stand_ins.configure(&mut settings);
        Self { database, nats, stand_ins, clock: ManualClock::new(start()), settings, server: None }
    }

    /// Starts a server in this process, on the test's clock.
    pub async fn start(&mut self) {
        assert!(self.server.is_none(), "the server runs already");
        let server = Running::start(&self.settings, Arc::new(self.clock.clone())).await;
        self.server = Some(server.unwrap_or_else(|error| panic!("the server does not start: {error}")));
    }

    /// Stops the server as SIGTERM would.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    fn server(&self) -> &Running {
        self.server.as_ref().expect("the test has to start the server first")
    }

    /// An admin's client.
    pub fn api(&self) -> &Client {
        &self.server().api
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        self.server().store()
    }

    pub fn outbox(&self) -> &Outbox {
        &self.stand_ins.outbox
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Publishes an event that happened now, and waits until it is planned and all that was due of it has been dealt with.
    pub async fn publish(&self, kind: &str, id: &str, data: &Value) {
        self.nats.publish(kind, id, self.now(), data).await;
        self.quiet().await;
    }

    /// Moves the clock, and waits until all that is due by then has been dealt with.
    pub async fn advance(&self, by: Duration) {
        // A call in flight would take the moved clock for a provider's slowness.
        self.quiet().await;
        self.clock.advance(by);
        self.quiet().await;
    }

    /// Waits until every event is planned, no call is under way, and nothing is due. What was not sent by then will not be,
    /// unless the clock is moved or something happens.
    pub async fn quiet(&self) {
        wait::until("everything published to be taken", async || self.nats.is_drained().await).await;
        let mut open = Vec::new();
        let closed = wait::until("nothing to be due", async || {
            open = self.open().await;
            open.is_empty()
        });
        let all_closed = tokio::time::timeout(wait::PATIENCE / 2, closed).await.is_ok();
        assert!(all_closed, "at {} these are still under way or due: {open:#?}", self.now());
    }

    /// What is being sent, or could be now.
    async fn open(&self) -> Vec<Delivery> {
        let store = self.server().store();
        let in_state = async |state, to| {
            let filter = DeliveryFilter { state: Some(state), to, limit: 1000, ..DeliveryFilter::default() };
            store.deliveries(&filter).await.unwrap()
        };
        let now = self.now();
        // What has begun can be scheduled again, and what is scheduled can begin: looking at it twice misses nothing.
        let mut open = in_state(State::Sending, None).await;
        open.extend(in_state(State::Scheduled, Some(now.plus_ms(1))).await);
        open.extend(in_state(State::Sending, None).await);
        open.retain(|delivery| delivery.state == State::Sending || delivery.ready_at <= now);
        open
    }
}

/// When every test's clock begins: a Monday in the past, so that the broker's timestamps, which are the machine's, are later
/// than the events' own times however far a test moves its clock.
pub fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2026-03-02T08:00:00Z").unwrap()
}

/// `RUST_LOG=info` shows what servers in this process log.
fn show_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    // Fails only if it has been done already.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
}
