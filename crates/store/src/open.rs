//! Opening a database of either kind.

use std::sync::Arc;

use watchbell_core::Clock;

use crate::{Options, Planner, Store, StoreError, postgres, sqlite};

/// Opens the database, brings its tables up to date, and for SQLite makes sure that no other process has it open.
///
/// # Errors
/// `Unusable` with a sentence for the operator.
pub async fn open(options: &Options, planner: Arc<dyn Planner>, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, StoreError> {
    if options.url.starts_with("sqlite:") {
        sqlite::open(options, planner, clock).await
    } else if options.is_postgres() {
        postgres::open(options, planner, clock).await
    } else {
        Err(StoreError::Unusable("database.url must begin with sqlite:// or postgres://".to_owned()))
    }
}
