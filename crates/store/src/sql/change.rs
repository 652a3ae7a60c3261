//! Changes of a user and of what is theirs: locked, planned anew, recorded, committed as one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use watchbell_core::UserId;
use watchbell_core::ids::id_floor;
use watchbell_core::rule::Trigger;

use super::audit::Done;
use super::plan::Writes;
use super::rows::{AlertRow, DutyRow, PlannedRow, ResponderRow, all};
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::facts::{Alert, Changed, Planned, Policy, Responder, Scope, UserFacts};
use crate::wake::Effects;

/// A change of one user that is under way. The user is locked: no event of theirs is planned meanwhile, as that locks whoever it tells.
pub(super) struct Change {
    pub tx: Tx,
    pub user: UserId,
}

impl SqlStore {
    /// Begins a change of a user or of what is theirs, for a request to the API.
    ///
    /// # Errors
    /// `NotFound("user")`.
    pub(super) async fn begin_change(&self, user: UserId) -> Result<Change, StoreError> {
        self.begin_change_on(self.begin_edit().await?, user).await
    }

    /// The same for what the engine finds out about a user's addresses.
    pub(super) async fn begin_own_change(&self, user: UserId) -> Result<Change, StoreError> {
        self.begin_change_on(self.begin_tx().await?, user).await
    }

    async fn begin_change_on(&self, mut tx: Tx, user: UserId) -> Result<Change, StoreError> {
        let found: Option<i64> =
            sqlx::query_scalar(sql("SELECT id FROM users WHERE id = $1 {lock}")).bind(user.0).fetch_optional(&mut *tx).await?;
        found.map(|_| Change { tx, user }).ok_or(StoreError::NotFound("user"))
    }

    /// Gives the user their next version, plans anew what they were not sent yet, writes the audit entry, commits, and tells
    /// the workers.
    pub(super) async fn commit_change(&self, mut change: Change, by: Actor, action: &str, done: impl Into<Done>) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        sqlx::query(sql("UPDATE users SET version = version + 1, updated_at = $2 WHERE id = $1"))
            .bind(change.user.0)
            .bind(now)
            .execute(&mut *change.tx)
            .await?;
        let effects = self.replan(&mut change.tx, change.user, Changed::Settings).await?;
        self.record(&mut change.tx, by, action, done).await?;
        change.tx.commit().await?;
        self.wakes.announce(effects);
        Ok(())
    }

    /// Plans anew what a user was not sent yet; answers the channels on which something may be due sooner.
    pub(super) async fn replan(&self, tx: &mut Tx, user: UserId, changed: Changed) -> Result<Effects, StoreError> {
        let Some(policy) = self.read_policies(tx, &BTreeSet::from([user])).await?.remove(&user) else {
            return Ok(Effects::default());
        };
        let alert_ids = self.alerts_within_reach(tx, &policy, changed).await?;
        let responders: Vec<ResponderRow> = sqlx::query_as(sql("SELECT alert_id, round, user_id, base_at, event_id FROM responders \
             WHERE user_id = $1 AND alert_id {in $2 text} ORDER BY alert_id"))
        .bind(user.0)
        .bind(array(&alert_ids)?)
        .fetch_all(&mut **tx)
        .await?;
        let responders: Vec<Responder> = responders.into_iter().map(Responder::from).collect();
        let ids: Vec<&str> = responders.iter().map(|responder| responder.alert_id.as_str()).collect();
        let alerts: Vec<AlertRow> = sqlx::query_as(sql(
            "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts WHERE id {in $1 text}",
        ))
        .bind(array(&ids)?)
        .fetch_all(&mut **tx)
        .await?;
        let mut alerts: HashMap<String, Alert> = all::<_, Alert>(alerts)?.into_iter().map(|alert| (alert.id.clone(), alert)).collect();
        let described = if policy.asks_for_labels() { self.descriptions_of(tx, alerts.values()).await? } else { HashMap::new() };
        let responders = responders.into_iter().filter_map(|r| Some((alerts.remove(&r.alert_id)?, r))).collect();
        let duties: Vec<DutyRow> = sqlx::query_as(sql(
            "SELECT id, user_id, starts_at, ends_at, schedule, status, occurrence, event_id FROM duties WHERE user_id = $1 AND ends_at >= $2",
        ))
        .bind(user.0)
        .bind(self.clock.now().as_millis())
        .fetch_all(&mut **tx)
        .await?;
        let mut facts = UserFacts {
            changed,
            policy: Arc::new(policy),
            responders,
            duties: all(duties)?,
            deliveries: Vec::new(),
            default_channels: HashMap::new(),
            described,
        };
        facts.deliveries = self.deliveries_of(tx, user, &facts).await?;
        let subscriptions = facts.deliveries.iter().filter(|delivery| delivery.trigger == Trigger::Subscription);
        let categories = subscriptions.filter_map(|delivery| delivery.category.as_deref()).collect();
        facts.default_channels = self.default_channels(tx, &categories).await?;
        let plan = self.planner.replan(&facts, self.clock.now());
        let event_of = |scope: &Scope| {
            let of_scope = |(alert, _): &&(Alert, Responder)| matches!(scope, Scope::Alert { id, .. } if *id == alert.id);
            facts.responders.iter().find(of_scope).map(|(_, responder)| responder.event_id.clone())
        };
        let unreachable = plan.unreachable.into_iter().filter_map(|(scope, user)| Some((event_of(&scope)?, scope, user)));
        let unreachable = unreachable.map(|(event_id, scope, user)| (scope, user, event_id)).collect();
        let writes = Writes { insert: plan.insert, update: plan.update, cancel: plan.cancel, unreachable, ..Writes::default() };
        Ok(self.write(tx, &writes).await?.0)
    }

    /// The alerts for which a change of the user may matter: something of them is pending, may become due by a new rule, or they did
    /// not reach the user. What else is open has been told, however many that are.
    async fn alerts_within_reach(&self, tx: &mut Tx, policy: &Policy, changed: Changed) -> Result<BTreeSet<String>, StoreError> {
        let (user, now, reach) = (policy.user.id, self.clock.now(), self.planner.reach(policy));
        let steps_s = match changed {
            Changed::Settings => reach.steps_s,
            // A step whose time has passed may have waited for the shift.
            Changed::Shifts => reach.steps_s.max(reach.unreached_s),
        };
        // What is being sent, and bundles that wait, because their members are pending as well.
        let mut leased = self.all_leased(tx).await?;
        let bundles: Vec<String> = sqlx::query_scalar(sql(
            "SELECT d.id FROM ready_queue w JOIN deliveries d ON d.id = w.id WHERE w.user_id = $1 AND d.purpose {purposes collective}",
        ))
        .bind(user.0)
        .fetch_all(&mut **tx)
        .await?;
        leased.extend(bundles);
        let found: Vec<Option<String>> = sqlx::query_scalar(sql("SELECT DISTINCT alert_id FROM deliveries WHERE id {anyof} \
             SELECT id FROM ready_queue WHERE user_id = $1 \
             UNION SELECT id FROM deliveries WHERE user_id = $1 AND id >= $2 \
             UNION SELECT id FROM deliveries WHERE bundle_id {in $3 text} AND user_id + 0 = $1 \
             UNION SELECT id FROM deliveries WHERE id {in $3 text} AND user_id + 0 = $1 AND state = 'sending' {end}"))
        .bind(user.0)
        .bind(id_floor(now.plus_s(-steps_s)))
        .bind(array(&leased)?)
        .fetch_all(&mut **tx)
        .await?;
        let unreached: Vec<String> = sqlx::query_scalar(sql("SELECT scope FROM unreachable WHERE user_id = $1 AND at >= $2"))
            .bind(user.0)
            .bind(now.plus_s(-reach.unreached_s).as_millis())
            .fetch_all(&mut **tx)
            .await?;
        let unreached = unreached.iter().filter_map(|key| match Scope::parse(key) {
            Some(Scope::Alert { id, .. }) => Some(id),
            _ => None,
        });
        Ok(found.into_iter().flatten().chain(unreached).collect())
    }

    /// The user's deliveries of open alerts and coming shifts, whatever their state, and all others that are pending; locked, so that
    /// the plan may change them.
    async fn deliveries_of(&self, tx: &mut Tx, user: UserId, facts: &UserFacts) -> Result<Vec<Planned>, StoreError> {
        let alerts = facts.responders.iter().map(|(_, responder)| responder.scope());
        let duties = facts.duties.iter().map(|duty| Scope::Duty { id: duty.id.clone(), starts_at: duty.starts_at });
        let (subjects, scopes): (Vec<String>, Vec<String>) = alerts.chain(duties).map(|scope| (scope.subject(), scope.key())).unzip();
        let rows: Vec<PlannedRow> = sqlx::query_as(sql(
            "SELECT id, scope, event_id, alert_id, category, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             due_at, ready_at, expires_at, state, reason, expedited, attempts, collect, named_as, repetition FROM deliveries \
             WHERE id {anyof} SELECT id FROM deliveries WHERE subject {in $3 text} AND user_id = $1 AND scope {in $2 text} \
             UNION SELECT id FROM ready_queue WHERE user_id = $1 {end} AND (state {states pending} OR scope {in $2 text}) ORDER BY id {lock}",
        ))
        .bind(user.0)
        .bind(array(&scopes)?)
        .bind(array(&subjects)?)
        .fetch_all(&mut **tx)
        .await?;
        all(rows)
    }

    /// Whether the user, who is locked, may have one more of what `count` counts.
    pub(super) async fn check_quota(
        &self,
        tx: &mut Tx,
        count: &'static str,
        user: UserId,
        most: i64,
        what: &'static str,
    ) -> Result<(), StoreError> {
        let there: i64 = sqlx::query_scalar(sql(count)).bind(user.0).fetch_one(&mut **tx).await?;
        if there < most { Ok(()) } else { Err(StoreError::Full { what, most }) }
    }
}
