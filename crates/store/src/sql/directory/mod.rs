//! Users and all that belongs to them, one file for each part.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::device::{Device, DeviceKind};
use watchbell_core::ids::UserRef;
use watchbell_core::rule::{Rule, Surface, Trigger};
use watchbell_core::user::User;
use watchbell_core::{ContactId, DeviceId, RuleId, Secret, Timestamp, UserId};

use super::access::no_such_user;
use super::change::Change;
use super::{Connection, Db, SqlStore, Tx, rows, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::directory::{
    ChainFilter, ChainRule, ChainStep, Directory, NewContact, NewRule, NewUser, Place, Subscription, SubscriptionFilter, Topic, UserFilter,
};
use crate::runs::Side;

mod budgets;
mod chains;
mod contacts;
mod devices;
mod rules;
mod telegram;
mod topics;
mod users;
mod verification;

#[async_trait]
impl Directory for SqlStore {
    async fn create_user(&self, by: Actor, user: NewUser) -> Result<User, StoreError> {
        users::create(self, by, user).await
    }

    async fn user(&self, user: &UserRef) -> Result<Option<User>, StoreError> {
        users::get(self, user).await
    }

    async fn users(&self, filter: &UserFilter) -> Result<(Vec<User>, i64), StoreError> {
        users::list(self, filter).await
    }

    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        users::of_ids(self, ids).await
    }

    async fn replace_user(&self, by: Actor, id: UserId, user: NewUser, addresses: &[NewContact]) -> Result<User, StoreError> {
        users::replace(self, by, id, user, addresses).await
    }

    async fn delete_user(&self, by: Actor, id: UserId) -> Result<(), StoreError> {
        users::delete(self, by, id).await
    }

    async fn create_contact(&self, by: Actor, user: UserId, contact: NewContact) -> Result<Contact, StoreError> {
        contacts::create(self, by, user, contact).await
    }

    async fn contacts(&self, user: UserId, kind: Option<ContactKind>) -> Result<Vec<Contact>, StoreError> {
        contacts::list(self, user, kind).await
    }

    async fn contacts_of(&self, users: &[UserId]) -> Result<Vec<Contact>, StoreError> {
        contacts::of_users(self, users).await
    }

    async fn contact_times(&self, user: UserId) -> Result<HashMap<ContactId, (Timestamp, Timestamp)>, StoreError> {
        contacts::times(self, user).await
    }

    async fn contact(&self, user: UserId, kind: Option<ContactKind>, id: ContactId) -> Result<Option<Contact>, StoreError> {
        let mut on = self.read.acquire().await?;
        contacts::find(&mut on, user, kind, id).await
    }

    async fn replace_contact(&self, by: Actor, user: UserId, id: ContactId, contact: NewContact) -> Result<Contact, StoreError> {
        contacts::replace(self, by, user, id, contact).await
    }

    async fn delete_contact(
        &self,
        by: Actor,
        user: UserId,
        kind: Option<ContactKind>,
        id: ContactId,
        force: bool,
    ) -> Result<(), StoreError> {
        contacts::delete(self, by, user, kind, id, force).await
    }

    async fn set_contact_status(&self, by: Actor, user: UserId, id: ContactId, status: ContactStatus) -> Result<Contact, StoreError> {
        contacts::set_status(self, by, user, id, status).await
    }

    async fn start_verification(&self, by: Actor, user: UserId, id: ContactId, code: Secret) -> Result<Timestamp, StoreError> {
        verification::start(self, by, user, id, code).await
    }

    async fn confirm_verification(&self, by: Actor, user: UserId, id: ContactId, code: &str) -> Result<Contact, StoreError> {
        verification::confirm(self, by, user, id, code).await
    }

    async fn add_device(
        &self,
        by: Actor,
        user: UserId,
        kind: DeviceKind,
        token: &str,
        keys: Option<&str>,
        may_move: bool,
    ) -> Result<Device, StoreError> {
        devices::add(self, by, user, kind, token, keys, may_move).await
    }

    async fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        devices::list(self, user).await
    }

    async fn delete_device(&self, by: Actor, user: UserId, id: DeviceId) -> Result<(), StoreError> {
        devices::delete(self, by, user, id).await
    }

    async fn start_telegram_link(&self, by: Actor, user: UserId, token_hash: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        telegram::start(self, by, user, token_hash, expires_at).await
    }

    async fn finish_telegram_link(&self, token_hash: &str, chat_id: &str) -> Result<Option<UserId>, StoreError> {
        telegram::finish(self, token_hash, chat_id).await
    }

    async fn create_rule(&self, by: Actor, user: UserId, rule: NewRule) -> Result<Rule, StoreError> {
        rules::create(self, by, user, rule).await
    }

    async fn rules(&self, user: UserId, surface: Surface, triggers: &[Trigger]) -> Result<Vec<Rule>, StoreError> {
        rules::list(self, user, surface, triggers).await
    }

    async fn rule(&self, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<Option<Rule>, StoreError> {
        rules::get(self, user, surface, triggers, id).await
    }

    async fn replace_rule(&self, by: Actor, user: UserId, triggers: &[Trigger], id: RuleId, rule: NewRule) -> Result<Rule, StoreError> {
        rules::replace(self, by, user, triggers, id, rule).await
    }

    async fn delete_rule(&self, by: Actor, user: UserId, surface: Surface, triggers: &[Trigger], id: RuleId) -> Result<(), StoreError> {
        rules::delete(self, by, user, surface, triggers, id).await
    }

    async fn create_chain_rule(&self, by: Actor, user: UserId, rule: NewRule, place: Place) -> Result<Rule, StoreError> {
        chains::create(self, by, user, rule, place).await
    }

    async fn change_chain_rule(
        &self,
        by: Actor,
        user: UserId,
        surface: Surface,
        id: RuleId,
        step: Option<ChainStep>,
        place: Option<Place>,
    ) -> Result<Rule, StoreError> {
        chains::change(self, by, user, surface, id, step, place).await
    }

    async fn chain_rule(&self, surface: Surface, public_id: &str) -> Result<Option<ChainRule>, StoreError> {
        chains::get(self, surface, public_id).await
    }

    async fn chain_rules(&self, filter: &ChainFilter) -> Result<(Vec<ChainRule>, i64), StoreError> {
        chains::list(self, filter).await
    }

    async fn add_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<(), StoreError> {
        topics::add(self, by, topic, users).await
    }

    async fn remove_members(&self, by: Actor, topic: &str, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        topics::remove(self, by, topic, users).await
    }

    async fn topics(&self, side: &Side<Topic>, limit: i64) -> Result<Vec<Topic>, StoreError> {
        topics::list(self, side, limit).await
    }

    async fn topic(&self, topic: &str) -> Result<Option<Topic>, StoreError> {
        topics::get(self, topic).await
    }

    async fn delete_topic(&self, by: Actor, topic: &str) -> Result<(), StoreError> {
        topics::delete(self, by, topic).await
    }

    async fn subscriptions(&self, filter: &SubscriptionFilter) -> Result<Vec<Subscription>, StoreError> {
        topics::subscriptions(self, filter).await
    }

    async fn subscriptions_of(&self, topic: &str, users: &[UserId]) -> Result<Vec<Subscription>, StoreError> {
        topics::subscriptions_of(self, topic, users).await
    }

    async fn members(&self, topic: &str, after: UserId, limit: i64) -> Result<Vec<UserId>, StoreError> {
        topics::members(self, topic, after, limit).await
    }

    async fn topics_of(&self, user: UserId) -> Result<Vec<String>, StoreError> {
        topics::of_user(self, user).await
    }
}
