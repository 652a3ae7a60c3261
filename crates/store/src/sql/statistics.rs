//! What PostgreSQL knows of its tables' sizes, kept up while they grow fast.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BEGIN, DIALECT, Db, SqlStore};
use crate::dialect::Dialect;
use crate::pool::Pool;

/// Events after which the tables are looked at for the first time.
const FIRST: usize = 200;

/// Plans of statements are made once a connection, by what is known of the tables then. A young database that meets a storm
/// would keep plans for empty tables until autovacuum comes by, which may be minutes: so it is told each time that the number of
/// events has grown fourfold since this process began.
#[derive(Debug, Default)]
pub(super) struct Growth {
    events: AtomicUsize,
}

impl Growth {
    /// The number, if it has just passed [`FIRST`] times a power of four.
    fn notable(&self, events: usize) -> Option<usize> {
        let before = self.events.fetch_add(events, Ordering::Relaxed);
        let size = |events: usize| (events / FIRST).checked_ilog(4);
        (size(before) != size(before + events)).then_some(before + events)
    }
}

impl SqlStore {
    /// Called after events were committed.
    pub(super) fn note_growth(&self, events: usize) {
        if DIALECT == Dialect::Sqlite {
            return;
        }
        let Some(events) = self.growth.notable(events) else { return };
        let pool = self.write.clone();
        tokio::spawn(async move {
            let known: Result<f32, _> =
                sqlx::query_scalar("SELECT reltuples FROM pg_class WHERE oid = 'events'::regclass").fetch_one(&pool).await;
            // In a database that is large already, what came since the start changes nothing.
            if known.is_ok_and(|known| f64::from(known) >= f64::from(u32::try_from(events).unwrap_or(u32::MAX))) {
                return;
            }
            if let Err(error) = look(&pool).await {
                tracing::debug!(%error, "the tables' statistics could not be brought up to date; autovacuum will");
            }
        });
    }
}

/// A small sample of one column: what matters is how large a table is, not what is in it.
async fn look(pool: &Pool<Db>) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin(BEGIN).await?;
    sqlx::query("SET LOCAL default_statistics_target = 10").execute(&mut *tx).await?;
    sqlx::query("ANALYZE events (id), alerts (id), responders (user_id), deliveries (id)").execute(&mut *tx).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_noticed_once() {
        let growth = Growth::default();
        let noticed: Vec<usize> = (1..=4_000).filter(|_| growth.notable(1).is_some()).collect();
        assert_eq!(noticed, [200, 800, 3_200]);
    }
}
