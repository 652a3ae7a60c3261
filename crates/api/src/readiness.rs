//! Whether the database answers, asked no more often than that is worth.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use watchbell_store::Store;

/// For so long an answer of the database counts: anybody may ask, however often.
const FRESH: Duration = Duration::from_millis(500);

/// What the database last said, and when. Whoever asks meanwhile waits for the one who asks it.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, bool)>>);

impl Readiness {
    /// Whether the database answers.
    pub async fn database(&self, store: &dyn Store) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < FRESH
        {
            return answers;
        }
        let answers = match store.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "not ready: the database does not answer");
                false
            }
        };
        *last = Some((Instant::now(), answers));
        answers
    }
}
