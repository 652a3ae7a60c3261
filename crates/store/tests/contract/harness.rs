//! A store on a fresh database, with a clock that the test moves, and a second way into its tables.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use watchbell_core::contact::{Contact, ContactKind};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{Event, EventData, SubscriptionData};
use watchbell_core::rule::Trigger;
use watchbell_core::user::User;
use watchbell_core::{Channel, DeliveryId, EventId, FollowUp, ManualClock, Timestamp, UserId};
use watchbell_store::access::Actor;
use watchbell_store::directory::NewUser;
use watchbell_store::facts::{Alert, AlertState, Planned, Reach, UserFacts};
use watchbell_store::{Facts, Options, Plan, Planner, Policy, Scope, Store, StoreError};

/// Makes two tests, one for each database, of each `async fn(&Bed)`.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[test]
            fn sqlite() {
                $crate::harness::run(false, super::$test);
            }

            #[test]
            fn postgres() {
                $crate::harness::run(true, super::$test);
            }
        }
    )+};
}

/// No test takes longer, unless something hangs.
const LONGEST: Duration = Duration::from_mins(2);

/// When every test begins: 2026-11-20T08:00:00Z.
pub const START: i64 = 1_795_161_600_000;

pub const BY: Actor = Actor::System;

/// A store to be tested, with what a test needs beside it.
pub struct Bed {
    pub store: Arc<dyn Store>,
    pub clock: ManualClock,
    pub options: Options,
    raw: Mutex<Raw>,
    _folder: tempfile::TempDir,
}

enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs a test on a fresh database, which is dropped afterwards, also when the test fails.
pub fn run(postgres: bool, test: impl AsyncFnOnce(&Bed)) {
    run_planned(postgres, Arc::new(PlansNews), test);
}

/// The same with a planner of the test's own.
pub fn run_planned(postgres: bool, planner: Arc<dyn Planner>, test: impl AsyncFnOnce(&Bed)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let database = postgres.then(|| Database::create(&runtime));
    let url = database.as_ref().map(|database| database.url.clone());
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let bed = Bed::new(url, planner).await;
            tokio::time::timeout(LONGEST, test(&bed)).await.expect("the test hangs");
        });
    }));
    if let Some(database) = database {
        database.drop(&runtime);
    }
    if let Err(panic) = result {
        resume_unwind(panic);
    }
}

impl Bed {
    async fn new(postgres: Option<String>, planner: Arc<dyn Planner>) -> Self {
        let clock = ManualClock::new(Timestamp::from_millis(START));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("watchbell.db");
        let url = postgres.unwrap_or_else(|| format!("sqlite://{}", file.display()));
        let options = Options::new(url);
        let store = watchbell_store::open(&options, planner, Arc::new(clock.clone())).await.unwrap();
        let raw = if options.url.starts_with("sqlite") {
            let connect = SqliteConnectOptions::new().filename(&file).busy_timeout(Duration::from_secs(10)).foreign_keys(true);
            Raw::Sqlite(connect.connect().await.unwrap())
        } else {
            Raw::Postgres(PgConnectOptions::from_str(&options.url).unwrap().connect().await.unwrap())
        };
        Self { store, clock, options, raw: Mutex::new(raw), _folder: folder }
    }

    pub fn is_sqlite(&self) -> bool {
        self.options.url.starts_with("sqlite")
    }

    pub fn now(&self) -> Timestamp {
        watchbell_core::Clock::now(&self.clock)
    }

    /// Opens the same database once more, as another process would.
    pub async fn open_again(&self) -> Result<Arc<dyn Store>, StoreError> {
        watchbell_store::open(&self.options, Arc::new(PlansNews), Arc::new(self.clock.clone())).await
    }

    /// Writes to the tables past the store.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &mut *self.raw.lock().await {
            Raw::Sqlite(raw) => drop(raw.execute(sql).await.unwrap()),
            Raw::Postgres(raw) => drop(raw.execute(sql).await.unwrap()),
        }
    }

    /// Reads one number past the store.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &mut *self.raw.lock().await {
            Raw::Sqlite(raw) => sqlx::query_scalar(sql).fetch_one(raw).await.unwrap(),
            Raw::Postgres(raw) => sqlx::query_scalar(sql).fetch_one(raw).await.unwrap(),
        }
    }

    /// How the database would run one of the engine's statements, whatever its parameters are.
    pub async fn explain(&self, sql: &str) -> String {
        self.explain_planned_by(watchbell_store::dialect::PLAN_FOR_LARGE_TABLES, sql).await
    }

    /// The same under other settings of PostgreSQL's planner.
    pub async fn explain_planned_by(&self, settings: &'static str, sql: &str) -> String {
        let lines: Vec<String> = match &mut *self.raw.lock().await {
            Raw::Sqlite(raw) => {
                let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
                let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(raw).await.unwrap();
                rows.into_iter().map(|row| row.3).collect()
            }
            Raw::Postgres(raw) => {
                let parameters = (1..60).take_while(|n| sql.contains(&format!("${n}"))).map(|_| "NULL").collect::<Vec<_>>().join(", ");
                let call = if parameters.is_empty() { "seen".to_owned() } else { format!("seen({parameters})") };
                raw.execute(settings).await.unwrap();
                let prepared = raw.execute(AssertSqlSafe(format!("PREPARE seen AS {sql}"))).await;
                prepared.unwrap_or_else(|error| panic!("{error}: {sql}"));
                let lines = sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN EXECUTE {call}"))).fetch_all(&mut *raw).await.unwrap();
                raw.execute("DEALLOCATE seen").await.unwrap();
                lines
            }
        };
        lines.join("\n")
    }

    /// A user of that name with nothing else.
    pub async fn user(&self, username: &str) -> User {
        self.store.create_user(BY, named(username)).await.unwrap()
    }

    /// A delivery of that user in that state, due at the clock's time, on the email channel.
    pub async fn delivery(&self, id: &str, user: UserId, state: &str) {
        let now = self.now().as_millis();
        self.execute(&format!(
            "INSERT INTO deliveries (id, scope, event_id, alert_id, subject, user_id, purpose, cause, channel, address, rules, critical, rank, \
             due_at, ready_at, state, attempts, created_at, updated_at) VALUES ('{id}', 'alert:1:A-1', 'E1', 'A-1', 'alert:A-1', {user}, 'rule', \
             'alert_high', 'email', 'an…@example.org', '[7]', FALSE, 0, {now}, {now}, '{state}', 0, {now}, {now})"
        ))
        .await;
        self.queue_anew().await;
    }

    /// Writes what deliveries are found by anew, after they were written past the store.
    pub async fn queue_anew(&self) {
        for statement in [
            "DELETE FROM ready_queue",
            "DELETE FROM failures",
            "INSERT INTO failures (id) SELECT id FROM deliveries WHERE state = 'failed'",
        ] {
            self.execute(statement).await;
        }
        self.execute(
            "INSERT INTO ready_queue (id, user_id, channel, rank, ready_at, collect) SELECT id, user_id, channel, \
             CASE WHEN lease IS NOT NULL THEN 3 WHEN state = 'held' THEN 2 ELSE rank END, ready_at, collect FROM deliveries \
             WHERE state IN ('scheduled', 'held')",
        )
        .await;
    }
}

/// What a user is made from who has a name and nothing else.
pub fn named(username: &str) -> NewUser {
    NewUser { username: username.to_owned(), ..NewUser::default() }
}

/// The planner of tests that are not about planning: news go at once, by email, to whom they name.
#[derive(Debug)]
pub struct PlansNews;

impl Planner for PlansNews {
    fn plan(&self, event: &Event, facts: &Facts, now: Timestamp) -> Plan {
        let EventData::Subscription(_) = event.data else { return Plan::default() };
        let contacts = facts.policies.values().flat_map(|policy| &policy.contacts).filter(|contact| contact.kind == ContactKind::Email);
        let news = |contact: &Contact| Planned {
            id: DeliveryId::derive(now, &[event.id().as_str(), &contact.id.to_string()]),
            scope: Scope::Event(event.id()),
            event_id: event.id(),
            alert_id: None,
            category: None,
            user_id: contact.user_id,
            purpose: Purpose::Rule,
            trigger: Trigger::Subscription,
            channel: Channel::Email,
            contact_id: Some(contact.id),
            device_id: None,
            address: "…".to_owned(),
            rules: Vec::new(),
            critical: false,
            due_at: now,
            ready_at: now,
            expires_at: None,
            state: State::Scheduled,
            reason: None,
            expedited: false,
            attempts: 0,
            collect: None,
            named_as: None,
            repetition: 0,
        };
        Plan { insert: contacts.map(news).collect(), ..Plan::default() }
    }

    fn plan_members(
        &self,
        _: &EventId,
        _: &SubscriptionData,
        _: Timestamp,
        _: &HashMap<UserId, Arc<Policy>>,
        _: &[Channel],
        _: Timestamp,
    ) -> Plan {
        Plan::default()
    }

    fn behind(&self, _: &Event) -> BTreeSet<String> {
        BTreeSet::new()
    }

    fn follow_up(&self, _: &FollowUp, _: Timestamp) -> Option<Event> {
        None
    }

    fn next(&self, _: &FollowUp) -> Option<FollowUp> {
        None
    }

    fn replan(&self, _: &UserFacts, _: Timestamp) -> Plan {
        Plan::default()
    }

    fn reach(&self, _: &Policy) -> Reach {
        Reach::default()
    }

    fn close(&self, alert: &Alert, _: Timestamp) -> Plan {
        Plan { alert: Some(Alert { state: AlertState::Resolved, ..alert.clone() }), ..Plan::default() }
    }
}

/// A database of one test on the server that all tests use.
struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    fn create(runtime: &Runtime) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("WATCHBELL_TEST_POSTGRES_URL").expect(
            "WATCHBELL_TEST_POSTGRES_URL is not set: this test needs a PostgreSQL server on which it may make databases; `make test` starts one",
        );
        let server = PgConnectOptions::from_str(&url)
            .expect("WATCHBELL_TEST_POSTGRES_URL must be such as postgres://postgres@127.0.0.1:5432/postgres");
        let name = format!("contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let url = server.clone().database(&name).to_url_lossy().to_string();
        let database = Self { server, name, url };
        // A process of the same number may have been killed before it could drop its own.
        database.on_server(runtime, format!("DROP DATABASE IF EXISTS {}", database.name));
        database.on_server(runtime, format!("CREATE DATABASE {}", database.name));
        database
    }

    fn drop(self, runtime: &Runtime) {
        self.on_server(runtime, format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }

    fn on_server(&self, runtime: &Runtime, sql: String) {
        runtime.block_on(async {
            let mut server = self.server.connect().await.expect("the PostgreSQL server of WATCHBELL_TEST_POSTGRES_URL must be reachable");
            server.execute(AssertSqlSafe(sql)).await.unwrap();
            server.close().await.unwrap();
        });
    }
}
