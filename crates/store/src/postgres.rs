//! PostgreSQL: any number of processes.

mod reach;

use std::str::FromStr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use watchbell_core::{Channel, Clock};

use crate::columns::{Column, Field, Row};
use crate::{Options, Planner, Store, StoreError, Wakes};

pub(crate) type Db = sqlx::Postgres;
pub(crate) const DIALECT: crate::dialect::Dialect = crate::dialect::Dialect::Postgres;
pub(crate) const BEGIN: &str = "BEGIN";

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

/// A process that freezes in the middle of a transaction would hold its locks until it wakes, and nobody could take over what
/// it had claimed. No transaction here waits for its own process that long. (SET, not a start-up option: poolers refuse those.)
const END_FROZEN_TRANSACTIONS: &str = "SET idle_in_transaction_session_timeout = '3s'";

/// A connection that was used so lately is taken to work.
const TRUSTED: Duration = Duration::from_millis(500);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/postgres");

pub(crate) async fn open(options: &Options, planner: Arc<dyn Planner>, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    let connect = PgConnectOptions::from_str(&options.url)
        .map_err(|_| StoreError::Unusable("database.url must be such as postgres://user:password@host:5432/watchbell".to_owned()))?
        .application_name("watchbell")
        .statement_cache_capacity(256);
    reach::reach(&connect, clock.as_ref()).await?;
    let pool = PgPoolOptions::new()
        // One more for heartbeats.
        .max_connections(options.max_connections + 1)
        .acquire_timeout(Duration::from_secs(10))
        // A connection that was just used needs no further round trip to tell that it works.
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move { Ok(used.idle_for < TRUSTED || sqlx::Connection::ping(connection).await.is_ok()) })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::Executor::execute(&mut *connection, END_FROZEN_TRANSACTIONS).await?;
                sqlx::Executor::execute(connection, crate::dialect::PLAN_FOR_LARGE_TABLES).await.map(|_| ())
            })
        })
        .connect_with(connect)
        .await
        .map_err(|error| StoreError::Unusable(format!("cannot open the PostgreSQL database: {error}")))?;
    MIGRATIONS.run(&pool).await.map_err(|error| crate::open::migration_error(&error))?;
    let wakes = Arc::default();
    tokio::spawn(listen(pool.clone(), Arc::downgrade(&wakes)));
    Ok(Arc::new(sql::SqlStore::new(pool.clone(), pool, planner, clock, options, wakes, None)))
}

/// Hears what other processes made due while no broker says so; ends with the store. A broken connection is made again by
/// the listener; what was said meanwhile is noticed by the workers' own checks.
async fn listen(pool: PgPool, wakes: Weak<Wakes>) {
    let heard = async {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen("watchbell_wake").await?;
        loop {
            let notice = listener.recv().await?;
            let Some(wakes) = wakes.upgrade() else { return Ok::<(), sqlx::Error>(()) };
            wakes.heard(&notice.payload().split(',').filter_map(Channel::from_db).collect());
        }
    };
    if let Err(error) = heard.await {
        tracing::debug!(%error, "wake-ups through the database are not heard any more");
    }
}
