//! Whether a delivery that has begun is still wanted when its provider is about to hand it over.
//!
//! A begin is good for half of what the design allows between a cancel and a call. After that (a slow connection, a process that
//! stood still) the delivery is begun anew, which is the same question to the database as before: cancelled, changed, lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use watchbell_core::Timestamp;
use watchbell_core::ids::Epoch;
use watchbell_store::queue::Call;

use super::Shared;
use crate::gate::Gatekeeper;

/// Between a delivery's begin and its hand-over. No call begins more than a second after a cancel was committed.
const LONGEST_HESITATION: Duration = Duration::from_millis(500);
/// A process that is still behind after beginning so often has no business calling anybody now.
const MOST_BEGINS: usize = 3;

/// When a begin was asked for, and when its answer was there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub asked_at: Timestamp,
    pub at: Timestamp,
}

/// The gatekeeper of one call.
pub(super) struct Wanted {
    shared: Arc<Shared>,
    epoch: Epoch,
    call: Call,
    begun: Mutex<Begun>,
    was_refused: AtomicBool,
}

impl Wanted {
    pub fn new(shared: Arc<Shared>, epoch: Epoch, call: Call, begun: Begun) -> Self {
        Self { shared, epoch, call, begun: Mutex::new(begun), was_refused: AtomicBool::new(false) }
    }

    /// Whether the provider was told to hand nothing over.
    pub fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::Acquire)
    }
}

#[async_trait]
impl Gatekeeper for Wanted {
    fn is_sure(&self) -> bool {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.shared.clock.now();
        now - begun.at < LONGEST_HESITATION && !self.shared.membership.may_have_ended_in(now - begun.asked_at)
    }

    async fn ask(&self) -> bool {
        for _ in 0..MOST_BEGINS {
            let Some(begun) = begin(&self.shared, self.epoch, self.call.clone()).await else { break };
            *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = begun;
            if self.is_sure() {
                return true;
            }
        }
        self.was_refused.store(true, Ordering::Release);
        false
    }
}

/// Marks a delivery as begun; None where it must not be called.
pub(super) async fn begin(shared: &Shared, epoch: Epoch, call: Call) -> Option<Begun> {
    let asked_at = shared.clock.now();
    let (answer, has_begun) = oneshot::channel();
    shared.begin.submit(epoch, (call, answer)).await;
    has_begun.await.unwrap_or(false).then(|| Begun { asked_at, at: shared.clock.now() })
}
