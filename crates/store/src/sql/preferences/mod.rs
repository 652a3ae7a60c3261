//! Preferences, switches, categories and notifications, one file for each.

use async_trait::async_trait;
use watchbell_core::{DeliveryId, UserId};

use super::change::Change;
use super::{Db, SqlStore, Tx, rows, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::preferences::{
    Category, NewCategory, Notification, NotificationAction, NotificationFilter, Preference, Preferences, Switches, Wants,
};

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

    async fn ensure_categories(&self, handles: &[String]) -> Result<(), StoreError> {
        categories::ensure(self, handles).await
    }

    async fn put_category(&self, by: Actor, category: NewCategory) -> Result<(Category, bool), StoreError> {
        categories::put(self, by, category).await
    }

    async fn delete_category(&self, by: Actor, handle: &str) -> Result<(), StoreError> {
        categories::delete(self, by, handle).await
    }

    async fn category(&self, id_or_handle: &str) -> Result<Option<Category>, StoreError> {
        categories::get(self, id_or_handle).await
    }

    async fn categories(&self) -> Result<Vec<Category>, StoreError> {
        categories::list(self).await
    }

    async fn add_notification(&self, notification: Notification) -> Result<bool, StoreError> {
        notifications::add(self, notification).await
    }

    async fn notification(&self, user: UserId, id: &DeliveryId) -> Result<Option<Notification>, StoreError> {
        notifications::get(self, user, id).await
    }

    async fn notifications(&self, user: UserId, filter: &NotificationFilter) -> Result<Vec<Notification>, StoreError> {
        notifications::list(self, user, filter).await
    }

    async fn unread_count(&self, user: UserId) -> Result<i64, StoreError> {
        notifications::unread_count(self, user).await
    }

    async fn act_on_notification(
        &self,
        by: Actor,
        user: UserId,
        id: &DeliveryId,
        action: NotificationAction,
    ) -> Result<Notification, StoreError> {
        notifications::act(self, by, user, id, action).await
    }

    async fn mark_all_seen(&self, by: Actor, user: UserId) -> Result<u64, StoreError> {
        notifications::mark_all_seen(self, by, user).await
    }
}
