//! How this process's calls ended, added up and shown to whoever asks any process.
//!
//! What is known only here when the database is away is written when it is back; a process that is killed takes a few seconds of it
//! along.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Timestamp};
use watchbell_store::queue::{CallTally, Failure};

use super::context::DispatchContext;

/// From the first call that is not shown yet until it is.
const SHOWN_WITHIN: Duration = Duration::from_secs(3);

/// Calls that were not shown yet; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    by_provider: Mutex<BTreeMap<(Channel, String), CallTally>>,
    is_some: Notify,
}

/// One call as it is counted.
pub(crate) fn tally(channel: Channel, provider: &str, report: &Report, now: Timestamp) -> CallTally {
    let is_taken = matches!(report.outcome, Outcome::Accepted { .. });
    CallTally {
        channel,
        provider: provider.to_owned(),
        calls: 1,
        failures: i64::from(!is_taken),
        success_at: is_taken.then_some(now),
        failure: (!is_taken).then(|| Failure { at: now, class: report.outcome.class(), code: report.code.clone() }),
    }
}

impl Tallies {
    pub fn add(&self, more: CallTally) {
        let mut all = self.lock();
        match all.get_mut(&(more.channel, more.provider.clone())) {
            Some(tally) => {
                tally.calls += more.calls;
                tally.failures += more.failures;
                tally.success_at = more.success_at.max(tally.success_at);
                let is_later = |failure: &Failure| tally.failure.as_ref().is_none_or(|known| known.at <= failure.at);
                if more.failure.as_ref().is_some_and(is_later) {
                    tally.failure = more.failure;
                }
            }
            None => {
                all.insert((more.channel, more.provider.clone()), more);
            }
        }
        self.0.is_some.notify_one();
    }

    fn take(&self) -> Vec<CallTally> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Channel, String), CallTally>> {
        self.0.by_provider.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what was added up, some seconds after the first of it.
pub(super) async fn show(context: Arc<DispatchContext>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.tallies.0.is_some.notified() => {}
            // This never comes: a test sees by it that there is nothing to do.
            () = context.clock.sleep_until(Timestamp::MAX) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.clock.sleep(SHOWN_WITHIN) => {}
        }
        write(&context).await;
    }
}

/// Writes what was added up by now.
pub(super) async fn write(context: &DispatchContext) {
    let tallies = context.tallies.take();
    if tallies.is_empty() {
        return;
    }
    if let Err(error) = context.store.note_calls(&tallies).await {
        tracing::warn!(error = watchbell_core::error_chain(&error), "how calls of providers ended could not be shown; trying again");
        for tally in tallies {
            context.tallies.add(tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use watchbell_core::outcome::Class;

    use super::*;

    #[test]
    fn calls_are_added_up_and_the_last_of_each_kind_is_known() {
        let at = |seconds| Timestamp::from_millis(0).plus_s(seconds);
        let down = |code: &str| Report::new(Outcome::ProviderDown, code.to_owned());
        let tallies = Tallies::default();
        for (report, seconds) in [(Report::accepted(None), 1), (down("401"), 2), (down("403"), 4), (Report::accepted(None), 5)] {
            tallies.add(tally(Channel::Sms, "p", &report, at(seconds)));
        }
        // One that was put back as it could not be written.
        tallies.add(tally(Channel::Sms, "p", &down("500"), at(3)));
        let expected = CallTally {
            channel: Channel::Sms,
            provider: "p".to_owned(),
            calls: 5,
            failures: 3,
            success_at: Some(at(5)),
            failure: Some(Failure { at: at(4), class: Class::ProviderDown, code: Some("403".to_owned()) }),
        };
        assert_eq!(tallies.take(), [expected]);
        assert!(tallies.take().is_empty());
    }
}
