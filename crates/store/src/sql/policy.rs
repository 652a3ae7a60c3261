//! Reading what users have said, under a lock that keeps it as it is until the plan is committed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use watchbell_core::UserId;
use watchbell_core::ids::UserRef;

use super::preferences::{PreferenceRow, SwitchRow};
use super::said::Said;
use super::{Argument, SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::facts::Policy;

impl SqlStore {
    /// The users that these names mean: numeric ids first, then `U…` ids, then external ids. Unknown names are left out. From
    /// memory where all are known: [`meant`] says afterwards whether that still holds.
    pub(super) async fn resolve(&self, tx: &mut Tx, names: &BTreeSet<String>) -> Result<HashMap<String, UserId>, StoreError> {
        let known: HashMap<String, UserId> = names.iter().filter_map(|name| Some((name.clone(), self.names.get(name)?))).collect();
        if known.len() == names.len() {
            return Ok(known);
        }
        let ids: Vec<i64> = names
            .iter()
            .filter_map(|name| match UserRef::parse(name) {
                Some(UserRef::Id(id)) => Some(id.0),
                _ => None,
            })
            .collect();
        let mut found = HashMap::with_capacity(names.len());
        if !ids.is_empty() {
            let rows: Vec<i64> =
                sqlx::query_scalar(sql("SELECT id FROM users WHERE id {in $1 bigint}")).bind(array(&ids)?).fetch_all(&mut **tx).await?;
            found.extend(rows.into_iter().map(|id| (id.to_string(), UserId(id))));
        }
        let rest: Vec<&String> = names.iter().filter(|name| !found.contains_key(*name)).collect();
        if !rest.is_empty() {
            let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(sql(
                "SELECT id, public_id, external_id FROM users WHERE public_id {in $1 text} OR external_id {in $1 text}",
            ))
            .bind(array(&rest)?)
            .fetch_all(&mut **tx)
            .await?;
            for (id, public_id, external_id) in rows {
                if let Some(external_id) = external_id.filter(|name| names.contains(name)) {
                    found.entry(external_id).or_insert(UserId(id));
                }
                if names.contains(&public_id) {
                    found.insert(public_id, UserId(id));
                }
            }
        }
        for (name, id) in &found {
            // An external id that looks like a number is only a name as long as no user has that number.
            if !matches!(UserRef::parse(name), Some(UserRef::Id(number)) if number != *id) {
                self.names.insert(name.clone(), *id);
            }
        }
        Ok(found)
    }

    /// Whether names still mean the users that they meant when they were resolved; forgets those that do not.
    ///
    /// # Errors
    /// `Conflict`: to be done again.
    pub(super) fn meant(&self, resolved: &HashMap<String, UserId>, policies: &HashMap<UserId, Arc<Policy>>) -> Result<(), StoreError> {
        let is_meant = |name: &str, id: &UserId| {
            let Some(user) = policies.get(id).map(|policy| &policy.user) else { return false };
            id.to_string() == name || user.public_id == name || user.external_id.as_deref() == Some(name)
        };
        let outdated: Vec<&String> = resolved.iter().filter(|(name, id)| !is_meant(name, id)).map(|(name, _)| name).collect();
        for name in &outdated {
            self.names.remove(*name);
        }
        if outdated.is_empty() { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// The policies of users. They stay as they are until the transaction ends: a change waits for it, and then plans anew. Most
    /// are in memory, and used when the user's version is still the one that they were read at.
    pub(super) async fn policies(&self, tx: &mut Tx, users: &BTreeSet<UserId>) -> Result<HashMap<UserId, Arc<Policy>>, StoreError> {
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        let versions: Vec<(i64, i64)> = sqlx::query_as(sql("SELECT id, version FROM users WHERE id {in $1 bigint} ORDER BY id {share}"))
            .bind(array(users)?)
            .fetch_all(&mut **tx)
            .await?;
        let mut policies = HashMap::with_capacity(versions.len());
        let mut unknown = BTreeSet::new();
        for (id, version) in versions {
            match self.policies.get(&UserId(id)).filter(|policy| policy.user.version == version) {
                Some(policy) => drop(policies.insert(UserId(id), policy)),
                None => drop(unknown.insert(UserId(id))),
            }
        }
        for (id, policy) in self.read_policies(tx, &unknown).await? {
            let policy = Arc::new(policy);
            self.policies.insert(id, policy.clone());
            policies.insert(id, policy);
        }
        Ok(policies)
    }

    /// As they are in this transaction, which may have changed them itself.
    pub(super) async fn read_policies(&self, tx: &mut Tx, users: &BTreeSet<UserId>) -> Result<HashMap<UserId, Policy>, StoreError> {
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        let said: Vec<Said> = sqlx::query_as(sql(Said::SELECT)).bind(array(users)?).fetch_all(&mut **tx).await?;
        let (mut policies, have_more) = Said::policies(said)?;
        if !have_more.is_empty() {
            self.add_gates(tx, &array(have_more)?, &mut policies).await?;
        }
        Ok(policies)
    }

    /// What the users have switched off and asked for; most have said nothing.
    async fn add_gates(&self, tx: &mut Tx, ids: &Argument, policies: &mut HashMap<UserId, Policy>) -> Result<(), StoreError> {
        let preferences: Vec<PreferenceRow> =
            sqlx::query_as(sql("SELECT id, user_id, category, in_app, email, push, digest, created_at, updated_at FROM preferences \
             WHERE user_id {in $1 bigint} ORDER BY user_id, category"))
            .bind(ids)
            .fetch_all(&mut **tx)
            .await?;
        for row in preferences {
            if let Some(policy) = policies.get_mut(&UserId(row.user_id)) {
                policy.preferences.push(row.try_into()?);
            }
        }
        let switches: Vec<SwitchRow> =
            sqlx::query_as(sql("SELECT user_id, category, channel_type, enabled FROM switches WHERE user_id {in $1 bigint}"))
                .bind(ids)
                .fetch_all(&mut **tx)
                .await?;
        for row in switches {
            if let Some(policy) = policies.get_mut(&UserId(row.user_id)) {
                row.add_to(&mut policy.switches)?;
            }
        }
        Ok(())
    }
}
