//! What providers say later about messages that they took.

use std::collections::BTreeSet;

use watchbell_core::delivery::State;
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::rows::{at, name};
use super::{SqlStore, Tx, sql};
use crate::StoreError;
use crate::queue::{Receipt, ReceiptOutcome};
use crate::wake::{Effects, Moved};

#[derive(sqlx::FromRow)]
struct Row {
    state: String,
    rank: i64,
    attempts: i64,
    due_at: i64,
    stop: Option<String>,
    is_open: bool,
}

impl SqlStore {
    pub(super) async fn apply_receipts(&self, receipts: &[Receipt]) -> Result<Vec<bool>, StoreError> {
        // First, so that no step that is pulled forward goes to an address that is known to be bad.
        for receipt in receipts.iter().filter(|receipt| receipt.outcome == ReceiptOutcome::BadAddress) {
            if self.counts_on(&receipt.delivery).await? {
                self.retire_address(&receipt.delivery).await;
            }
        }
        let mut tx = self.begin_tx().await?;
        let is_loss = |receipt: &&Receipt| receipt.outcome != ReceiptOutcome::Delivered;
        let lost: Vec<&DeliveryId> = receipts.iter().filter(is_loss).map(|receipt| &receipt.delivery).collect();
        self.lock_ends(&mut tx, &receipts.iter().map(|receipt| &receipt.delivery).collect::<Vec<_>>(), &lost).await?;
        let mut known = Vec::with_capacity(receipts.len());
        let mut effects = Effects::default();
        for receipt in receipts {
            let row: Option<Row> = sqlx::query_as(sql(
                "SELECT state, rank, attempts, CASE WHEN created_at > due_at THEN created_at ELSE due_at END AS due_at, stop, NOT EXISTS (SELECT 1 FROM alerts a WHERE a.id = d.alert_id \
                 AND a.state <> 'open') AS is_open FROM deliveries d WHERE id = $1",
            ))
            .bind(receipt.delivery.as_str().to_owned())
            .fetch_optional(&mut *tx)
            .await?;
            known.push(row.is_some());
            if let Some(row) = row {
                self.apply_receipt(&mut tx, receipt, &row, &mut effects).await?;
            }
        }
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(known)
    }

    /// Whether a delivery is with a provider who can still say that it did not arrive.
    async fn counts_on(&self, delivery: &DeliveryId) -> Result<bool, StoreError> {
        let state: Option<String> = sqlx::query_scalar(sql("SELECT state FROM deliveries WHERE id = $1"))
            .bind(delivery.as_str().to_owned())
            .fetch_optional(&self.write)
            .await?;
        Ok(matches!(state.as_deref(), Some("sending" | "sent")))
    }

    async fn apply_receipt(&self, tx: &mut Tx, receipt: &Receipt, row: &Row, effects: &mut Effects) -> Result<(), StoreError> {
        let now = self.clock.now();
        let state: State = name(&row.state)?;
        let (next, ready_at, reason) = match receipt.outcome {
            ReceiptOutcome::Delivered => ("delivered", None, None),
            ReceiptOutcome::Undelivered | ReceiptOutcome::BadAddress => ("undelivered", None, Some("the provider could not deliver it")),
            ReceiptOutcome::NotAnswered => match self.call_again(row, now) {
                Some(again) => ("scheduled", Some(again), Some("nobody answered the call")),
                None => ("undelivered", None, Some("nobody answered the call")),
            },
        };
        // A receipt may overtake the answer to the call itself: the worker then finds the delivery moved further.
        let as_if_sent = if state == State::Sending { State::Sent } else { state };
        if !as_if_sent.may_become(name(next)?) || (state != as_if_sent && next == "scheduled") {
            return Ok(());
        }
        let reason = reason.map(|reason| receipt.code.as_ref().map_or_else(|| reason.to_owned(), |code| format!("{reason} (code {code})")));
        let channel: String = sqlx::query_scalar(sql(
            "UPDATE deliveries SET state = $2, ready_at = COALESCE($3, ready_at), reason = $4, updated_at = $5 WHERE id = $1 RETURNING channel",
        ))
        .bind(receipt.delivery.as_str().to_owned())
        .bind(next)
        .bind(ready_at.map(Timestamp::as_millis))
        .bind(reason.clone())
        .bind(now.as_millis())
        .fetch_one(&mut **tx)
        .await?;
        if next == "scheduled" {
            self.enqueue(tx, &[&receipt.delivery]).await?;
        }
        effects.moved.push(Moved { id: receipt.delivery.clone(), state: name(next)?, reason: reason.clone() });
        let bundles = self.bundles_among(tx, &BTreeSet::from([receipt.delivery.clone()])).await?;
        self.share_outcome(tx, &bundles).await?;
        if next == "undelivered" {
            return self.after_failure(tx, &receipt.delivery, reason.as_deref(), &mut effects.due).await;
        }
        effects.due.extend(Channel::from_db(&channel).filter(|_| next == "scheduled"));
        Ok(())
    }

    /// When a call that nobody answered is made again, unless nobody needs to be called any more.
    fn call_again(&self, row: &Row, now: Timestamp) -> Option<Timestamp> {
        if row.stop.is_some() || !row.is_open {
            return None;
        }
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        self.retries.of(row.rank).next(attempts, at(row.due_at), now, None, 0.5)
    }
}
