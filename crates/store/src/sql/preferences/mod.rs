//! Preferences, switches, categories and notifications, one file for each.

use async_trait::async_trait;
use watchbell_core::UserId;

use super::change::Change;
use super::{Db, SqlStore, Tx, rows, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::preferences::{Preference, Preferences, Switches, Wants};

mod categories;
mod notifications;
mod switches;
mod wants;

pub(super) use switches::SwitchRow;
pub(super) use wants::PreferenceRow;

#[async_trait]
impl Preferences for SqlStore {
    async fn put_preference(&self, by: Actor, user: UserId, category: Option<&str>, wants: Wants) -> Result<Preference, StoreError> {
        wants::put(self, by, user, category, wants).await
    }

    async fn preferences(&self, user: UserId) -> Result<Vec<Preference>, StoreError> {
        wants::list(self, user).await
    }

    async fn merge_switches(&self, by: Actor, user: UserId, changes: &Switches) -> Result<Switches, StoreError> {
        switches::merge(self, by, user, changes).await
    }

    async fn switches(&self, user: UserId) -> Result<Switches, StoreError> {
        let mut on = self.read.acquire().await?;
        switches::list(&mut on, user).await
    }
}
