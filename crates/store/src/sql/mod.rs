//! The body of SQL, compiled once for each database: `super` says which.

use std::fs::File;
use std::sync::Arc;

use sqlx::{Pool, Transaction};
use watchbell_core::Clock;

use super::{BEGIN, DIALECT, Db};
use crate::{Planner, Store, StoreError, Wakes};

mod access;
mod change;
mod directory;
mod history;
mod intake;
mod queue;

#[derive(Debug)]
pub(crate) struct SqlStore {
    write: Pool<Db>,
    read: Pool<Db>,
    planner: Arc<dyn Planner>,
    clock: Arc<dyn Clock>,
    wakes: Wakes,
    /// Held as long as the store is open.
    _lock: Option<File>,
}

type Tx = Transaction<'static, Db>;

impl SqlStore {
    pub(crate) fn new(write: Pool<Db>, read: Pool<Db>, planner: Arc<dyn Planner>, clock: Arc<dyn Clock>, lock: Option<File>) -> Self {
        Self { write, read, planner, clock, wakes: Wakes::default(), _lock: lock }
    }

    async fn begin_tx(&self) -> Result<Tx, StoreError> {
        Ok(self.write.begin_with(BEGIN).await?)
    }
}

impl Store for SqlStore {
    fn wakes(&self) -> &Wakes {
        &self.wakes
    }
}

/// The statement in this database's dialect.
fn sql(text: &'static str) -> &'static str {
    DIALECT.sql(text)
}
