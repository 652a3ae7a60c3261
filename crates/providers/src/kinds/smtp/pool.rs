//! Connections that are kept for the next mail.
//!
//! The worker bounds how many mails are under way at once; the pool bounds how many connections wait. The last one given
//! back is the first one taken, so that in quiet times the others grow old and are closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use watchbell_core::{Clock, Timestamp};

use super::classify::Failure;
use super::connection::{Connection, Connector};
use crate::http::within;

/// Servers close idle connections after a minute (Exchange, Gmail) to five (RFC 5321): we do before them.
const LONGEST_IDLE: Duration = Duration::from_secs(45);
/// How long an answer to QUIT is waited for.
const FAREWELL: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Pool {
    connector: Connector,
    most_idle: usize,
    clock: Arc<dyn Clock>,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The one idle for the longest time first.
    connections: Vec<(Timestamp, Connection)>,
    /// Whether a task waits to close old ones. It ends with the last of them.
    is_swept: bool,
}

impl Pool {
    pub fn new(connector: Connector, most_idle: usize, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { connector, most_idle, clock, idle: Mutex::default() })
    }

    /// A kept connection, or a new one.
    pub async fn take(&self) -> Result<Connection, Failure> {
        let kept = self.idle().connections.pop();
        match kept {
            Some((since, connection)) if self.clock.now() - since < LONGEST_IDLE => Ok(connection.keep()),
            // If the youngest is too old, all are: the sweeper closes the rest.
            _ => self.connect().await,
        }
    }

    pub async fn connect(&self) -> Result<Connection, Failure> {
        self.connector.connect().await
    }

    pub fn give_back(self: &Arc<Self>, connection: Connection) {
        let mut idle = self.idle();
        if idle.connections.len() >= self.most_idle {
            return;
        }
        idle.connections.push((self.clock.now(), connection));
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), Arc::clone(&self.clock)));
        }
    }

    /// After a mail that failed: its connection may be good for others.
    pub async fn give_back_after(self: &Arc<Self>, mut connection: Connection, failure: &Failure) {
        if !failure.is_gone() && connection.reset().await {
            self.give_back(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Nothing panics while it is held, and a list of connections has no half-done state.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections as they grow old, until none is left or the pool is gone.
async fn sweep(pool: Weak<Pool>, clock: Arc<dyn Clock>) {
    loop {
        let oldest = {
            let Some(pool) = pool.upgrade() else { return };
            let now = clock.now();
            let (old, oldest) = {
                let mut idle = pool.idle();
                let young = idle.connections.partition_point(|(since, _)| now - *since >= LONGEST_IDLE);
                let old: Vec<_> = idle.connections.drain(..young).collect();
                let oldest = idle.connections.first().map(|(since, _)| *since);
                idle.is_swept = oldest.is_some();
                (old, oldest)
            };
            for (_, connection) in old {
                // A server that does not even answer this is left alone.
                let _ = within(FAREWELL, connection.quit()).await;
            }
            oldest
        };
        let Some(oldest) = oldest else { return };
        clock.sleep_until(oldest + LONGEST_IDLE).await;
    }
}
