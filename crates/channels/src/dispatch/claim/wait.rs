//! What a channel worker waits for before it claims again.

use std::time::Duration;

use tokio::sync::watch;
use watchbell_core::Timestamp;

use crate::dispatch::channel::ChannelWorker;

#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    Not,
    For(Duration),
    /// Until something is due at this time, or becomes due sooner.
    ForDue(Option<Timestamp>),
    /// Until a provider may be called again, or a call ends.
    ForProvider(Timestamp),
    /// Until something may try a provider that is down, becomes ready to, or a call ends.
    ToProbe(Timestamp),
    /// Until a call ends.
    ForCall,
    /// Until this process's session has been renewed.
    ForSession,
}

impl Wait {
    pub async fn done(self, worker: &ChannelWorker, woken: &mut watch::Receiver<u64>) {
        let (clock, notifier) = (&worker.context.clock, &worker.notifier);
        match self {
            Self::Not => {}
            Self::For(time) => clock.sleep(time).await,
            Self::ForDue(at) => {
                tokio::select! {
                    () = clock.sleep_until(at.unwrap_or(Timestamp::MAX)) => {}
                    // The sender lives as long as the store.
                    _ = woken.changed() => {}
                    () = notifier.until_put_back() => {}
                }
            }
            Self::ForProvider(at) => tokio::select! {
                () = clock.sleep_until(at) => {}
                () = notifier.until_room() => {}
            },
            Self::ToProbe(at) => tokio::select! {
                () = clock.sleep_until(at) => {}
                _ = woken.changed() => {}
                () = notifier.until_put_back() => {}
                () = notifier.until_room() => {}
            },
            Self::ForSession => worker.context.session.renewed().await,
            Self::ForCall => notifier.until_room().await,
        }
    }
}
