//! Reading the database's clock, by which all processes go: where their machines' own clocks stand matters nowhere.

use std::sync::{Arc, Weak};
use std::time::Duration;

use watchbell_core::{Clock, SharedClock, Timestamp};

use super::Db;
use crate::Wakes;
use crate::pool::Pool;

/// Between two readings: as often as a heartbeat.
const EVERY: Duration = Duration::from_secs(2);
/// Readings at start, of which the best counts: the first one pays for the connection's first statement.
const AT_START: usize = 3;
/// From here on a machine's clock is worth a word.
const WORTH_TELLING_MS: i64 = 1_000;

async fn read(pool: &Pool<Db>, clock: &SharedClock) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let asked = clock.counted();
    let shown: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetch_one(&mut connection).await?;
    clock.learn(Timestamp::from_millis(shown), asked);
    Ok(())
}

pub(super) async fn read_well(pool: &Pool<Db>, clock: &SharedClock) -> Result<(), sqlx::Error> {
    for _ in 0..AT_START {
        read(pool, clock).await?;
    }
    Ok(())
}

/// Reads on, and tells how far the machine's own clock is off; ends with the store.
pub(super) async fn keep(pool: Pool<Db>, clock: Arc<dyn Clock>, store: Weak<Wakes>) {
    let mut told_ms = 0;
    while let (Some(shared), 1..) = (clock.shared(), store.strong_count()) {
        // A database that does not answer has no time either; whoever cannot vouch for what it counts by itself says so.
        if let Err(error) = read(&pool, shared).await {
            tracing::debug!(%error, "the database's clock could not be read");
        }
        if let Some(ahead_ms) = shared.machine_ahead_ms() {
            told_ms = tell(told_ms, ahead_ms);
        }
        clock.sleep(EVERY).await;
    }
}

/// Says how far a machine's clock is off when that is news; what was said last.
fn tell(told_ms: i64, ahead_ms: i64) -> i64 {
    let is_off = ahead_ms.abs() >= WORTH_TELLING_MS;
    if is_off && (ahead_ms - told_ms).abs() >= WORTH_TELLING_MS {
        tracing::warn!(
            ahead_ms,
            "this machine's clock differs from the database's, which all processes go by; what is due does not depend on it, logs and TLS do"
        );
        ahead_ms
    } else if !is_off && told_ms != 0 {
        tracing::info!(ahead_ms, "this machine's clock agrees with the database's again");
        0
    } else {
        told_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_of_from_a_second_on_and_once() {
        // What was said last, how far ahead it is now, and what was said last then.
        let table = [(0, 999, 0), (0, 1_000, 1_000), (1_000, 1_400, 1_000), (1_000, 2_100, 2_100), (1_000, -1_000, -1_000), (1_000, 20, 0)];
        for (told, ahead, then) in table {
            assert_eq!(tell(told, ahead), then, "{told} {ahead}");
        }
    }
}
