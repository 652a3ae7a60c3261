//! Connections, by what they are for, and how long anything may take on them.
//!
//! A database that refuses says so; one whose host has gone silent says nothing, and a connection to it looks like any other.
//! So everything that is asked of a connection is bounded in time: connecting, looking whether it still works, each statement,
//! and what has to be undone when its user was dropped halfway. A connection that did not answer in time is closed, and so are
//! all that were idle meanwhile, since they lead to the same host. (sqlx's own pool waits for ever when it takes such a
//! connection back.)
//!
//! A transition of the engine never waits behind requests to the API: these have connections of their own, or, where there is
//! one writer only, one turn at it at a time.

mod metrics;
mod session;
mod statement;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{Connection, Database};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use watchbell_core::Backoff;

pub use metrics::DatabaseMetrics;
pub(crate) use metrics::PoolMetrics;
pub(crate) use session::{Session, Tx};

use crate::fault::Fault;

/// A connection that was used so lately is taken to work.
const TRUSTED: Duration = Duration::from_millis(500);

/// Between attempts to reach a server that is starting.
const BETWEEN_ATTEMPTS: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));

/// How long what is asked of a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the first packet until statements can be sent.
    pub connect: Duration,
    /// For an idle connection to say that it works, and for a transaction to be undone.
    pub check: Duration,
    pub statement: Duration,
    /// Until a connection is free, and works; a server that is starting is waited for so long.
    pub acquire: Duration,
}

/// What differs between databases.
pub(crate) trait Backend: Database {
    /// Ends a transaction as if it had never begun.
    fn roll_back(connection: &mut Self::Connection) -> BoxFuture<'_, Result<(), sqlx::Error>>;
}

/// Makes a connection, and tells the database what holds for all its statements.
pub(crate) type Connect<DB> = Box<dyn Fn() -> BoxFuture<'static, Result<<DB as Database>::Connection, sqlx::Error>> + Send + Sync>;

/// Some connections; a clone shares them.
pub(crate) struct Pool<DB: Backend> {
    shared: Arc<PoolState<DB>>,
    /// Where others use the same connections: how many of them at once are for whoever has this handle.
    turns: Option<Arc<Semaphore>>,
}

struct PoolState<DB: Backend> {
    connect: Connect<DB>,
    /// Where connections are made and so driven, whoever asks for them: the runtime of whoever opened the store outlives every
    /// other one, and is not held up by requests.
    home: Handle,
    limits: Limits,
    slots: Arc<Semaphore>,
    idle: Mutex<VecDeque<Idle<DB>>>,
    /// Counted up when connections are found stale: those of before are not used again.
    generation: AtomicU64,
    metrics: PoolMetrics,
}

struct Idle<DB: Backend> {
    connection: DB::Connection,
    generation: u64,
    since: Instant,
}

/// The right to have a connection.
struct Permit {
    _slot: OwnedSemaphorePermit,
    _turn: Option<OwnedSemaphorePermit>,
}

impl<DB: Backend> Clone for Pool<DB> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), turns: self.turns.clone() }
    }
}

impl<DB: Backend> fmt::Debug for Pool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl<DB: Backend> Pool<DB> {
    /// At most `most` connections, each made when there is need of it.
    pub(crate) fn new(most: usize, limits: Limits, metrics: PoolMetrics, connect: Connect<DB>) -> Self {
        let (slots, idle, generation) = (Arc::new(Semaphore::new(most)), Mutex::default(), AtomicU64::new(0));
        let shared = PoolState { connect, home: Handle::current(), limits, slots, idle, generation, metrics };
        Self { shared: Arc::new(shared), turns: None }
    }

    /// The same connections, for those of whom only so many may have or await one at once.
    pub(crate) fn in_turns(&self, at_once: usize) -> Self {
        Self { turns: Some(Arc::new(Semaphore::new(at_once))), ..self.clone() }
    }

    /// # Errors
    /// `PoolTimedOut` when none was free in time; else why no connection can be made, always as `Io`: whatever the server said,
    /// it said it about the connection and not about what somebody means to do with it.
    pub(crate) async fn acquire(&self) -> Result<Session<DB>, sqlx::Error> {
        let shared = &self.shared;
        let asked_at = Instant::now();
        let acquired = timeout(shared.limits.acquire, async {
            let turn = match &self.turns {
                Some(turns) => Some(permit(turns).await?),
                None => None,
            };
            let permit = Permit { _slot: permit(&shared.slots).await?, _turn: turn };
            let (connection, generation) = match shared.working().await {
                Some(working) => working,
                None => shared.connect().await?,
            };
            Ok(Session::new(connection, permit, Arc::clone(shared), generation))
        });
        let acquired = acquired.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        match acquired {
            Ok(_) => shared.metrics.wait.observe(asked_at.elapsed()),
            Err(_) => {
                shared.metrics.failures.inc();
            }
        }
        acquired
    }

    pub(crate) async fn begin(&self, statement: &'static str) -> Result<Tx<DB>, sqlx::Error>
    where
        for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    {
        Tx::<DB>::begin(self.acquire().await?, statement).await
    }
}

async fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, sqlx::Error> {
    Arc::clone(of).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)
}

impl<DB: Backend> PoolState<DB> {
    /// An idle connection that works, the one that was used last; those that do not are closed.
    async fn working(&self) -> Option<(DB::Connection, u64)> {
        loop {
            let Idle { mut connection, generation, since } = self.idle().pop_back()?;
            if generation != self.generation.load(Ordering::Acquire) {
                continue;
            }
            if since.elapsed() < TRUSTED {
                return Some((connection, generation));
            }
            match timeout(self.limits.check, connection.ping()).await {
                Ok(Ok(())) => return Some((connection, generation)),
                Ok(Err(_)) => {}
                // The others would each have to be waited for as long.
                Err(_) => self.distrust(),
            }
        }
    }

    /// A new connection, as soon as a server that is starting lets somebody in.
    async fn connect(&self) -> Result<(DB::Connection, u64), sqlx::Error> {
        let mut backoff = BETWEEN_ATTEMPTS;
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            match timeout(self.limits.connect, AbortOnDropHandle::new(self.home.spawn((self.connect)()))).await {
                Ok(Err(end)) => return Err(sqlx::Error::Io(std::io::Error::other(end))),
                Ok(Ok(Ok(connection))) => return Ok((connection, generation)),
                Ok(Ok(Err(error))) if Fault::is_starting(&error) => {}
                Ok(Ok(Err(error @ sqlx::Error::Io(_)))) => return Err(error),
                Ok(Ok(Err(error))) => return Err(sqlx::Error::Io(std::io::Error::other(error))),
                Err(_) => return Err(late("the database lets nobody in: no answer", self.limits.connect)),
            }
            pause(backoff.next_wait()).await;
        }
    }

    /// No connection of before now is used again.
    fn distrust(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.idle().clear();
    }

    fn keep(&self, connection: DB::Connection, generation: u64) {
        if generation == self.generation.load(Ordering::Acquire) {
            self.idle().push_back(Idle { connection, generation, since: Instant::now() });
        }
    }

    /// A thread that panicked while it held the lock left a valid list behind.
    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "a server takes its time whatever the clock of deliveries says")]
pub(crate) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

fn late(what: &str, limit: Duration) -> sqlx::Error {
    let sentence = format!("{what} within {} s", limit.as_secs_f64());
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, sentence))
}
