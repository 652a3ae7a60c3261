//! Reading what users have said, under a lock that keeps it as it is until the plan is committed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use watchbell_core::UserId;
use watchbell_core::ids::{UserRef, other_readings};
use watchbell_core::rule::conditions::Shift;

use super::policy_rows::PolicyRow;
use super::preferences::{PreferenceRow, SwitchRow};
use super::rows::{at, readable};
use super::{Argument, SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::facts::Policy;

impl SqlStore {
    /// The users that these names mean, by number, `U…` id or external id. Nearly always that is one; who was given another one's
    /// number or `U…` id as external id, before that was refused, is meant as well. Unknown names are left out. From memory where
    /// all are known: [`meant`] says afterwards whether that still holds. What nobody is called may be read otherwise: then those
    /// whom it names are found by their own names as well.
    pub(super) async fn resolve(&self, tx: &mut Tx, names: &BTreeSet<String>) -> Result<HashMap<String, Vec<UserId>>, StoreError> {
        let mut found = self.resolve_as_written(tx, names).await?;
        let readings: Vec<(&String, Vec<Vec<String>>)> =
            names.iter().filter(|name| !found.contains_key(*name)).map(|name| (name, other_readings(name))).collect();
        let parts: BTreeSet<String> = readings.iter().flat_map(|(_, readings)| readings).flatten().cloned().collect();
        if parts.is_empty() {
            return Ok(found);
        }
        let known = self.resolve_as_written(tx, &parts).await?;
        for (name, readings) in readings {
            if let Some(parts) = readings.into_iter().find(|parts| parts.iter().any(|part| known.contains_key(part))) {
                let users: BTreeSet<UserId> = parts.iter().filter_map(|part| known.get(part)).flatten().copied().collect();
                found.insert(name.clone(), users.into_iter().collect());
            }
        }
        found.extend(known);
        Ok(found)
    }

    async fn resolve_as_written(&self, tx: &mut Tx, names: &BTreeSet<String>) -> Result<HashMap<String, Vec<UserId>>, StoreError> {
        let known: HashMap<String, Vec<UserId>> =
            names.iter().filter_map(|name| Some((name.clone(), vec![self.names.get(name)?]))).collect();
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
        let mut found: HashMap<String, Vec<UserId>> = HashMap::with_capacity(names.len());
        if !ids.is_empty() {
            let rows: Vec<i64> =
                sqlx::query_scalar(sql("SELECT id FROM users WHERE id {in $1 bigint}")).bind(array(&ids)?).fetch_all(&mut **tx).await?;
            found.extend(rows.into_iter().map(|id| (id.to_string(), vec![UserId(id)])));
        }
        let may_mean_two = self.has_ambiguous_names.load(Ordering::Relaxed);
        let rest: Vec<&String> = names.iter().filter(|name| may_mean_two || !found.contains_key(*name)).collect();
        if !rest.is_empty() {
            let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(sql(
                "SELECT id, public_id, external_id FROM users WHERE public_id {in $1 text} OR external_id {in $1 text} ORDER BY id",
            ))
            .bind(array(&rest)?)
            .fetch_all(&mut **tx)
            .await?;
            for (id, public_id, external_id) in rows {
                for name in [Some(public_id), external_id].into_iter().flatten().filter(|name| names.contains(name)) {
                    let users = found.entry(name).or_default();
                    if !users.contains(&UserId(id)) {
                        users.push(UserId(id));
                    }
                }
            }
        }
        for (name, users) in &found {
            // An external id that looks like a number is only a name as long as no user has that number.
            if let [id] = users[..]
                && !matches!(UserRef::parse(name), Some(UserRef::Id(number)) if number != id)
            {
                self.names.insert(name.clone(), id);
            }
        }
        Ok(found)
    }

    /// Whether names still mean the users that they meant when they were resolved; forgets those that do not.
    ///
    /// # Errors
    /// `Conflict`: to be done again.
    pub(super) fn meant(&self, resolved: &HashMap<String, Vec<UserId>>, policies: &HashMap<UserId, Arc<Policy>>) -> Result<(), StoreError> {
        let is_meant = |name: &str, id: &UserId| {
            let Some(user) = policies.get(id).map(|policy| &policy.user) else { return false };
            let is_called = |name: &str| id.to_string() == name || user.public_id == name || user.external_id.as_deref() == Some(name);
            is_called(name) || other_readings(name).iter().flatten().any(|part| is_called(part))
        };
        let outdated: Vec<&String> =
            resolved.iter().filter(|(name, ids)| !ids.iter().all(|id| is_meant(name, id))).map(|(name, _)| name).collect();
        for name in &outdated {
            self.names.remove(*name);
        }
        if outdated.is_empty() { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Looks for users whose external id is another one's number or `U…` id, or may become one's number. None are made any more;
    /// those from before are named once, at the start, and what means two is told to both.
    pub(crate) async fn look_for_ambiguous_names(&self) -> Result<(), StoreError> {
        /// So many are named at most.
        const NAMED: usize = 100;
        let numeric: Vec<i64> = sqlx::query_scalar(sql("SELECT id FROM users WHERE {numeric} ORDER BY id")).fetch_all(&self.read).await?;
        let like_public: Vec<(i64, i64)> =
            sqlx::query_as(sql("SELECT b.id, a.id FROM users b JOIN users a ON a.public_id = b.external_id AND a.id <> b.id \
             WHERE length(b.external_id) = 13 AND substr(b.external_id, 1, 1) = 'U' ORDER BY b.id"))
            .fetch_all(&self.read)
            .await?;
        self.has_ambiguous_names.store(!numeric.is_empty() || !like_public.is_empty(), Ordering::Relaxed);
        if !numeric.is_empty() {
            let users = &numeric[..numeric.len().min(NAMED)];
            let count = numeric.len();
            tracing::warn!(
                ?users,
                count,
                "users whose external id is a whole number: in an event it also means the user with that number, and both are told; give them another one"
            );
        }
        if !like_public.is_empty() {
            let users = &like_public[..like_public.len().min(NAMED)];
            let count = like_public.len();
            tracing::warn!(
                ?users,
                count,
                "users whose external id is the U… id of the other one: in an event it means both, and both are told; give them another one"
            );
        }
        Ok(())
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
        let rows: Vec<PolicyRow> = sqlx::query_as(sql(PolicyRow::SELECT)).bind(array(users)?).fetch_all(&mut **tx).await?;
        let (mut policies, have_more) = PolicyRow::policies(rows)?;
        if !have_more.is_empty() {
            self.add_gates(tx, &array(have_more)?, &mut policies).await?;
        }
        self.add_shifts(tx, &mut policies).await?;
        Ok(policies)
    }

    /// The shifts of those whose rules ask for them. An event that changes one of these gives its user their next version.
    async fn add_shifts(&self, tx: &mut Tx, policies: &mut HashMap<UserId, Policy>) -> Result<(), StoreError> {
        /// Seconds for which a shift matters after its end: an event may be this late.
        const PAST_S: i64 = 48 * 3_600;
        let asked: Vec<UserId> = policies.values().filter(|policy| policy.asks_for_shifts()).map(|policy| policy.user.id).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(sql("SELECT user_id, schedule, starts_at, ends_at FROM duties \
             WHERE user_id {in $1 bigint} AND ends_at > $2 AND status = 'SCHEDULED'"))
        .bind(array(&asked)?)
        .bind(self.clock.now().plus_s(-PAST_S).as_millis())
        .fetch_all(&mut **tx)
        .await?;
        for (user, schedule, starts_at, ends_at) in rows {
            if let Some(policy) = policies.get_mut(&UserId(user)) {
                policy.shifts.push(Shift { schedule, starts_at: at(starts_at), ends_at: at(ends_at) });
            }
        }
        for user in asked {
            policies.entry(user).and_modify(|policy| policy.shifts.sort_by_key(|shift| (shift.starts_at, shift.ends_at)));
        }
        Ok(())
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
                let id = row.id.clone();
                policy.preferences.extend(readable("preference", id, row));
            }
        }
        let switches: Vec<SwitchRow> =
            sqlx::query_as(sql("SELECT user_id, category, channel_type, enabled FROM switches WHERE user_id {in $1 bigint}"))
                .bind(ids)
                .fetch_all(&mut **tx)
                .await?;
        for row in switches {
            if let Some(policy) = policies.get_mut(&UserId(row.user_id)) {
                let user = row.user_id;
                if row.add_to(&mut policy.switches).is_err() {
                    tracing::error!(user.id = user, "a switch that this version cannot read is left out");
                }
            }
        }
        Ok(())
    }
}
