//! Writing what must not be forgotten.

use std::time::Duration;

use watchbell_core::{Backoff, Clock};
use watchbell_store::StoreError;

/// Between tries to write something.
pub(super) const BETWEEN_TRIES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// Writes something about `count` deliveries, however long the database cannot do it; None where it never will.
pub(in crate::dispatch) async fn until_written<T, F: Future<Output = Result<T, StoreError>>>(
    clock: &dyn Clock,
    what: &'static str,
    count: usize,
    write: impl Fn() -> F,
) -> Option<T> {
    let mut backoff = BETWEEN_TRIES;
    loop {
        match write().await {
            Ok(written) => return Some(written),
            Err(error) if error.is_passing() => {
                tracing::warn!(what, count, error = watchbell_core::error_chain(&error), "not written; trying again");
            }
            Err(error) => {
                tracing::error!(what, count, error = watchbell_core::error_chain(&error), "the database refused what had to be written");
                return None;
            }
        }
        clock.sleep(backoff.next_wait()).await;
    }
}
