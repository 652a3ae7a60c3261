//! The last question before a message is handed over: is it still wanted?
//!
//! Between a delivery's begin and its hand-over a connection may have to be made, which takes seconds where a service is slow.
//! Providers ask when nothing stands between them and writing the message. Nearly always the answer is known.

use std::sync::Arc;

use async_trait::async_trait;

/// Who knows whether a message is still wanted.
#[async_trait]
pub trait Gatekeeper: Send + Sync {
    /// Whether it is certainly wanted, as far as can be said at once.
    fn is_sure(&self) -> bool;

    /// Finds out. After a no, nothing of the message may be handed over.
    async fn ask(&self) -> bool;
}

/// What a message on its way has to pass; open unless somebody keeps it.
#[derive(Clone, Default)]
pub struct Gate(Option<Arc<dyn Gatekeeper>>);

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    pub fn kept_by(keeper: Arc<dyn Gatekeeper>) -> Self {
        Self(Some(keeper))
    }

    /// Whether the message may go without anybody being asked.
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_none_or(|keeper| keeper.is_sure())
    }

    /// Asks, where it is not known. After false the provider hands nothing over, whatever it then reports.
    pub async fn opens(&self) -> bool {
        match &self.0 {
            Some(keeper) if !keeper.is_sure() => keeper.ask().await,
            _ => true,
        }
    }
}
