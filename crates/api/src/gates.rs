//! How many requests are worked on at once: what the rates in [`crate::limits`] do not bound.
//!
//! Whoever comes beyond that waits for a turn, first come, first served. The waiting are no more than there are
//! connections, and hold no connection of the database. So one key cannot take all turns, and all keys together leave
//! the database free for what sends messages.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use watchbell_core::{KeyId, UserId};

use crate::problem::{Kind, Problem};
use crate::settings::ApiSettings;

/// Keys that were not seen valid before are looked up by so many requests at once.
const STRANGERS: usize = 4;

/// Bodies that are in memory at once have so many times the size of the largest one together.
const LARGEST_BODIES: usize = 64;

/// What memory for bodies is counted in.
const UNIT_BYTES: usize = 1_024;

pub(crate) struct Gates {
    /// How long a request waits for its turn.
    patience: Duration,
    reads: Semaphore,
    changes: Semaphore,
    strangers: Semaphore,
    bodies: Arc<Semaphore>,
    keys: Arc<Shares<KeyId>>,
    streams: Arc<Shares<Listener>>,
    all_streams: Arc<Semaphore>,
}

impl Gates {
    pub fn new(settings: &ApiSettings) -> Self {
        Self {
            patience: settings.turn_timeout,
            reads: Semaphore::new(settings.reads_at_once.max(1)),
            changes: Semaphore::new(settings.changes_at_once.max(1)),
            strangers: Semaphore::new(STRANGERS),
            bodies: Arc::new(Semaphore::new(LARGEST_BODIES * settings.body_limit_bytes.div_ceil(UNIT_BYTES))),
            keys: Arc::new(Shares::new(settings.requests_per_key)),
            streams: Arc::new(Shares::new(settings.streams_per_user)),
            // Requests have connections left, however many streams are open.
            all_streams: Arc::new(Semaphore::new((settings.connections / 2).max(1))),
        }
    }

    /// One of a key's turns.
    pub async fn of_key(&self, key: KeyId) -> Result<Share<KeyId>, Problem> {
        let waited = tokio::time::timeout(self.patience, self.keys.wait(key)).await.ok().flatten();
        waited.ok_or_else(|| {
            let most = self.keys.each;
            Problem::new(
                Kind::TooMany { retry_s: 1 },
                format!("too many requests of this key at once; {most} are worked on, and others wait"),
            )
        })
    }

    /// A turn at the database.
    pub async fn turn(&self, method: &Method) -> Result<SemaphorePermit<'_>, Problem> {
        self.wait(if method.is_safe() { &self.reads } else { &self.changes }).await
    }

    /// A turn for who changes something without a key, by a signature.
    pub async fn change(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.wait(&self.changes).await
    }

    /// A turn at looking up a key that may be nobody's.
    pub async fn stranger(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.wait(&self.strangers).await
    }

    /// Room for a part of a body; None where there is none.
    pub fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        self.bodies.clone().try_acquire_many_owned(units).ok()
    }

    /// One of a user's or a key's streams, until it is dropped.
    pub fn stream(&self, listener: Listener) -> Result<Stream, Problem> {
        let many = |most: usize, whose: &str| {
            let message = format!("{most} streams of {whose} are open, the most that may be; close one, or come again later");
            Problem::new(Kind::TooMany { retry_s: 30 }, message)
        };
        let all = self.all_streams.clone().try_acquire_owned().map_err(|_| Problem::new(Kind::Unavailable, "too many streams are open"))?;
        let own = self.streams.take(listener).ok_or_else(|| many(self.streams.each, listener.name()))?;
        Ok(Stream { _own: own, _all: all })
    }

    async fn wait<'g>(&self, gate: &'g Semaphore) -> Result<SemaphorePermit<'g>, Problem> {
        let waited = tokio::time::timeout(self.patience, gate.acquire()).await.ok().and_then(Result::ok);
        waited.ok_or_else(|| Problem::new(Kind::Unavailable, "too many requests are being worked on; nothing was changed; try again"))
    }
}

/// Who has streams open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Listener {
    /// By whatever keys.
    User(UserId),
    Key(KeyId),
}

impl Listener {
    fn name(self) -> &'static str {
        match self {
            Self::User(_) => "this user",
            Self::Key(_) => "this key",
        }
    }
}

/// A stream's place among its listener's, and among all.
#[derive(Debug)]
pub(crate) struct Stream {
    _own: Share<Listener>,
    _all: OwnedSemaphorePermit,
}

/// So many for each of many, of whom only those are remembered who hold one or wait for one.
struct Shares<K> {
    each: usize,
    held: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// One of `each`.
pub(crate) struct Share<K: Hash + Eq + Copy> {
    shares: Arc<Shares<K>>,
    key: K,
    /// None: given back already.
    permit: Option<OwnedSemaphorePermit>,
}

impl<K: Hash + Eq + Copy> Shares<K> {
    fn new(each: usize) -> Self {
        Self { each: each.max(1), held: Mutex::default() }
    }

    fn of(&self, key: K) -> Arc<Semaphore> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone()
    }

    async fn wait(self: &Arc<Self>, key: K) -> Option<Share<K>> {
        // Made before waiting: whoever gives up waiting is forgotten too.
        let mut share = Share { shares: self.clone(), key, permit: None };
        share.permit = Some(self.of(key).acquire_owned().await.ok()?);
        Some(share)
    }

    fn take(self: &Arc<Self>, key: K) -> Option<Share<K>> {
        let mut share = Share { shares: self.clone(), key, permit: None };
        share.permit = Some(self.of(key).try_acquire_owned().ok()?);
        Some(share)
    }
}

impl<K: Hash + Eq + Copy> Drop for Share<K> {
    fn drop(&mut self) {
        self.permit = None;
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds one or waits: each of them has a reference of their own.
        if held.get(&self.key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            held.remove(&self.key);
        }
    }
}

impl<K: Hash + Eq + Copy> fmt::Debug for Share<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share")
    }
}

impl fmt::Debug for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gates")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[tokio::test]
    async fn each_has_a_share_and_is_forgotten() {
        let shares = Arc::new(Shares::new(2));
        let first = shares.wait(KeyId(1)).await.unwrap();
        let second = shares.take(KeyId(1)).unwrap();
        assert!(shares.take(KeyId(1)).is_none());
        let other = shares.take(KeyId(2)).unwrap();
        let waiting = shares.wait(KeyId(1));
        drop(first);
        let third = waiting.await.unwrap();
        drop((second, third, other));
        assert!(shares.held.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn who_waits_too_long_for_a_turn_is_told() {
        let turn_timeout = Duration::from_millis(5);
        let gates = Gates::new(&ApiSettings { changes_at_once: 1, requests_per_key: 1, turn_timeout, ..ApiSettings::default() });
        let held = gates.turn(&Method::POST).await.unwrap();
        assert_eq!(gates.change().await.unwrap_err().kind, Kind::Unavailable);
        drop(gates.turn(&Method::GET).await.unwrap());
        drop(held);
        drop(gates.change().await.unwrap());
        let share = gates.of_key(KeyId(1)).await.unwrap();
        assert_eq!(gates.of_key(KeyId(1)).await.unwrap_err().kind, Kind::TooMany { retry_s: 1 });
        drop(gates.of_key(KeyId(2)).await.unwrap());
        drop(share);
    }

    #[tokio::test]
    async fn streams_are_counted_by_user_and_in_all() {
        let gates = Gates::new(&ApiSettings { streams_per_user: 2, connections: 6, ..ApiSettings::default() });
        let stream = |user| gates.stream(Listener::User(UserId(user)));
        let own = [stream(1).unwrap(), stream(1).unwrap()];
        assert_eq!(stream(1).unwrap_err().kind, Kind::TooMany { retry_s: 30 });
        let other = gates.stream(Listener::Key(KeyId(1))).unwrap();
        assert_eq!(stream(3).unwrap_err().kind, Kind::Unavailable);
        drop((own, other));
        stream(1).unwrap();
    }

    #[test]
    fn bodies_have_so_much_room_together() {
        let gates = Gates::new(&ApiSettings { body_limit_bytes: 1 << 20, ..ApiSettings::default() });
        let held: Vec<_> = std::iter::from_fn(|| gates.room(1 << 20)).collect();
        assert_eq!(held.len(), LARGEST_BODIES);
        drop(held);
        assert!(gates.room(1).is_some());
    }
}
