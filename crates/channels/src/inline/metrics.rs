//! What is counted of events on their way in, from wherever they come.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use watchbell_core::event::{Event, EventKind};
use watchbell_metrics::{Counter, Family, Histogram, Registry};
use watchbell_store::intake::Accepted;

/// Of one process; clones share what they count.
#[derive(Clone, Debug, Default)]
pub struct IntakeMetrics {
    events: Family<EventLabels, Counter>,
    /// From when a transaction is asked for until it is committed.
    pub(super) accept_seconds: Histogram,
    pub(super) failures: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    kind: &'static str,
    result: &'static str,
}

impl IntakeMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let events = "Events that were committed: accepted, known before (duplicate), or with a dead letter as not all of them can be used";
        registry.register("watchbell_events", events, self.events.clone());
        let accept = "How long it took to plan events and commit what was planned, by transaction";
        registry.register("watchbell_accept_seconds", accept, self.accept_seconds.clone());
        let failures = "Transactions that accept events and were not committed: their events come again";
        registry.register("watchbell_accept_failures", failures, self.failures.clone());
        // What does not appear before it happens cannot be compared with what was before.
        for kind in EventKind::ALL {
            for result in RESULTS {
                drop(self.events.get_or_create(&EventLabels { kind: kind.as_str(), result }));
            }
        }
    }

    pub(super) fn count(&self, events: &[Event], accepted: &[Accepted]) {
        let mut counts: BTreeMap<(&'static str, &'static str), u64> = BTreeMap::new();
        for (event, accepted) in events.iter().zip(accepted) {
            *counts.entry((event.data.kind().as_str(), result(accepted))).or_default() += 1;
        }
        for ((kind, result), count) in counts {
            self.events.get_or_create(&EventLabels { kind, result }).inc_by(count);
        }
    }
}

const RESULTS: [&str; 3] = ["accepted", "duplicate", "dead_letter"];

pub(super) fn result(accepted: &Accepted) -> &'static str {
    let [fine, duplicate, dead_letter] = RESULTS;
    match accepted {
        Accepted { rejected, .. } if !rejected.is_empty() => dead_letter,
        Accepted { duplicate: true, .. } => duplicate,
        _ => fine,
    }
}
