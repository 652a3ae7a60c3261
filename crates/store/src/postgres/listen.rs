//! Hears what other processes made due, while no broker says so.
//!
//! What is said while nobody listens, as the connection is being made again, is noticed by the workers' own checks.

use std::sync::Weak;
use std::time::Duration;

use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::timeout;
use watchbell_core::Channel;

use crate::Wakes;

/// A connection on which nothing was heard for so long is asked whether it works …
const QUIET: Duration = Duration::from_secs(3);
/// … and has so long to answer.
const ANSWER: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// Listens as long as there are `wakes`.
///
/// In a thread with a runtime of its own: a listener that is dropped leaves a task behind that talks to its connection without
/// any bound, and where that has gone silent, only the end of the runtime ends it.
pub(super) fn listen(connect: PgConnectOptions, wakes: Weak<Wakes>) {
    let thread = std::thread::Builder::new().name("wake-ups".to_owned()).spawn(move || {
        while wakes.strong_count() > 0 {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return tracing::warn!(%error, "wake-ups through the database are not heard"),
            };
            runtime.block_on(async {
                if let Err(error) = hear(&connect, &wakes).await {
                    tracing::debug!(%error, "wake-ups through the database are not heard for a moment");
                }
                crate::pool::pause(BETWEEN_TRIES).await;
            });
            runtime.shutdown_background();
        }
    });
    if let Err(error) = thread {
        tracing::warn!(%error, "wake-ups through the database are not heard");
    }
}

/// Ends with the first sign that the connection does not work, or when nobody is left to tell.
async fn hear(connect: &PgConnectOptions, wakes: &Weak<Wakes>) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None).connect_lazy_with(connect.clone());
    let late = |_| sqlx::Error::PoolTimedOut;
    let mut listener = timeout(CONNECT, PgListener::connect_with(&pool)).await.map_err(late)??;
    timeout(ANSWER, listener.listen("watchbell_wake")).await.map_err(late)??;
    while wakes.strong_count() > 0 {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(notice) => {
                let Some(notice) = notice? else { return Ok(()) };
                let Some(wakes) = wakes.upgrade() else { return Ok(()) };
                wakes.heard(&notice.payload().split(',').filter_map(Channel::from_db).collect());
            }
            Err(_) => {
                timeout(ANSWER, listener.execute("SELECT 1")).await.map_err(late)??;
            }
        }
    }
    Ok(())
}
