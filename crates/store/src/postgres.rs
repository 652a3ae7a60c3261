//! PostgreSQL: any number of processes.

mod listen;
mod reach;
mod time;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use watchbell_core::Clock;

use crate::columns::{Column, Field, Row};
use crate::connections::{HEARTBEATS, LISTENER, too_few};
use crate::dialect::{PLAN_EACH_TIME, PLAN_FOR_LARGE_TABLES};
use crate::pool::{Backend, Connect, Limits, Pool};
use crate::{Options, Planner, Store, StoreError};

pub(crate) type Db = sqlx::Postgres;
pub(crate) const DIALECT: crate::dialect::Dialect = crate::dialect::Dialect::Postgres;
pub(crate) const BEGIN: &str = "BEGIN";
pub(crate) use crate::dialect::BEGIN_CHANGE;
/// Every statement of the transaction sees the database as it was at the first one.
pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How a batch is bound.
pub(crate) type Argument = Column;

#[expect(clippy::unnecessary_wraps, reason = "as SQLite has it, where it is written as JSON")]
pub(crate) fn columns<R: Row>(rows: &[R]) -> Result<Vec<Argument>, StoreError> {
    Ok(Column::all(rows))
}

#[expect(clippy::unnecessary_wraps, reason = "as SQLite has it, where it is written as JSON")]
pub(crate) fn array<F: Field>(items: impl IntoIterator<Item = F>) -> Result<Argument, StoreError> {
    Ok(Column::list(items))
}

#[path = "sql/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "one body of SQL, compiled once for each database")]
pub(crate) mod sql;

/// Told to the server on each connection, all with one statement. (SET, not start-up options: poolers refuse those.)
///
/// A process that freezes in the middle of a transaction would hold its locks until it wakes, and nobody could take over what it
/// had claimed: no transaction here waits for its own process that long. What this process has given up, the server gives up as
/// well, whatever an operator's defaults are; and a client that is gone without a word is noticed while it holds locks.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '5s'; SET statement_timeout = '6s'; SET lock_timeout = 0; \
     SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '10s'; ";

/// Soon enough that a host that has gone silent costs less than ten seconds, and long enough for any statement here: the longest
/// ones plan or delete some hundred rows.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(4),
    check: Duration::from_secs(4),
    statement: Duration::from_secs(5),
    acquire: Duration::from_secs(10),
};

/// A heartbeat must have been given up, and made again on another connection, before a lease is lost.
const HEARTBEATS_LIMITS: Limits = Limits { statement: Duration::from_millis(3_500), check: Duration::from_secs(2), ..LIMITS };

static MIGRATIONS: sqlx::migrate::Migrator = sqlx_macros::migrate!("../../migrations/postgres");

impl Backend for Db {
    fn roll_back(connection: &mut PgConnection) -> BoxFuture<'_, Result<(), sqlx::Error>> {
        Box::pin(async move { connection.execute("ROLLBACK").await.map(|_| ()) })
    }
}

pub(crate) async fn open(options: &Options, planner: Arc<dyn Planner>, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    if let Some(sentence) = too_few(options.max_connections, options.api_connections) {
        return Err(StoreError::Unusable(sentence));
    }
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(|_| StoreError::Unusable("database.url must be such as postgres://user:password@host:5432/watchbell".to_owned()))?
        .application_name("watchbell")
        .statement_cache_capacity(256);
    let mut first = reach::reach(&connect, clock.as_ref()).await?;
    crate::migrations::run(&MIGRATIONS, &mut first).await?;
    // It has served its purpose, however it ends.
    let _ = first.close().await;
    let pool = |name, most: u32, limits, planning| {
        Pool::new(most as usize, limits, options.metrics.of(name), connecting(connect.clone(), planning))
    };
    let write = pool("engine", options.max_connections - HEARTBEATS - LISTENER - options.api_connections, LIMITS, PLAN_FOR_LARGE_TABLES);
    let read = if options.api_connections == 0 { write.clone() } else { pool("api", options.api_connections, LIMITS, PLAN_EACH_TIME) };
    let pools = sql::Pools {
        heartbeats: pool("heartbeats", HEARTBEATS, HEARTBEATS_LIMITS, PLAN_FOR_LARGE_TABLES),
        edit: read.clone(),
        read,
        write,
    };
    let wakes = Arc::default();
    if let Some(shared) = clock.shared() {
        time::read_well(&pools.heartbeats, shared).await.map_err(|error| {
            StoreError::Unusable(format!("the clock of the PostgreSQL database cannot be read: {}", watchbell_core::error_chain(&error)))
        })?;
        tokio::spawn(time::keep(pools.heartbeats.clone(), Arc::clone(&clock), Arc::downgrade(&wakes)));
    }
    listen::listen(connect, Arc::downgrade(&wakes));
    let store = sql::SqlStore::new(pools, planner, clock, options, wakes, None);
    store.look_for_ambiguous_names().await?;
    Ok(Arc::new(store))
}

/// `planning`: how PostgreSQL plans the statements of such a connection.
fn connecting(options: PgConnectOptions, planning: &'static str) -> Connect<Db> {
    let options = Arc::new(options);
    Box::new(move || {
        let options = Arc::clone(&options);
        Box::pin(async move {
            let mut connection = options.connect().await?;
            connection.execute(AssertSqlSafe(format!("{SETTINGS}{planning}"))).await?;
            Ok(connection)
        })
    })
}
