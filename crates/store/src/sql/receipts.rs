//! What providers say later about messages that they took.

pub(super) mod subject;

use std::collections::BTreeSet;

use async_trait::async_trait;
use watchbell_core::delivery::State;
use watchbell_core::{Channel, ContactId, DeliveryId, Reason, Timestamp};

use self::subject::{About, Row};
use super::rows::{at, name, to_json};
use super::{SqlStore, Tx, attempts, receipt_log, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::queue::{Attempt, Overdue, Receipt, ReceiptOutcome, Receipts};
use crate::wake::{Effects, Moved};

#[async_trait]
impl Receipts for SqlStore {
    async fn receipts(&self, receipts: Vec<Receipt>) -> Result<Vec<bool>, StoreError> {
        super::retrying(|| self.apply_receipts(&receipts)).await
    }

    async fn contact_moved(&self, contact: ContactId, target: &str) -> Result<(), StoreError> {
        let user: Option<i64> =
            sqlx::query_scalar(sql("SELECT user_id FROM contacts WHERE id = $1")).bind(contact.0).fetch_optional(&self.write).await?;
        let Some(user) = user else { return Ok(()) };
        let mut change = self.begin_own_change(watchbell_core::UserId(user)).await?;
        let moved = sqlx::query(sql("UPDATE contacts SET target = $2 WHERE id = $1")).bind(contact.0).bind(target.to_owned());
        match moved.execute(&mut *change.tx).await {
            Ok(_) => self.commit_change(change, Actor::System, "contact.moved", format!("contact {contact}")).await,
            // The user has the new address already, as another contact.
            Err(error) if error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn next_overdue(&self, channels: &[Channel]) -> Result<Option<Timestamp>, StoreError> {
        self.first_awaited(channels).await
    }

    async fn overdue(&self, channel: Channel, most: i64) -> Result<Vec<Overdue>, StoreError> {
        self.overdue_receipts(channel, most).await
    }

    async fn settle_overdue(&self, overdue: Vec<(DeliveryId, Option<Reason>)>) -> Result<(), StoreError> {
        super::retrying(|| self.apply_overdue(&overdue)).await
    }
}

impl SqlStore {
    pub(super) async fn apply_receipts(&self, receipts: &[Receipt]) -> Result<Vec<bool>, StoreError> {
        // This comes first, so that no step that is expedited below goes to an address that is known to be bad.
        for receipt in receipts.iter().filter(|receipt| receipt.outcome == ReceiptOutcome::BadAddress) {
            if self.counts_on(receipt).await? {
                self.retire_address(&receipt.delivery).await;
            }
        }
        let mut tx = self.begin_tx().await?;
        let is_loss = |receipt: &&Receipt| !receipt.outcome.has_arrived();
        let lost: Vec<&DeliveryId> = receipts.iter().filter(is_loss).map(|receipt| &receipt.delivery).collect();
        self.lock_ends(&mut tx, &receipts.iter().map(|receipt| &receipt.delivery).collect::<Vec<_>>(), &lost).await?;
        let mut known = Vec::with_capacity(receipts.len());
        let mut effects = Effects::default();
        for receipt in receipts {
            let row: Option<Row> = sqlx::query_as(sql(Row::SELECT)).bind(receipt.delivery.as_str()).fetch_optional(&mut *tx).await?;
            let about = row.map(|row| Ok::<_, StoreError>(row.about(receipt)?.map(|about| (row, about)))).transpose()?.flatten();
            known.push(about.is_some());
            if let Some((row, about)) = about {
                self.keep_receipt(&mut tx, receipt, &row).await?;
                if about == About::Last || receipt.outcome.has_arrived() {
                    self.apply_receipt(&mut tx, receipt, (&row, about), &mut effects).await?;
                }
            }
        }
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(known)
    }

    /// Whether a delivery is with the provider that says this, who can still say that it did not arrive.
    async fn counts_on(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let row: Option<Row> = sqlx::query_as(sql(Row::SELECT)).bind(receipt.delivery.as_str()).fetch_optional(&self.write).await?;
        let Some(row) = row else { return Ok(false) };
        Ok(matches!(row.state.as_str(), "sending" | "sent") && row.about(receipt)? == Some(About::Last))
    }

    /// Keeps what was said, whether or not it changes anything.
    async fn keep_receipt(&self, tx: &mut Tx, receipt: &Receipt, row: &Row) -> Result<(), StoreError> {
        let Some(line) = receipt_log::line(&row.receipt_log, receipt, self.clock.now())? else { return Ok(()) };
        sqlx::query(sql("UPDATE deliveries SET receipt_log = receipt_log || $2, updated_at = $3 WHERE id = $1"))
            .bind(receipt.delivery.as_str().to_owned())
            .bind(line)
            .bind(self.clock.now().as_millis())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn apply_receipt(
        &self,
        tx: &mut Tx,
        receipt: &Receipt,
        (row, about): (&Row, About),
        effects: &mut Effects,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let state: State = name(&row.state)?;
        let tries = attempts::parse(&row.attempt_log)?;
        let becomes = self.becomes(receipt, row, state, now);
        let next = becomes.state;
        // What had no answer, or was to go out by another provider, arrived all the same: it is not sent again.
        let may_be_out = row.had_no_answer_of(receipt, &tries) || (about == About::PassedOn && state == State::Scheduled);
        let settles = next == State::Delivered && may_be_out;
        // A receipt may overtake the answer to the call itself: the worker then finds the delivery moved further.
        let as_if_sent = if state == State::Sending || settles { State::Sent } else { state };
        if !as_if_sent.may_become(next) {
            return Ok(());
        }
        sqlx::query(sql("UPDATE deliveries SET state = $2, ready_at = COALESCE($3, ready_at), reason = $4, updated_at = $5, \
             attempt_log = COALESCE($6, attempt_log), lease = CASE WHEN state = 'scheduled' THEN NULL ELSE lease END, \
             sent_at = CASE WHEN state = 'scheduled' THEN $5 ELSE sent_at END WHERE id = $1"))
        .bind(receipt.delivery.as_str().to_owned())
        .bind(next.as_str())
        .bind(becomes.ready_at.map(Timestamp::as_millis))
        .bind(becomes.reason.as_ref().map(to_json).transpose()?)
        .bind(now.as_millis())
        .bind(becomes.goes_on.then(|| passed_on(tries)).transpose()?)
        .execute(&mut **tx)
        .await?;
        if next == State::Scheduled {
            self.enqueue(tx, &[&receipt.delivery]).await?;
        }
        if settles {
            self.dequeue(tx, &[&receipt.delivery]).await?;
        }
        effects.moved.push(Moved { id: receipt.delivery.clone(), state: next, reason: becomes.reason.clone() });
        let bundles = self.bundles_among(tx, &BTreeSet::from([receipt.delivery.clone()])).await?;
        self.share_outcome(tx, &bundles).await?;
        if next == State::Undelivered {
            return self.after_failure(tx, &receipt.delivery, becomes.reason.as_ref(), &mut effects.due).await;
        }
        effects.due.extend(Channel::from_db(&row.channel).filter(|_| next == State::Scheduled));
        Ok(())
    }

    /// What a receipt makes of the delivery that it is about.
    fn becomes(&self, receipt: &Receipt, row: &Row, state: State, now: Timestamp) -> Becomes {
        let code = receipt.code.clone();
        let is_call = row.channel == Channel::Voice.as_str();
        let goes_on = receipt.outcome == ReceiptOutcome::NoRoute || (receipt.outcome == ReceiptOutcome::TryAgain && !is_call);
        let (reason, again) = match receipt.outcome {
            ReceiptOutcome::Delivered | ReceiptOutcome::Read => {
                return Becomes { state: State::Delivered, ready_at: None, reason: None, goes_on: false };
            }
            ReceiptOutcome::Undelivered | ReceiptOutcome::BadAddress => (Reason::Undelivered { code }, None),
            ReceiptOutcome::NotAnswered => (Reason::CallNotAnswered { code }, self.call_again(row, now)),
            ReceiptOutcome::TryAgain if is_call => (Reason::Undelivered { code }, self.call_again(row, now)),
            ReceiptOutcome::TryAgain | ReceiptOutcome::NoRoute => (Reason::Undelivered { code }, row.is_needed().then_some(now)),
        };
        // One that overtakes the answer to its call cannot put it back: its worker has it still.
        match again.filter(|_| state != State::Sending) {
            Some(at) if goes_on => {
                Becomes { state: State::Scheduled, ready_at: Some(at), reason: Some(Reason::PassedOn { after: reason.boxed() }), goes_on }
            }
            Some(at) => Becomes { state: State::Scheduled, ready_at: Some(at), reason: Some(reason), goes_on },
            None => Becomes { state: State::Undelivered, ready_at: None, reason: Some(reason), goes_on: false },
        }
    }

    /// When a call that nobody answered is made again, unless nobody needs to be called any more.
    fn call_again(&self, row: &Row, now: Timestamp) -> Option<Timestamp> {
        if !row.is_needed() {
            return None;
        }
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        self.retries.of(row.rank).next(attempts, at(row.due_at), now, None, 0.5)
    }
}

struct Becomes {
    state: State,
    ready_at: Option<Timestamp>,
    reason: Option<Reason>,
    /// The try that it was sent by is no step of the retry ladder: another provider takes over.
    goes_on: bool,
}

/// The log of tries of which the last one was taken by its provider, and is taken over by another.
pub(super) fn passed_on(mut tries: Vec<Attempt>) -> Result<String, StoreError> {
    if let Some(last) = tries.last_mut() {
        last.goes_on = true;
    }
    tries.iter().map(attempts::line).collect()
}
