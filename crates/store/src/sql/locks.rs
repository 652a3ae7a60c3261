//! Deliveries are locked in the order of their ids, everywhere: two transitions that want some of the same wait for one another at
//! the first of those, and never in a circle.
//!
//! A statement that changes deliveries by a list gets that list in order (`by_id`), and PostgreSQL goes through it one by one. What
//! changes more than it is given a list of, such as the members of a bundle or a user's next step, locks all of that beforehand by
//! one of the statements below. A claim locks recipients first, and waits for no delivery after that: it passes over those that
//! somebody else has locked. An accept that has locked deliveries takes no recipient, so that it waits for nobody who waits for one.

use std::collections::{BTreeSet, HashSet};

use watchbell_core::UserId;

use super::{DIALECT, SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::columns::Field;
use crate::dialect::Dialect;

/// Rows in the order in which they are locked.
pub(super) fn by_id<R>(mut rows: Vec<R>, id: impl Fn(&R) -> &str) -> Vec<R> {
    rows.sort_by(|a, b| id(a).cmp(id(b)));
    rows
}

impl SqlStore {
    /// Locks deliveries, the members of those that are bundles, and of the `lost` ones all other steps of their users in the same
    /// scope: what follows from a failure is decided by these, and must not change meanwhile.
    pub(super) async fn lock_ends<I: Field + Copy>(&self, tx: &mut Tx, ids: &[I], lost: &[I]) -> Result<(), StoreError> {
        let text = "SELECT id FROM deliveries WHERE id {anyof} SELECT id FROM deliveries WHERE id {in $1 text} \
             UNION SELECT id FROM deliveries WHERE bundle_id {in $1 text} \
             UNION SELECT o.id FROM deliveries f JOIN deliveries o ON o.subject = f.subject AND o.user_id = f.user_id AND o.scope = f.scope \
             WHERE f.id {in $2 text} \
             UNION SELECT o.id FROM deliveries f JOIN deliveries o ON o.subject = f.subject AND o.user_id = f.user_id AND o.scope = f.scope \
             WHERE f.bundle_id {in $2 text} {end} ORDER BY id {lock}";
        if DIALECT == Dialect::Postgres {
            sqlx::query(sql(text)).bind(array(ids.iter().copied())?).bind(array(lost.iter().copied())?).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Locks what is pending of alerts and duties; how many deliveries that is.
    pub(super) async fn lock_subjects(&self, tx: &mut Tx, subjects: &[String]) -> Result<u64, StoreError> {
        if DIALECT == Dialect::Sqlite || subjects.is_empty() {
            return Ok(0);
        }
        let text = "SELECT id FROM deliveries WHERE subject {in $1 text} AND state {states stoppable} \
             ORDER BY id {lock}";
        Ok(sqlx::query(sql(text)).bind(array(subjects)?).execute(&mut **tx).await?.rows_affected())
    }

    /// The same, and all that planning these users anew may change.
    pub(super) async fn lock_plans(&self, tx: &mut Tx, subjects: &[String], users: &BTreeSet<UserId>) -> Result<u64, StoreError> {
        if DIALECT == Dialect::Sqlite {
            return Ok(0);
        }
        let text = "SELECT id FROM deliveries WHERE id {anyof} \
             SELECT id FROM deliveries WHERE subject {in $1 text} AND state {states stoppable} \
             UNION SELECT id FROM ready_queue WHERE user_id {in $2 bigint} \
             UNION SELECT d.id FROM responders r JOIN deliveries d ON d.subject = 'alert:' || r.alert_id AND d.user_id = r.user_id \
             WHERE r.user_id {in $2 bigint} {end} ORDER BY id {lock}";
        Ok(sqlx::query(sql(text)).bind(array(subjects)?).bind(array(users)?).execute(&mut **tx).await?.rows_affected())
    }

    /// Locks users whose shifts change, and whoever else is planned for: they are planned anew, and no event of theirs meanwhile.
    pub(super) async fn lock_users(&self, tx: &mut Tx, users: &BTreeSet<UserId>) -> Result<(), StoreError> {
        if DIALECT == Dialect::Postgres {
            sqlx::query(sql("SELECT id FROM users WHERE id {in $1 bigint} ORDER BY id {lock}"))
                .bind(array(users)?)
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }

    /// Locks those that nobody else has locked, and answers them; None where that is all of them.
    pub(super) async fn lock_unlocked(&self, tx: &mut Tx, ids: &[&String]) -> Result<Option<HashSet<String>>, StoreError> {
        if DIALECT == Dialect::Sqlite {
            return Ok(None);
        }
        let text = "SELECT id FROM deliveries WHERE id {in $1 text} ORDER BY id {skip}";
        let unlocked: Vec<String> = sqlx::query_scalar(sql(text)).bind(array(ids)?).fetch_all(&mut **tx).await?;
        Ok(Some(unlocked.into_iter().collect()))
    }

    /// Locks whatever of users waits.
    pub(super) async fn lock_waiting(&self, tx: &mut Tx, users: &[UserId]) -> Result<(), StoreError> {
        let text =
            "SELECT id FROM deliveries WHERE id {anyof} SELECT id FROM ready_queue WHERE user_id {in $1 bigint} {end} ORDER BY id {lock}";
        if DIALECT == Dialect::Postgres {
            sqlx::query(sql(text)).bind(array(users)?).execute(&mut **tx).await?;
        }
        Ok(())
    }
}
