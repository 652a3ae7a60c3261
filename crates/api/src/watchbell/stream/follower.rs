//! One look a second at what changed, for all who listen, as long as anybody does.
//!
//! What changed is not found by when it changed: no index has that, as each change would have to be written twice. So a look reads the
//! newest deliveries, those that are being sent or are due, and those that were so at the last look, all by their ids, and compares
//! them with what was seen. That is all that moves, unless more moves in a second than a look takes; then it is the newest of it. What this process
//! itself cancels or is told of ([`Wakes::moved`](watchbell_store::Wakes::moved)) is looked at too, however old it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::{MissedTickBehavior, interval};
use watchbell_core::delivery::State;
use watchbell_core::{DeliveryId, Timestamp, UserId};
use watchbell_store::StoreError;
use watchbell_store::history::Delivery;

use super::deliveries;
use crate::state::Api;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What becomes due before the next look is looked at again then.
const AHEAD_MS: i64 = 2_000;

/// How many of the newest, and of those that are due, a look takes, and how many it looks at again.
const MOST: i64 = 100;
const MOST_AGAIN: usize = 300;

/// What a listener may lag behind, before it is told everything anew.
const BUFFER: usize = 512;

/// What listeners are told.
#[derive(Debug)]
pub(super) enum Told {
    /// A delivery that is new, or has changed, as JSON.
    Delivery { user: UserId, json: String },
    /// The database does not answer: what is shown is not what is.
    Blind,
}

impl Told {
    /// For a listener who is told of one user only, or of everybody.
    pub fn event_for(&self, only: Option<UserId>) -> Option<Event> {
        match self {
            Self::Delivery { user, .. } if only.is_some_and(|only| only != *user) => None,
            Self::Delivery { json, .. } => Some(Event::default().event("delivery").data(json)),
            Self::Blind => Some(Event::default().event("blind").data("{}")),
        }
    }
}

/// The look that all listeners of a process share.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// There while anybody listens.
    listeners: Arc<Mutex<Option<Sender<Arc<Told>>>>>,
}

impl Follower {
    /// Tells of what happens from now on.
    pub(super) fn listen(&self, api: &Api) -> Receiver<Arc<Told>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*listeners {
            return sender.subscribe();
        }
        let (sender, receiver) = broadcast::channel(BUFFER);
        *listeners = Some(sender.clone());
        let following = Following { api: api.clone(), sender, seen: BTreeMap::new(), again: BTreeSet::new() };
        tokio::spawn(following.run(self.listeners.clone()));
        receiver
    }
}

struct Following {
    api: Api,
    sender: Sender<Arc<Told>>,
    /// When each delivery of the last look had changed. Before the first there is none, so that it tells all that it finds: what
    /// changed since the first listener was given its snapshot is among that.
    seen: BTreeMap<DeliveryId, Timestamp>,
    /// What is looked at again.
    again: BTreeSet<DeliveryId>,
}

impl Following {
    async fn run(mut self, listeners: Arc<Mutex<Option<Sender<Arc<Told>>>>>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut moved = self.api.store.wakes().moved();
        loop {
            look.tick().await;
            {
                let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
                // Under the lock: whoever comes after this finds none, and begins anew.
                if self.sender.receiver_count() == 0 {
                    *listeners = None;
                    return;
                }
            }
            // Those that were missed, because more moved than is remembered, are found by the look where they are new enough.
            while let Ok(moved) = moved.try_recv() {
                if self.again.len() < MOST_AGAIN {
                    self.again.insert(moved.id);
                }
            }
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "what happens could not be looked at");
                // That nobody listens any more is noticed above.
                let _ = self.sender.send(Arc::new(Told::Blind));
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        let soon = self.api.clock.now().plus_ms(AHEAD_MS);
        let again: Vec<DeliveryId> = self.again.iter().cloned().collect();
        let mut found = self.api.store.lately(&again, soon, MOST).await?;
        found.sort_by(|a, b| (a.updated_at, &a.id).cmp(&(b.updated_at, &b.id)));
        self.again =
            found.iter().filter(|delivery| moves_on(delivery, soon)).map(|delivery| delivery.id.clone()).take(MOST_AGAIN).collect();
        let seen = found.iter().map(|delivery| (delivery.id.clone(), delivery.updated_at)).collect();
        let before = std::mem::replace(&mut self.seen, seen);
        let changed = found.iter().filter(|delivery| before.get(&delivery.id) != Some(&delivery.updated_at));
        // What was last seen longer ago than at the last look may be told twice: a listener goes by when it changed.
        changed.for_each(|delivery| self.tell(delivery));
        Ok(())
    }

    fn tell(&self, delivery: &Delivery) {
        match serde_json::to_string(&deliveries::write(delivery)) {
            Ok(json) => drop(self.sender.send(Arc::new(Told::Delivery { user: delivery.user_id, json }))),
            Err(error) => tracing::error!(%error, "a delivery could not be written"),
        }
    }
}

/// Whether something is about to become of a delivery.
fn moves_on(delivery: &Delivery, soon: Timestamp) -> bool {
    match delivery.state {
        State::Sending => true,
        State::Scheduled => delivery.ready_at <= soon,
        _ => false,
    }
}
