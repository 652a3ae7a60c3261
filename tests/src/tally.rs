//! Counting what arrived against what had to: lost, doubled, and what was in flight when something died.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::database::Database;
use crate::stand_ins::Outbox;
use crate::wait;

/// What became of all deliveries of a test in the end.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub planned: usize,
    /// Never taken by a provider.
    pub lost: usize,
    /// Calls beyond the first for one delivery.
    pub doubled: usize,
    /// Doubled deliveries that have no attempt on record as `Unknown`.
    pub unexplained: usize,
    /// Attempts on record as `Unknown`.
    pub unknown: usize,
    /// Deliveries whose call had begun when a process was killed, over all kills.
    pub in_flight: usize,
}

impl Tally {
    /// Nothing lost, and nothing doubled but what was in flight and is on record as such.
    #[track_caller]
    pub fn check(&self) {
        assert_eq!(self.lost, 0, "{self:?}");
        assert_eq!(self.unexplained, 0, "{self:?}");
        assert!(self.doubled <= self.in_flight, "{self:?}");
        assert!(self.unknown <= self.in_flight, "{self:?}");
    }
}

/// Waits until every one of `planned` deliveries was taken by a provider and is known to be, and counts.
pub async fn tally(planned: usize, in_flight: usize, outbox: &Outbox, database: &Database, api: &Client) -> Tally {
    let is_over = async || {
        let open = "SELECT count(*) FROM deliveries WHERE state <> 'sent'";
        taken(outbox).len() >= planned && database.number(open).await == 0
    };
    if tokio::time::timeout(wait::PATIENCE / 2, wait::until("all deliveries to be sent", is_over)).await.is_err() {
        let states = database
            .texts(
                "SELECT count(*) || ' ' || state || CASE WHEN lease IS NULL THEN '' ELSE ' leased' END || ': ' || COALESCE(reason, '') \
             FROM deliveries GROUP BY state, lease IS NULL, reason",
            )
            .await;
        panic!("{} of {planned} deliveries were taken by a provider; in the database: {states:?}", taken(outbox).len());
    }
    let counts = taken(outbox);
    let mut tally = Tally { planned, in_flight, lost: planned.saturating_sub(counts.len()), ..Tally::default() };
    tally.unknown = usize::try_from(database.number("SELECT CAST(COALESCE(sum(length(attempt_log) - length(replace(attempt_log, 'Unknown', ''))), 0) / 7 AS BIGINT) FROM deliveries").await).unwrap();
    for (delivery, count) in counts.iter().filter(|(_, count)| **count > 1) {
        tally.doubled += count - 1;
        let delivery = api.delivery(delivery).await;
        let attempts = delivery["attemptLog"].as_array().cloned().unwrap_or_default();
        if !attempts.iter().any(|attempt| attempt["class"] == "Unknown") {
            tally.unexplained += 1;
        }
    }
    tally
}

/// How often each delivery was taken.
fn taken(outbox: &Outbox) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for sent in outbox.matching(|sent| sent.accepted) {
        *counts.entry(sent.delivery.expect("every message of these tests names its delivery")).or_default() += 1;
    }
    counts
}

/// Deliveries whose call the process with that pid has begun and not ended.
pub async fn in_flight(database: &Database, pid: u32) -> usize {
    let of_it = format!("lease IN (SELECT epoch FROM worker_sessions WHERE name LIKE '%:{pid}')");
    usize::try_from(database.number(&format!("SELECT count(*) FROM deliveries WHERE state = 'sending' AND {of_it}")).await).unwrap()
}
