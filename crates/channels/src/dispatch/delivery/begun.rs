//! Whether a delivery that has begun is still needed when its provider is about to write the message.
//!
//! A begin is good for half of the time that the design allows between a cancel and a call. After that (a slow connection, a
//! process that stood still) the delivery is begun anew. That asks the database the same question as before: has it been cancelled
//! or changed, or is its lease lost?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use watchbell_core::Timestamp;
use watchbell_core::ids::Epoch;
use watchbell_store::queue::Call;

use crate::dispatch::context::DispatchContext;
use crate::gate::Gatekeeper;

/// From a delivery's begin until its message is written. No call begins more than a second after a cancel was committed.
const BEGIN_IS_GOOD_FOR: Duration = Duration::from_millis(500);
/// A process whose begins are too old so often, one after the other, is too slow to call anybody now.
const MOST_BEGINS: usize = 3;

/// When a begin was asked for, and when its answer was there.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct Begun {
    pub asked_at: Timestamp,
    pub at: Timestamp,
}

/// The gatekeeper of one call.
pub(super) struct BegunCall {
    context: Arc<DispatchContext>,
    epoch: Epoch,
    call: Call,
    begun: Mutex<Begun>,
    was_refused: AtomicBool,
}

impl BegunCall {
    pub fn new(context: Arc<DispatchContext>, epoch: Epoch, call: Call, begun: Begun) -> Self {
        Self { context, epoch, call, begun: Mutex::new(begun), was_refused: AtomicBool::new(false) }
    }

    /// Whether the provider was told to write nothing.
    pub fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::Acquire)
    }
}

#[async_trait]
impl Gatekeeper for BegunCall {
    fn is_sure(&self) -> bool {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.context.clock.now();
        now - begun.at < BEGIN_IS_GOOD_FOR && !self.context.session.may_have_ended_in(now - begun.asked_at)
    }

    async fn ask(&self) -> bool {
        for _ in 0..MOST_BEGINS {
            let Some(begun) = begin(&self.context, self.epoch, self.call.clone()).await else { break };
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
pub(super) async fn begin(context: &DispatchContext, epoch: Epoch, call: Call) -> Option<Begun> {
    let asked_at = context.clock.now();
    let (answer, has_begun) = oneshot::channel();
    context.begin.submit(epoch, (call, answer)).await;
    has_begun.await.unwrap_or(false).then(|| Begun { asked_at, at: context.clock.now() })
}
