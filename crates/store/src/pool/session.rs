//! One connection in use: each of its statements is bounded in time, and whoever is dropped halfway leaves nothing undone.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{Connection as _, Error, Executor};
use tokio::time::{Instant, timeout};

use super::{Backend, Limits, Permit, PoolState, late};
use crate::fault::Fault;

/// A connection in use. Dropped, it goes back to its pool, or is closed if it cannot be trusted any more.
pub(crate) struct Session<DB: Backend> {
    /// None once it was given back.
    connection: Option<DB::Connection>,
    use_: Use,
    limits: Limits,
    generation: u64,
    shared: Arc<PoolState<DB>>,
    /// Given back after the connection.
    permit: Option<Permit>,
    since: Instant,
}

/// What is under way on a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// A statement was sent, and its answer not read to the end.
    is_asked: bool,
    in_transaction: bool,
    /// Another connection is better than this one.
    is_broken: bool,
}

impl<DB: Backend> Session<DB> {
    pub(super) fn new(connection: DB::Connection, permit: Permit, shared: Arc<PoolState<DB>>, generation: u64) -> Self {
        let limits = shared.limits;
        shared.metrics.in_use.inc();
        let since = Instant::now();
        Self { connection: Some(connection), use_: Use::default(), limits, generation, shared, permit: Some(permit), since }
    }

    /// Runs what `ask` makes of the connection within the limit for statements.
    pub(super) async fn ask<'s, T>(
        &'s mut self,
        ask: impl FnOnce(&'s mut DB::Connection) -> BoxFuture<'s, Result<T, Error>>,
    ) -> Result<T, Error> {
        let Self { connection: Some(connection), use_, limits, shared, .. } = self else { return Err(Error::PoolClosed) };
        if use_.is_broken {
            return Err(Error::WorkerCrashed);
        }
        use_.is_asked = true;
        let answer = timeout(limits.statement, ask(connection)).await;
        use_.is_asked = false;
        let error = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                shared.distrust();
                late("the database did not answer a statement", limits.statement)
            }
        };
        let fault = Fault::of(&error);
        use_.is_broken |= fault.spoils_connection();
        if fault.spoils_connections() {
            shared.distrust();
        }
        Err(error)
    }
}

impl<DB: Backend> Drop for Session<DB> {
    fn drop(&mut self) {
        self.shared.metrics.in_use.dec();
        self.shared.metrics.hold.observe(self.since.elapsed());
        let Some(connection) = self.connection.take() else { return };
        let Use { is_asked, in_transaction, is_broken } = self.use_;
        if is_broken {
            return;
        }
        if !is_asked && !in_transaction {
            self.shared.keep(connection, self.generation);
            return;
        }
        let (shared, generation, permit) = (Arc::clone(&self.shared), self.generation, self.permit.take());
        // Once that runtime is gone the process ends, and its connections with it.
        self.shared.home.spawn(async move {
            if let Some(connection) = undone::<DB>(connection, in_transaction, shared.limits.check).await {
                shared.keep(connection, generation);
            }
            drop(permit);
        });
    }
}

/// The connection after what was under way has been read to its end, and taken back.
async fn undone<DB: Backend>(mut connection: DB::Connection, in_transaction: bool, limit: Duration) -> Option<DB::Connection> {
    let undone = timeout(limit, async { if in_transaction { DB::roll_back(&mut connection).await } else { connection.ping().await } });
    matches!(undone.await, Ok(Ok(()))).then_some(connection)
}

impl<DB: Backend> fmt::Debug for Session<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("use", &self.use_).finish_non_exhaustive()
    }
}

/// A transaction. Dropped before [`Tx::commit`], it is taken back.
#[derive(Debug)]
pub(crate) struct Tx<DB: Backend>(Session<DB>);

impl<DB: Backend> Tx<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    pub(super) async fn begin(mut session: Session<DB>, statement: &'static str) -> Result<Self, Error> {
        // Before it is known: whoever is dropped while it begins has to take it back.
        session.use_.in_transaction = true;
        session.execute(statement).await?;
        Ok(Self(session))
    }

    /// # Errors
    /// As any statement. When no answer came, it may have been committed.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        self.0.execute("COMMIT").await?;
        self.0.use_.in_transaction = false;
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<(), Error> {
        self.0.execute("ROLLBACK").await?;
        self.0.use_.in_transaction = false;
        Ok(())
    }
}

impl<DB: Backend> Deref for Tx<DB> {
    type Target = Session<DB>;

    fn deref(&self) -> &Session<DB> {
        &self.0
    }
}

impl<DB: Backend> DerefMut for Tx<DB> {
    fn deref_mut(&mut self) -> &mut Session<DB> {
        &mut self.0
    }
}
