//! What providers say later about messages that they took.

use std::collections::BTreeSet;

use async_trait::async_trait;
use watchbell_core::delivery::State;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, ContactId, DeliveryId, Reason, Timestamp};

use super::rows::{at, name, to_json};
use super::{SqlStore, Tx, attempts, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::queue::{Attempt, Receipt, ReceiptOutcome, Receipts};
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
}

#[derive(sqlx_macros::FromRow)]
struct Row {
    state: String,
    channel: String,
    provider: Option<String>,
    attempt_log: String,
    rank: i64,
    attempts: i64,
    due_at: i64,
    stop: Option<String>,
    is_wanted: bool,
}

/// A delivery as receipts see it. Nobody has to be called again for an alert's round that is over.
const SELECT: &str = "SELECT state, channel, provider, attempt_log, rank, attempts, \
     CASE WHEN created_at > due_at THEN created_at ELSE due_at END AS due_at, stop, CASE WHEN scope LIKE 'alert:%' \
     THEN EXISTS (SELECT 1 FROM responders r WHERE r.user_id = d.user_id AND r.alert_id = d.alert_id \
     AND d.scope = 'alert:' || r.round || ':' || r.alert_id) ELSE NOT EXISTS (SELECT 1 FROM alerts a \
     WHERE a.id = d.alert_id AND a.state <> 'open') END AS is_wanted FROM deliveries d WHERE id = $1";

impl Row {
    /// Whether a receipt is about what this delivery was sent as last. Another account's says nothing of it, nor does one of an
    /// earlier try; but one that overtakes the answer to the call has an id that nobody knows yet.
    fn fits(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let tries = attempts::parse(&self.attempt_log)?;
        let is_theirs = self.provider.as_deref() == Some(&receipt.provider) || self.had_no_answer_of(receipt, &tries);
        if !is_theirs || !receipt.channels.contains(&name(&self.channel)?) {
            return Ok(false);
        }
        let Some(id) = receipt.message_id.as_deref() else { return Ok(true) };
        let is_known_as = |attempt: &Attempt| attempt.message_id.as_deref() == Some(id);
        Ok(match tries.last().filter(|last| self.state != State::Sending.as_str() && last.message_id.is_some()) {
            Some(last) => is_known_as(last),
            None => !tries.iter().any(is_known_as),
        })
    }

    /// Whether it waits to be sent again although the provider that says this may have it: the last call there had no answer.
    fn had_no_answer_of(&self, receipt: &Receipt, tries: &[Attempt]) -> bool {
        let last = tries.iter().rfind(|attempt| attempt.provider == receipt.provider);
        self.state == State::Scheduled.as_str() && last.is_some_and(|last| last.class == Class::Unknown)
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
        let is_loss = |receipt: &&Receipt| receipt.outcome != ReceiptOutcome::Delivered;
        let lost: Vec<&DeliveryId> = receipts.iter().filter(is_loss).map(|receipt| &receipt.delivery).collect();
        self.lock_ends(&mut tx, &receipts.iter().map(|receipt| &receipt.delivery).collect::<Vec<_>>(), &lost).await?;
        let mut known = Vec::with_capacity(receipts.len());
        let mut effects = Effects::default();
        for receipt in receipts {
            let row: Option<Row> = sqlx::query_as(sql(SELECT)).bind(receipt.delivery.as_str()).fetch_optional(&mut *tx).await?;
            let row = row.map(|row| row.fits(receipt).map(|fits| fits.then_some(row))).transpose()?.flatten();
            known.push(row.is_some());
            if let Some(row) = row {
                self.apply_receipt(&mut tx, receipt, &row, &mut effects).await?;
            }
        }
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(known)
    }

    /// Whether a delivery is with the provider that says this, who can still say that it did not arrive.
    async fn counts_on(&self, receipt: &Receipt) -> Result<bool, StoreError> {
        let row: Option<Row> = sqlx::query_as(sql(SELECT)).bind(receipt.delivery.as_str()).fetch_optional(&self.write).await?;
        let Some(row) = row else { return Ok(false) };
        Ok(matches!(row.state.as_str(), "sending" | "sent") && row.fits(receipt)?)
    }

    async fn apply_receipt(&self, tx: &mut Tx, receipt: &Receipt, row: &Row, effects: &mut Effects) -> Result<(), StoreError> {
        let now = self.clock.now();
        let state: State = name(&row.state)?;
        let (next, ready_at, reason) = match receipt.outcome {
            ReceiptOutcome::Delivered => ("delivered", None, None),
            ReceiptOutcome::Undelivered | ReceiptOutcome::BadAddress => {
                ("undelivered", None, Some(Reason::Undelivered { code: receipt.code.clone() }))
            }
            ReceiptOutcome::NotAnswered => match self.call_again(row, now) {
                Some(again) => ("scheduled", Some(again), Some(Reason::CallNotAnswered { code: receipt.code.clone() })),
                None => ("undelivered", None, Some(Reason::CallNotAnswered { code: receipt.code.clone() })),
            },
        };
        // What had no answer arrived all the same: it is not sent again.
        let settles = next == "delivered" && row.had_no_answer_of(receipt, &attempts::parse(&row.attempt_log)?);
        // A receipt may overtake the answer to the call itself: the worker then finds the delivery moved further.
        let as_if_sent = if state == State::Sending || settles { State::Sent } else { state };
        if !as_if_sent.may_become(name(next)?) || (state != as_if_sent && next == "scheduled") {
            return Ok(());
        }
        sqlx::query(sql("UPDATE deliveries SET state = $2, ready_at = COALESCE($3, ready_at), reason = $4, updated_at = $5, \
             lease = CASE WHEN state = 'scheduled' THEN NULL ELSE lease END, \
             sent_at = CASE WHEN state = 'scheduled' THEN $5 ELSE sent_at END WHERE id = $1"))
        .bind(receipt.delivery.as_str().to_owned())
        .bind(next)
        .bind(ready_at.map(Timestamp::as_millis))
        .bind(reason.as_ref().map(to_json).transpose()?)
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
        if next == "scheduled" {
            self.enqueue(tx, &[&receipt.delivery]).await?;
        }
        if settles {
            self.dequeue(tx, &[&receipt.delivery]).await?;
        }
        effects.moved.push(Moved { id: receipt.delivery.clone(), state: name(next)?, reason: reason.clone() });
        let bundles = self.bundles_among(tx, &BTreeSet::from([receipt.delivery.clone()])).await?;
        self.share_outcome(tx, &bundles).await?;
        if next == "undelivered" {
            return self.after_failure(tx, &receipt.delivery, reason.as_ref(), &mut effects.due).await;
        }
        effects.due.extend(Channel::from_db(&row.channel).filter(|_| next == "scheduled"));
        Ok(())
    }

    /// When a call that nobody answered is made again, unless nobody needs to be called any more.
    fn call_again(&self, row: &Row, now: Timestamp) -> Option<Timestamp> {
        if row.stop.is_some() || !row.is_wanted {
            return None;
        }
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        self.retries.of(row.rank).next(attempts, at(row.due_at), now, None, 0.5)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use watchbell_core::DeliveryId;

    use super::*;

    fn tried(id: Option<&str>, number: i64) -> Attempt {
        Attempt {
            number,
            at: Timestamp::from_millis(number),
            provider: "twilio".to_owned(),
            class: Class::Accepted,
            code: None,
            message_id: id.map(str::to_owned),
            latency_ms: None,
            goes_on: false,
            not_before: None,
        }
    }

    #[test]
    fn a_receipt_counts_for_what_its_provider_sent_last() {
        /// State, message ids of the tries, who says it, by which channels, about which id; whether it counts.
        type Told = (&'static str, &'static [Option<&'static str>], &'static str, &'static [Channel], Option<&'static str>, bool);
        let voice: &[Channel] = &[Channel::Voice];
        let texts: &[Channel] = &[Channel::Sms, Channel::Whatsapp];
        let table: [Told; 15] = [
            ("sent", &[Some("CA1")], "twilio", voice, Some("CA1"), true),
            ("sent", &[Some("CA1")], "twilio", voice, None, true),
            ("sent", &[Some("CA1")], "twilio", voice, Some("CA2"), false),
            ("sent", &[Some("CA1")], "backup", voice, Some("CA1"), false),
            ("sent", &[Some("CA1")], "twilio", texts, Some("CA1"), false),
            ("undelivered", &[Some("CA1")], "twilio", voice, Some("CA1"), true),
            // Of the call before this one.
            ("sent", &[Some("CA1"), Some("CA2")], "twilio", voice, Some("CA1"), false),
            ("sent", &[Some("CA1"), Some("CA2")], "twilio", voice, Some("CA2"), true),
            // What is in flight has an id that nobody knows yet, but not an earlier one's.
            ("sending", &[], "twilio", voice, Some("CA1"), true),
            ("sending", &[], "backup", voice, Some("CA1"), false),
            ("sending", &[], "twilio", texts, Some("CA1"), false),
            ("sending", &[Some("CA1")], "twilio", voice, Some("CA1"), false),
            ("sending", &[Some("CA1")], "twilio", voice, Some("CA2"), true),
            // A call of which no answer came may have been made under any.
            ("sent", &[Some("CA1"), None], "twilio", voice, Some("CA2"), true),
            ("sent", &[Some("CA1"), None], "twilio", voice, Some("CA1"), false),
        ];
        for (state, ids, provider, channels, id, fits) in table {
            let log = ids.iter().zip(1..).map(|(id, number)| attempts::line(&tried(*id, number)).unwrap()).collect();
            let row = Row {
                state: state.to_owned(),
                channel: "voice".to_owned(),
                provider: Some("twilio".to_owned()),
                attempt_log: log,
                rank: 0,
                attempts: 1,
                due_at: 0,
                stop: None,
                is_wanted: true,
            };
            let receipt = Receipt {
                delivery: DeliveryId("01".to_owned()),
                provider: provider.to_owned(),
                channels,
                message_id: id.map(str::to_owned),
                outcome: ReceiptOutcome::Delivered,
                code: None,
            };
            assert_eq!(row.fits(&receipt).unwrap(), fits, "{state} {ids:?} {provider} {id:?}");
        }
    }
}
