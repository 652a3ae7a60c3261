//! What became of calls that had no answer, as far as their providers can tell.

use std::time::Duration;

use watchbell_core::outcome::{Outcome, Report};
use watchbell_store::queue::{Attempt, Job};

use crate::dispatch::channel::ChannelWorker;
use crate::dispatch::routes::route::Route;
use crate::provider::{Found, Outgoing};

/// How long a message waits for a provider to say whether it has it.
const WITHIN: Duration = Duration::from_secs(5);

/// What is known of a delivery's calls without an answer.
#[derive(Debug)]
pub(super) enum LookUp {
    /// One of them arrived at the provider of that name, and this became of it.
    Found { provider: String, report: Report },
    /// No provider has a message that may still reach the recipient.
    Nowhere,
    /// Somebody cannot say, or did not.
    Unclear,
}

/// Asks every provider whose call had no answer.
pub(super) async fn look_up(worker: &ChannelWorker, job: &Job, message: &Outgoing) -> LookUp {
    let mut answer = LookUp::Nowhere;
    let mut asked: Vec<&str> = Vec::new();
    for unknown in job.unknown() {
        if asked.contains(&unknown.provider.as_str()) {
            continue;
        }
        asked.push(&unknown.provider);
        let found = match worker.routes.named(&unknown.provider) {
            Some(route) if route.provider.can_look_up(job.channel) => ask(worker, route, job, unknown, message).await,
            _ => None,
        };
        match found.map(the_likeliest) {
            Some(Some(report)) => return LookUp::Found { provider: unknown.provider.clone(), report },
            Some(None) => {}
            None => answer = LookUp::Unclear,
        }
    }
    answer
}

/// All of a provider's messages that may be this delivery's and are no other's; None where it does not say.
async fn ask(worker: &ChannelWorker, route: &Route, job: &Job, unknown: &Attempt, message: &Outgoing) -> Option<Vec<Found>> {
    let context = &worker.context;
    let mut found = tokio::select! {
        found = route.provider.look_up(message, unknown.at) => found,
        () = context.clock.sleep(WITHIN) => None,
    }?;
    // Messages of this delivery's earlier calls whose answer is known are not what became of the unknown one.
    found.retain(|found| job.log.iter().all(|attempt| attempt.message_id.as_ref() != Some(&found.message_id)));
    if !found.is_empty() {
        let ids: Vec<String> = found.iter().map(|found| found.message_id.clone()).collect();
        match context.store.ids_of_others(job, &ids).await {
            Ok(others) => found.retain(|found| !others.contains(&found.message_id)),
            Err(error) => {
                tracing::warn!(delivery.id = %job.id, error = watchbell_core::error_chain(&error), "delivery.look_up failed");
                return None;
            }
        }
    }
    tracing::info!(delivery.id = %job.id, provider = route.name, found = found.len(), "delivery.look_up");
    Some(found)
}

/// One that arrived or may yet arrive; else one that never will. A message that failed for a passing reason counts as none: the
/// delivery is sent again.
fn the_likeliest(found: Vec<Found>) -> Option<Report> {
    let mut reports: Vec<Report> = found.into_iter().map(|found| found.report).collect();
    reports.retain(|report| !matches!(report.outcome, Outcome::Retry { .. } | Outcome::ProviderDown | Outcome::Unknown));
    reports.sort_by_key(|report| !matches!(report.outcome, Outcome::Accepted { .. }));
    reports.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_arrive_counts_before_what_failed_and_what_failed_for_a_while_not_at_all() {
        let found = |outcome: Outcome| Found { message_id: "SM1".to_owned(), report: Report::new(outcome, None) };
        let accepted = Outcome::Accepted { message_id: Some("SM1".to_owned()) };
        let retry = || found(Report::retry(None).outcome);
        assert_eq!(the_likeliest(vec![]), None);
        assert_eq!(the_likeliest(vec![retry()]), None);
        assert_eq!(the_likeliest(vec![retry(), found(Outcome::BadAddress)]).map(|report| report.outcome), Some(Outcome::BadAddress));
        let all = vec![retry(), found(Outcome::BadMessage), found(accepted.clone())];
        assert_eq!(the_likeliest(all).map(|report| report.outcome), Some(accepted));
    }
}
