//! Messages that are not sent because they would cost what was not to be spent: counted, and said aloud where somebody may miss them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use watchbell_core::{Reason, Timestamp};
use watchbell_store::queue::Job;
use watchbell_store::rank;

use super::ChannelWorker;

/// So often at most it is said of a channel that HIGH alerts are refused: once says what to do about it.
const SAY_EVERY: Duration = Duration::from_hours(1);

#[derive(Debug, Default)]
pub(in crate::dispatch) struct Refused {
    said_at: Mutex<Option<Timestamp>>,
}

impl Refused {
    /// Notes those among messages that nobody is called for which were refused for what they cost.
    pub async fn note(&self, worker: &ChannelWorker, nowhere: &[(Job, Reason, bool)], now: Timestamp) {
        let is_for_cost = |reason: &Reason| matches!(reason, Reason::SpendUsedUp { .. } | Reason::CountryNotAllowed { .. });
        let high = nowhere.iter().find(|(job, reason, _)| job.rank == rank::HIGH && is_for_cost(reason));
        if let Some((job, reason, _)) = high
            && self.is_to_be_said(now)
        {
            tracing::error!(
                channel = %worker.channel, delivery.id = %job.id, %reason,
                "HIGH alerts are NOT sent by this channel, for what they would cost; the users' next steps take over. Said once an hour"
            );
        }
        let mut used_up: Vec<&Vec<String>> = Vec::new();
        for (_, reason, _) in nowhere {
            if let Reason::SpendUsedUp { providers, .. } = reason {
                used_up.push(providers);
            }
        }
        let Some(providers) = used_up.first() else { return };
        let budgets = worker.routes.budgets(providers, now.utc_day());
        let messages = i64::try_from(used_up.len()).unwrap_or(i64::MAX);
        // They are refused and said to be so in any case: only the count for operators would be short.
        if let Err(error) = worker.context.store.note_refused(&budgets, messages).await {
            tracing::warn!(channel = %worker.channel, error = watchbell_core::error_chain(&error), "refused messages could not be counted");
        }
    }

    fn is_to_be_said(&self, now: Timestamp) -> bool {
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = said_at.is_none_or(|at| now - at >= SAY_EVERY);
        if is_due {
            *said_at = Some(now);
        }
        is_due
    }
}
