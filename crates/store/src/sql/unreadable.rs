//! Deliveries that this version cannot read: each is set aside by itself, so that nothing else waits for it.

use std::collections::HashSet;

use watchbell_core::delivery::State;
use watchbell_core::{DeliveryId, Reason};

use super::jobs::JobRow;
use super::rows::to_json;
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::queue::Job;
use crate::wake::{Effects, Moved};

/// A delivery and what of it cannot be read, without any value: it may hold a text or an address.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub id: String,
    pub what: String,
}

impl SqlStore {
    /// Reads deliveries, the most urgent first, one by one: what cannot be read is answered beside them.
    pub(super) async fn read_jobs(&self, tx: &mut Tx, ids: &[String]) -> Result<(Vec<Job>, Vec<Unreadable>), StoreError> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let rows = sqlx::query(sql(JobRow::SELECT)).bind(array(ids)?).fetch_all(&mut **tx).await?;
        let (mut jobs, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            match JobRow::job(row) {
                Ok(job) => jobs.push(job),
                Err((id, what)) => unreadable.push(Unreadable { id, what }),
            }
        }
        if jobs.len() + unreadable.len() < ids.len() {
            let found: HashSet<&str> = jobs.iter().map(|job| job.id.as_str()).chain(unreadable.iter().map(|one| one.id.as_str())).collect();
            let gone = ids.iter().filter(|id| !found.contains(id.as_str()));
            let gone: Vec<Unreadable> = gone.map(|id| Unreadable { id: id.clone(), what: "its event is gone".to_owned() }).collect();
            unreadable.extend(gone);
        }
        Ok((jobs, unreadable))
    }

    /// Ends what cannot be read as failed, with all that follows. What is to be announced when that is committed.
    pub(super) async fn set_aside(&self, tx: &mut Tx, unreadable: &[Unreadable]) -> Result<Effects, StoreError> {
        row! {
            struct Row {
                id: String,
                reason: String,
            }
        }
        let mut effects = Effects::default();
        if unreadable.is_empty() {
            return Ok(effects);
        }
        let reason = |one: &Unreadable| Reason::Unreadable { what: one.what.clone() };
        let row = |one: &'_ Unreadable| Ok(Row { id: one.id.clone(), reason: to_json(&reason(one))? });
        let rows = unreadable.iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
        let failed: Vec<String> = sqlx::query_scalar(sql("UPDATE deliveries SET state = 'failed', reason = r.reason, lease = NULL, \
             begun_at = NULL, updated_at = $1 FROM {rows $2: id text, reason text} \
             WHERE deliveries.id = r.id AND {if deliveries.state {states claimable}} RETURNING deliveries.id"))
        .bind(self.clock.now().as_millis())
        .bind_all(columns(&rows)?)
        .fetch_all(&mut **tx)
        .await?;
        let failed: Vec<DeliveryId> = failed.into_iter().map(DeliveryId).collect();
        let list: Vec<&DeliveryId> = failed.iter().collect();
        self.dequeue(tx, &list).await?;
        self.note_failures(tx, &list).await?;
        for one in unreadable {
            let id = DeliveryId(one.id.clone());
            let reason = reason(one);
            tracing::error!(delivery.id = %id, what = one.what, "delivery.set_aside: it cannot be read, and failed");
            match self.after_failure(tx, &id, Some(&reason), &mut effects.due).await {
                Ok(()) => {}
                // Then nobody can say which step comes after it.
                Err(StoreError::Corrupt(_)) => tracing::error!(delivery.id = %id, "what follows it cannot be read either"),
                Err(error) => return Err(error),
            }
            effects.moved.push(Moved { id, state: State::Failed, reason: Some(reason) });
        }
        Ok(effects)
    }
}
