//! Shifts that change, for rules that count only while their user is on duty: whose they are is planned anew in the transaction that takes
//! the event, and locked from its beginning, as whoever changes a user is.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use watchbell_core::UserId;
use watchbell_core::event::{Event, EventData};

use super::known::Known;
use super::{SqlStore, Tx, sql};
use crate::StoreError;
use crate::facts::{Changed, Policy};
use crate::wake::Effects;

impl SqlStore {
    /// Locks the users whose shifts these events change, with all others that the first batch plans for, in order; answers the former.
    pub(super) async fn lock_users_of_shifts(
        &self,
        tx: &mut Tx,
        events: &[Event],
        fresh: &[bool],
        known: &Known,
        users: &BTreeSet<UserId>,
    ) -> Result<BTreeSet<UserId>, StoreError> {
        let fresh = events.iter().zip(fresh).filter_map(|(event, fresh)| fresh.then_some(event));
        let names: BTreeSet<String> = fresh
            .filter_map(|event| match &event.data {
                EventData::Duty(data) => Some(data.user_id.clone()),
                _ => None,
            })
            .collect();
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut of_shifts: BTreeSet<UserId> = self.resolve(tx, &names).await?.into_values().flatten().collect();
        of_shifts.extend(known.users_of_duties());
        self.lock_users(tx, &of_shifts.union(users).copied().collect()).await?;
        Ok(of_shifts)
    }

    /// Plans anew for users whose rules ask for their shifts, some of which are others now.
    pub(super) async fn change_shifts(&self, tx: &mut Tx, users: &BTreeSet<UserId>) -> Result<Effects, StoreError> {
        let mut effects = Effects::default();
        for user in users {
            sqlx::query(sql("UPDATE users SET version = version + 1 WHERE id = $1")).bind(user.0).execute(&mut **tx).await?;
            effects.add(self.replan(tx, *user, Changed::Shifts).await?);
        }
        Ok(effects)
    }
}

pub(super) fn asks_for_shifts(policies: &HashMap<UserId, Arc<Policy>>, user: UserId) -> bool {
    policies.get(&user).is_some_and(|policy| policy.asks_for_shifts())
}
