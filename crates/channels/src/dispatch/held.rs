//! The leases that this process knows it holds.
//!
//! The database may have leased more to it: where the answer to a claim was lost with the connection, nobody here knows of the
//! deliveries. Comparing the two shows which leases belong to nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use watchbell_core::DeliveryId;
use watchbell_store::queue::HeldLeases;

/// Clones share what they know.
#[derive(Clone, Debug, Default)]
pub(super) struct LeaseTracker(Arc<Mutex<HeldLeases>>);

/// A delivery counts as held by this process until this is dropped, however its way ends.
#[derive(Debug)]
pub(super) struct LeaseGuard {
    held: LeaseTracker,
    id: DeliveryId,
}

impl LeaseTracker {
    pub fn guard(&self, id: &DeliveryId) -> LeaseGuard {
        self.lock().known.insert(id.clone());
        LeaseGuard { held: self.clone(), id: id.clone() }
    }

    /// Remembers a call whose end cannot be written: when its lease is found to be left over, the message may have gone out.
    pub fn note_call_without_end(&self, id: &DeliveryId) {
        self.lock().called.insert(id.clone());
    }

    pub fn snapshot(&self) -> HeldLeases {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HeldLeases> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.held.lock().known.remove(&self.id);
    }
}
