//! A clock that the scenario moves, and that knows who is asleep on it until when.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::task::Id;
use watchbell_core::{Clock, ManualClock, Timestamp};

#[derive(Clone, Debug)]
pub struct WatchedClock {
    clock: ManualClock,
    sleepers: Arc<Mutex<Sleepers>>,
}

#[derive(Debug, Default)]
struct Sleepers {
    next: u64,
    asleep: BTreeMap<u64, (Option<Id>, Timestamp)>,
    /// Tasks that wait for something else, though they sleep as well: a call with a time limit.
    awake: HashSet<Id>,
}

impl WatchedClock {
    pub fn new(start: Timestamp) -> Self {
        Self { clock: ManualClock::new(start), sleepers: Arc::default() }
    }

    pub fn set(&self, at: Timestamp) {
        self.clock.set(at);
    }

    /// How many tasks sleep until a time that has not come.
    pub fn tasks_asleep(&self) -> usize {
        let now = self.clock.now();
        let sleepers = self.lock();
        let tasks: HashSet<Id> = sleepers.asleep.values().filter(|(_, until)| *until > now).filter_map(|(task, _)| *task).collect();
        tasks.difference(&sleepers.awake).count()
    }

    /// Does something that does not depend on this clock: its task is not at rest until that is done.
    pub async fn awake<T>(&self, work: impl Future<Output = T>) -> T {
        let task = tokio::task::id();
        self.lock().awake.insert(task);
        let done = work.await;
        self.lock().awake.remove(&task);
        done
    }

    /// When the next of them wakes.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        self.lock().asleep.values().map(|(_, until)| *until).filter(|until| *until > now).min()
    }

    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a sleeper off the list, also when its task is dropped.
struct Asleep<'a>(&'a WatchedClock, u64);

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.lock().asleep.remove(&self.1);
    }
}

#[async_trait]
impl Clock for WatchedClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let asleep = {
            let mut sleepers = self.lock();
            let number = sleepers.next;
            sleepers.next += 1;
            sleepers.asleep.insert(number, (tokio::task::try_id(), at));
            Asleep(self, number)
        };
        self.clock.sleep_until(at).await;
        drop(asleep);
    }
}
