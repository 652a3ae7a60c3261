//! How those who work for a channel tell its worker that it may go on.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

#[derive(Debug, Default)]
pub(in crate::dispatch) struct ChannelNotifier {
    /// A call has ended or a message is passed on, so that something may be claimed.
    room: Notify,
    /// A delivery is in the ready queue again: the due time that the worker waits for may not be the next one any more.
    put_back: Notify,
    /// Messages that go on to another provider at once: each of them may be claimed without room at the first provider.
    passed_on: AtomicUsize,
    /// A call has ended, or the worker's pace has changed: whoever waits to hand deliveries over looks again.
    settling: Notify,
}

impl ChannelNotifier {
    /// A slot, or a place in the queue for one, is free again.
    pub fn call_ended(&self) {
        self.room.notify_one();
        self.settling.notify_waiters();
    }

    pub fn put_back(&self) {
        self.put_back.notify_one();
    }

    pub fn passed_on(&self) {
        self.passed_on.fetch_add(1, Ordering::AcqRel);
        self.room.notify_one();
    }

    /// Whether a message has been passed on that nobody has looked for yet; that is done with by asking.
    pub fn take_passed_on(&self) -> bool {
        self.passed_on.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| count.checked_sub(1)).is_ok()
    }

    pub fn pace_changed(&self) {
        self.settling.notify_waiters();
    }

    pub async fn until_room(&self) {
        self.room.notified().await;
    }

    pub async fn until_put_back(&self) {
        self.put_back.notified().await;
    }

    /// Whatever happens after this was called ends the wait, however late that begins.
    pub fn until_settling(&self) -> Notified<'_> {
        self.settling.notified()
    }
}
