//! Waiting for conditions, with a bound: the only place here that waits for time to pass.

use std::future::Future;
use std::time::Duration;

use watchbell_core::{Clock, SystemClock, Timestamp};

/// Nothing that is expected takes longer, not even on a machine that compiles something else meanwhile.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at a condition that nobody announces.
const INTERVAL: Duration = Duration::from_millis(10);

/// The result of `future`, which has to come in time.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    in_time(PATIENCE, what, future).await
}

/// As [`within`], with a bound of the test's own.
pub async fn in_time<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("waited {limit:?} in vain for {what}"))
}

/// Asks until there is an answer.
pub async fn answer<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    answer_in_time(PATIENCE, what, ask).await
}

/// As [`answer`], with a bound of the test's own.
pub async fn answer_in_time<T>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(limit, what, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            pause(INTERVAL).await;
        }
    })
    .await
}

/// Asks until the answer is yes.
pub async fn until(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    answer(what, async || ask().await.then_some(())).await;
}

/// Real time passes: how long a stand-in takes to answer, or how long the system under test has been running.
#[expect(clippy::disallowed_methods, reason = "the waits between two looks, and a slow provider's slowness, are real time")]
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Now, by the machine's clock.
pub fn now() -> Timestamp {
    SystemClock.now()
}
