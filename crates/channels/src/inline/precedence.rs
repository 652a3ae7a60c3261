//! Accepts and resolves go before new alerts: somebody waits for the pages that they cancel to stop.

use std::time::Duration;

use tokio::sync::watch;

/// How long new alerts let updates pass, at most: a stream of updates without end must not hold them up.
const LONGEST_WAY: Duration = Duration::from_millis(250);

/// Who goes first.
#[derive(Debug, Default)]
pub(super) struct Precedence {
    updates: watch::Sender<usize>,
}

/// Updates are being accepted as long as this lives.
#[derive(Debug)]
pub(super) struct Passing<'a>(&'a watch::Sender<usize>);

impl Precedence {
    /// Updates are accepted from now on.
    pub fn pass(&self) -> Passing<'_> {
        self.updates.send_modify(|updates| *updates += 1);
        Passing(&self.updates)
    }

    /// Returns when no updates are being accepted, or have been for very long.
    pub async fn give_way(&self) {
        let mut updates = self.updates.subscribe();
        // Real time, as it is the machine that is busy. The sender lives in `self`.
        let _ = tokio::time::timeout(LONGEST_WAY, updates.wait_for(|updates| *updates == 0)).await;
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|updates| *updates -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn alerts_wait_for_the_updates_that_are_being_accepted() {
        let precedence = Precedence::default();
        precedence.give_way().await;
        let (one, other) = (precedence.pass(), precedence.pass());
        let mut waiting = pin!(precedence.give_way());
        let mut is_waiting = || waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(is_waiting());
        drop(one);
        assert!(is_waiting());
        drop(other);
        assert!(!is_waiting());
    }

    #[tokio::test(start_paused = true)]
    async fn alerts_do_not_wait_for_ever() {
        let precedence = Precedence::default();
        let _passing = precedence.pass();
        precedence.give_way().await;
    }
}
