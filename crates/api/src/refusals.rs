//! Keys that were refused, in the audit log: who tries keys is to be seen there, but cannot fill it.
//!
//! The first refusal of an address in a window is written at once; how many more there were, when the window ends. So an address
//! takes two lines a window at most, and so many addresses have lines of their own.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use watchbell_core::Clock;
use watchbell_store::access::{Actor, AuditLog};

const WINDOW: Duration = Duration::from_mins(10);

/// Addresses with lines of their own in one window; all others share one line.
const MOST_ADDRESSES: usize = 64;

/// Notes refusals; clones share what they count.
#[derive(Clone)]
pub(crate) struct Refusals {
    log: Arc<dyn AuditLog>,
    clock: Arc<dyn Clock>,
    window: Arc<Window>,
}

/// What was refused in the window that is open.
#[derive(Debug, Default)]
struct Window(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    is_open: bool,
    /// Refusals beyond the first, by address.
    more: BTreeMap<IpAddr, u64>,
    others: u64,
}

impl Window {
    /// Counts a refusal; whether it is the first of its address, and whether it opens a window.
    fn count(&self, address: IpAddr) -> (bool, bool) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let opens = !std::mem::replace(&mut counted.is_open, true);
        if let Some(more) = counted.more.get_mut(&address) {
            *more += 1;
            return (false, opens);
        }
        if counted.more.len() == MOST_ADDRESSES {
            counted.others += 1;
            return (false, opens);
        }
        counted.more.insert(address, 0);
        (true, opens)
    }

    fn close(&self) -> Counted {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Refusals {
    pub fn new(log: Arc<dyn AuditLog>, clock: Arc<dyn Clock>) -> Self {
        Self { log, clock, window: Arc::default() }
    }

    /// Notes that a key was refused.
    pub fn note(&self, address: IpAddr) {
        let (is_first, opens) = self.window.count(address);
        if is_first {
            let refusals = self.clone();
            tokio::spawn(async move {
                if !refusals.write(Actor::Stranger { address }, "count", 1).await {
                    // It is told with the others when the window ends.
                    refusals.window.count(address);
                }
            });
        }
        if opens {
            let refusals = self.clone();
            tokio::spawn(async move {
                refusals.clock.sleep(WINDOW).await;
                refusals.flush().await;
            });
        }
    }

    /// Writes what was counted since; also at the end of the server.
    pub async fn flush(&self) {
        let counted = self.window.close();
        for (address, more) in counted.more.into_iter().filter(|(_, more)| *more > 0) {
            self.write(Actor::Stranger { address }, "more", more).await;
        }
        if counted.others > 0 {
            self.write(Actor::System, "fromOtherAddresses", counted.others).await;
        }
    }

    /// Whether it could be written.
    async fn write(&self, by: Actor, what: &str, count: u64) -> bool {
        let detail = Map::from_iter([(what.to_owned(), Value::from(count))]);
        let written = self.log.note(by, "key.refused", "keys", Some(detail)).await;
        if let Err(error) = &written {
            tracing::warn!(error = watchbell_core::error_chain(error), "a refused key could not be noted in the audit log");
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_try_the_lines_of_a_window_are_few() {
        let window = Window::default();
        let address = |n: u32| IpAddr::V4(n.into());
        assert_eq!(window.count(address(1)), (true, true));
        assert_eq!(window.count(address(1)), (false, false));
        let firsts = (0..100_000).filter(|n| window.count(address(*n)).0).count();
        assert_eq!(firsts, MOST_ADDRESSES - 1);
        let counted = window.close();
        assert_eq!((counted.more.len(), counted.more[&address(1)]), (MOST_ADDRESSES, 2));
        assert_eq!(counted.others, 100_000 - MOST_ADDRESSES as u64);
        // The next window begins anew.
        assert_eq!(window.count(address(1)), (true, true));
    }
}
