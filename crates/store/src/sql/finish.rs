//! How begun deliveries ended, and what follows for the address, for the user's next step, and for being reachable.

use std::collections::BTreeSet;

use watchbell_core::delivery::State;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, EventId, Reason, UserId};

use super::locks::by_id;
use super::rows::{scope, to_json};
use super::{BindAll, Connection, SqlStore, Tx, array, attempts, columns, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::columns::row;
use crate::facts::Scope;
use crate::queue::{AddressFate, Finished, Next};
use crate::wake::{Effects, Moved};

/// A delivery that will not be tried again.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub(super) struct Lost {
    pub id: String,
    pub scope: String,
    pub subject: String,
    pub event_id: String,
    pub user_id: i64,
    pub purpose: String,
    pub due_at: i64,
}

impl SqlStore {
    pub(super) async fn finish_all(&self, epoch: Epoch, finished: &[Finished]) -> Result<Vec<DeliveryId>, StoreError> {
        // This comes first, so that no step that is expedited below goes to an address that is known to be bad. After a crash in
        // between, the call is `Unknown`, and the next try finds the address locked.
        for end in finished {
            if matches!(end.next, Next::Failed { address: AddressFate::Bad, .. }) {
                self.retire_address(&end.id).await;
            }
        }
        let ends_there = |end: &Finished| end.next == Next::Sent && end.attempt.is_some() && !end.is_bundle && end.receipt_by.is_none();
        if finished.iter().all(ends_there) {
            // Nothing follows, and one statement is a transaction by itself.
            let held = self.write_ends(&mut self.write.acquire().await?, epoch, finished).await?;
            return Ok(held.into_iter().collect());
        }
        let mut tx = self.begin_tx().await?;
        let lost = finished
            .iter()
            .filter(|end| matches!(end.next, Next::Failed { .. } | Next::Expired | Next::Undelivered { .. }))
            .map(|end| &end.id);
        let lost: Vec<&DeliveryId> = lost.collect();
        if !lost.is_empty() || finished.iter().any(|end| end.is_bundle) {
            self.lock_ends(&mut tx, &finished.iter().map(|end| &end.id).collect::<Vec<_>>(), &lost).await?;
        }
        let held = self.write_ends(&mut tx, epoch, finished).await?;
        let ended = || finished.iter().filter(|end| held.contains(&end.id));
        let (mut uncalled, mut again, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for end in ended() {
            if end.attempt.is_none() {
                uncalled.push(&end.id);
            }
            match end.next {
                Next::Retry { .. } => again.push(&end.id),
                Next::Failed { .. } => failed.push(&end.id),
                Next::Sent | Next::Expired | Next::Suppressed { .. } | Next::Undelivered { .. } => {}
            }
        }
        // What was called has left the ready queue when it began.
        self.dequeue(&mut tx, &uncalled).await?;
        self.enqueue(&mut tx, &again).await?;
        self.note_failures(&mut tx, &failed).await?;
        self.await_receipts(&mut tx, finished, &held).await?;
        let bundles: Vec<String> = ended().filter(|end| end.is_bundle).map(|end| end.id.0.clone()).collect();
        self.share_outcome(&mut tx, &bundles).await?;
        let (mut due, mut moved) = (BTreeSet::new(), Vec::new());
        for end in finished {
            let because = match &end.next {
                Next::Failed { reason, .. } | Next::Undelivered { reason } => Some(reason),
                Next::Expired => None,
                Next::Sent | Next::Retry { .. } | Next::Suppressed { .. } => continue,
            };
            if let (Next::Undelivered { reason }, true) = (&end.next, held.contains(&end.id)) {
                moved.push(Moved { id: end.id.clone(), state: State::Undelivered, reason: Some(reason.clone()) });
            }
            if held.contains(&end.id) {
                self.after_failure(&mut tx, &end.id, because, &mut due).await?;
            }
        }
        self.settle_slots(&mut tx, ended()).await?;
        tx.commit().await?;
        self.wakes.announce(Effects { due, moved, ..Effects::default() });
        Ok(held.into_iter().collect())
    }

    /// Moves those that this process still holds. A receipt that came before the answer has moved a delivery further already;
    /// one that was cancelled during the call is not tried again. Answers those.
    async fn write_ends(&self, on: &mut Connection, epoch: Epoch, finished: &[Finished]) -> Result<BTreeSet<DeliveryId>, StoreError> {
        row! {
            struct Row<'a> {
                id: &'a DeliveryId,
                state: &'static str,
                ready_at: Option<i64>,
                reason: Option<String>,
                provider: Option<&'a str>,
                message_id: Option<&'a str>,
                sent_at: Option<i64>,
                attempt: Option<String>,
            }
        }
        let now = self.clock.now().as_millis();
        let row = |end: &'_ Finished| {
            let (state, ready_at, sent_at) = match &end.next {
                Next::Sent => ("sent", None, Some(now)),
                Next::Retry { at, .. } => ("scheduled", Some(at.as_millis()), None),
                Next::Failed { .. } => ("failed", None, None),
                Next::Expired => ("expired", None, None),
                Next::Suppressed { .. } => ("suppressed", None, None),
                Next::Undelivered { .. } => ("undelivered", None, None),
            };
            (state, ready_at, sent_at)
        };
        let rows: Vec<Row<'_>> = finished
            .iter()
            .map(|end| {
                let (state, ready_at, sent_at) = row(end);
                let reason = match &end.next {
                    Next::Retry { reason, .. }
                    | Next::Failed { reason, .. }
                    | Next::Suppressed { reason }
                    | Next::Undelivered { reason } => Some(reason),
                    Next::Expired => Some(&Reason::TimePassed),
                    Next::Sent => None,
                };
                let attempt = end.attempt.as_ref();
                Ok(Row {
                    id: &end.id,
                    state,
                    ready_at,
                    reason: reason.map(to_json).transpose()?,
                    provider: attempt.map(|attempt| attempt.provider.as_str()),
                    message_id: attempt.and_then(|attempt| attempt.message_id.as_deref()),
                    sent_at,
                    attempt: attempt.map(attempts::line).transpose()?,
                })
            })
            .collect::<Result<_, StoreError>>()?;
        let rows = by_id(rows, |row| row.id.as_str());
        let held: Vec<(String, Option<String>)> = sqlx::query_as(sql("UPDATE deliveries SET \
             reason = CASE WHEN r.state = 'scheduled' AND stop IS NOT NULL THEN stop ELSE r.reason END, \
             state = CASE WHEN deliveries.state NOT {states to_send} THEN deliveries.state \
             WHEN r.state = 'scheduled' AND stop IS NOT NULL THEN 'cancelled' ELSE r.state END, \
             ready_at = COALESCE(r.ready_at, deliveries.ready_at), provider = COALESCE(r.provider, deliveries.provider), \
             message_id = COALESCE(r.message_id, deliveries.message_id), sent_at = COALESCE(r.sent_at, deliveries.sent_at), \
             attempt_log = attempt_log || COALESCE(r.attempt, ''), lease = NULL, begun_at = NULL, updated_at = $2 \
             FROM {rows $3: id text, state text, ready_at bigint, reason text, provider text, message_id text, sent_at bigint, attempt text} \
             WHERE deliveries.id = r.id AND {if deliveries.lease = $1} RETURNING deliveries.id, \
             CASE WHEN deliveries.purpose = 'verification' AND deliveries.state <> 'scheduled' THEN deliveries.event_id END"))
        .bind(epoch.0)
        .bind(now)
        .bind_all(columns(&rows)?)
        .fetch_all(&mut *on)
        .await?;
        let (held, codes): (Vec<String>, Vec<Option<String>>) = held.into_iter().unzip();
        self.forget_codes(on, &codes.into_iter().flatten().collect::<Vec<_>>()).await?;
        Ok(held.into_iter().map(DeliveryId).collect())
    }

    /// Lists deliveries that failed. No other state is looked for among deliveries, except those that wait, which the ready queue holds.
    pub(super) async fn note_failures(&self, tx: &mut Tx, failed: &[&DeliveryId]) -> Result<(), StoreError> {
        if failed.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("INSERT INTO failures (id) SELECT id FROM deliveries WHERE id {in $1 text} AND state = 'failed' \
             ON CONFLICT DO NOTHING"))
        .bind(array(failed)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Which of the deliveries tell of several.
    pub(super) async fn bundles_among(&self, tx: &mut Tx, ids: &BTreeSet<DeliveryId>) -> Result<Vec<String>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let bundles = sqlx::query_scalar(sql("SELECT id FROM deliveries WHERE id {in $1 text} AND purpose {purposes collective}"));
        Ok(bundles.bind(array(ids)?).fetch_all(&mut **tx).await?)
    }

    /// What follows when a delivery did not reach its user; a bundle's end is each of its members'. `because` is why the user's
    /// next step is due now, or None where it is not.
    pub(super) async fn after_failure(
        &self,
        tx: &mut Tx,
        id: &DeliveryId,
        because: Option<&Reason>,
        due: &mut BTreeSet<Channel>,
    ) -> Result<(), StoreError> {
        let lost: Vec<Lost> = sqlx::query_as(sql(
            "SELECT id, scope, subject, event_id, user_id, purpose, due_at FROM deliveries WHERE id = $1 OR bundle_id = $1 ORDER BY id",
        ))
        .bind(id.as_str().to_owned())
        .fetch_all(&mut **tx)
        .await?;
        for lost in lost.iter().filter(|lost| !matches!(lost.purpose.as_str(), "bundle" | "digest")) {
            let scope = scope(&lost.scope)?;
            if let (Scope::Alert { .. }, Some(reason)) = (&scope, because) {
                due.extend(self.expedite(tx, lost, reason).await?);
            }
            self.note_if_unreachable(tx, lost, scope).await?;
        }
        Ok(())
    }

    /// Locks the contact, or deletes the device, that a provider refused for good: a change of its user.
    pub(super) async fn retire_address(&self, of: &DeliveryId) {
        if let Err(error) = self.try_retire(of).await {
            let error = watchbell_core::error_chain(&error);
            tracing::warn!(delivery.id = %of, error, "an address that a provider refused could not be locked; the next failure tries again");
        }
    }

    async fn try_retire(&self, of: &DeliveryId) -> Result<(), StoreError> {
        let row: Option<(i64, Option<i64>, Option<i64>)> =
            sqlx::query_as(sql("SELECT user_id, contact_id, device_id FROM deliveries WHERE id = $1"))
                .bind(of.as_str().to_owned())
                .fetch_optional(&self.write)
                .await?;
        let Some((user, contact, device)) = row else { return Ok(()) };
        let (statement, id, action, object) = match (contact, device) {
            (Some(id), _) => ("UPDATE contacts SET status = 'LOCKED' WHERE id = $1 AND status = 'OK'", id, "contact.locked", "contact"),
            (None, Some(id)) => ("DELETE FROM devices WHERE id = $1", id, "device.deleted", "device"),
            (None, None) => return Ok(()),
        };
        let mut change = self.begin_own_change(UserId(user)).await?;
        if sqlx::query(sql(statement)).bind(id).execute(&mut *change.tx).await?.rows_affected() == 0 {
            return Ok(());
        }
        self.commit_change(change, Actor::System, action, format!("{object} {id}")).await
    }

    /// The user's earliest later step of the same round is due now, unless another step of the failed one's time still may
    /// reach them; an inbox wakes nobody. What quiet hours hold stays held, and a repetition keeps its time: it is no other way to reach
    /// somebody.
    async fn expedite(&self, tx: &mut Tx, lost: &Lost, because: &Reason) -> Result<Option<Channel>, StoreError> {
        let moved: Option<(String, String)> = sqlx::query_as(sql(
            "UPDATE deliveries SET due_at = $4, ready_at = $4, reason = $5, expedited = TRUE, lease = NULL, updated_at = $4 WHERE id {anyof} \
             SELECT id FROM deliveries WHERE subject = $7 AND user_id = $2 AND scope = $1 AND state = 'scheduled' AND attempts = 0 \
             AND repetition IS NULL AND due_at > $3 AND due_at > $4 AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.subject = $7 AND o.user_id = $2 AND o.scope = $1 \
             AND o.due_at = $3 AND o.id <> $6 AND o.channel <> 'in_app' AND o.state {states hopeful}) \
             ORDER BY due_at, id LIMIT 1 {end} RETURNING id, channel",
        ))
        .bind(lost.scope.clone())
        .bind(lost.user_id)
        .bind(lost.due_at)
        .bind(self.clock.now().as_millis())
        .bind(to_json(&Reason::Expedited { because: because.clone().boxed() })?)
        .bind(lost.id.clone())
        .bind(lost.subject.clone())
        .fetch_optional(&mut **tx)
        .await?;
        let Some((id, channel)) = moved else { return Ok(None) };
        self.requeue(tx, &[id]).await?;
        Ok(Channel::from_db(&channel))
    }

    /// Each of these users' earliest step of that scope is due now; an inbox wakes nobody, what quiet hours hold stays held, and
    /// repetitions keep their times.
    pub(super) async fn expedite_next(&self, tx: &mut Tx, wanted: &[(Scope, UserId, Reason)]) -> Result<Vec<Channel>, StoreError> {
        let mut channels = Vec::new();
        for (scope, user, because) in wanted {
            let moved: Option<(String, String)> = sqlx::query_as(sql(
                "UPDATE deliveries SET due_at = $4, ready_at = $4, reason = $5, expedited = TRUE, lease = NULL, updated_at = $4 \
                 WHERE id {anyof} SELECT id FROM deliveries WHERE subject = $3 AND user_id = $2 AND scope = $1 AND state = 'scheduled' \
                 AND attempts = 0 AND repetition IS NULL AND due_at > $4 AND channel <> 'in_app' ORDER BY due_at, id LIMIT 1 {end} RETURNING id, channel",
            ))
            .bind(scope.key())
            .bind(user.0)
            .bind(scope.subject())
            .bind(self.clock.now().as_millis())
            .bind(to_json(&Reason::Expedited { because: because.clone().boxed() })?)
            .fetch_optional(&mut **tx)
            .await?;
            let Some((id, channel)) = moved else { continue };
            self.requeue(tx, &[id]).await?;
            channels.extend(Channel::from_db(&channel));
        }
        Ok(channels)
    }

    async fn note_if_unreachable(&self, tx: &mut Tx, lost: &Lost, scope: Scope) -> Result<(), StoreError> {
        let hope: i64 = sqlx::query_scalar(sql("SELECT count(*) FROM deliveries WHERE subject = $3 AND user_id = $2 AND scope = $1 \
             AND state NOT {states lost}"))
        .bind(lost.scope.clone())
        .bind(lost.user_id)
        .bind(lost.subject.clone())
        .fetch_one(&mut **tx)
        .await?;
        if hope == 0 {
            self.note_unreachable(tx, &[(scope, UserId(lost.user_id), EventId(lost.event_id.clone()))]).await?;
        }
        Ok(())
    }
}
