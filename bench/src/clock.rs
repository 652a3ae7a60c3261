//! The machine's clock: a benchmark measures real time, and compares times that several processes took.

use std::time::Duration;

/// Microseconds since 1970 by `CLOCK_REALTIME`.
#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
pub fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970, as Watchbell's tables have them.
pub fn now_ms() -> i64 {
    i64::try_from(now_us() / 1000).unwrap_or(i64::MAX)
}

/// Real waiting: between two looks at a count, before an answer.
#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
pub async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Seconds between two times of [`now_us`].
#[expect(clippy::cast_precision_loss, reason = "a day of microseconds is far below 2^53")]
pub fn seconds(from_us: u64, to_us: u64) -> f64 {
    to_us.saturating_sub(from_us) as f64 / 1e6
}
