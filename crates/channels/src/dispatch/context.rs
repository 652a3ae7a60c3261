//! What all channel workers and deliveries of this process share.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use watchbell_core::Clock;
use watchbell_core::answer_key::AnswerKey;
use watchbell_store::{Retries, WorkerStore};
use watchbell_traces::Tracer;

use super::batch::batcher::Batcher;
use super::batch::begin::BeginBatch;
use super::batch::finish::FinishBatch;
use super::held::LeaseTracker;
use super::metrics::DispatchMetrics;
use super::routes::breaker::ProviderStates;
use super::session::OwnSession;
use super::tally::Tallies;
use crate::render::Renderer;

#[derive(Debug)]
pub(super) struct DispatchContext {
    pub store: Arc<dyn WorkerStore>,
    pub clock: Arc<dyn Clock>,
    pub renderer: Arc<Renderer>,
    pub retries: Retries,
    pub callback_base: Option<Arc<str>>,
    pub answer_key: AnswerKey,
    pub tracer: Tracer,
    pub session: OwnSession,
    /// The breakers of this process's providers, for whoever asks.
    pub states: ProviderStates,
    /// How its calls ended, for the same.
    pub tallies: Tallies,
    pub metrics: DispatchMetrics,
    /// A message was sent that its provider is to confirm.
    pub awaits_receipt: Arc<Notify>,
    pub begin: Batcher<BeginBatch>,
    pub finish: Batcher<FinishBatch>,
    /// Whether nothing is sent.
    pub shadow: bool,
    pub stop: CancellationToken,
    /// The calls under way, each with all that follows from its answer.
    pub calls: TaskTracker,
    pub held: LeaseTracker,
}
