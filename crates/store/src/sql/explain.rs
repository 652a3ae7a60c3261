//! Explaining: what accepting an event would plan for one user, found from one snapshot of the database.
//!
//! Nothing is locked and nothing is written, so whoever asks holds up nobody. Only the asked user is planned for: whoever
//! else the event names costs no more than the look-up of their name.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use watchbell_core::delivery::State;
use watchbell_core::event::{AlertData, Event, EventData, UpdateData};
use watchbell_core::{FollowUp, UserId};

use super::known::{Used, named, subject_key, subscription_category};
use super::rows::{AlertRow, DutyRow, PlannedRow, all};
use super::{SNAPSHOT, SqlStore, Tx, sql};
use crate::StoreError;
use crate::facts::{Alert, Facts, Planned};
use crate::intake::Accepted;

/// Steps that are looked ahead to at most, and how far, in seconds: a step of an alert matters for a day.
const MOST_STEPS_TO_COME: usize = 100;
const LOOK_AHEAD_S: i64 = 24 * 3_600;

impl SqlStore {
    pub(super) async fn explain_for(&self, mut event: Event, user: UserId) -> Result<(Accepted, Vec<Planned>), StoreError> {
        let mut tx = self.read.begin(SNAPSHOT).await?;
        let names_used = Used::by(&event, self.planner.behind(&event));
        let resolved = self.resolve(&mut tx, &names_used.users).await?;
        only_naming(&mut event.data, |name| resolved.get(name).is_none_or(|ids| ids.contains(&user)));
        let mut facts = self.snapshot_of(&mut tx, &event, user).await?;
        facts.names = named(&names_used, &resolved);
        facts.groups = self.members_of(&mut tx, &names_used.groups, self.clock.now()).await?;
        let mut users: BTreeSet<UserId> = facts.names.values().flatten().copied().collect();
        users.insert(user);
        let policies = self.read_policies(&mut tx, &users).await?;
        facts.policies = policies.into_iter().map(|(id, policy)| (id, Arc::new(policy))).collect();
        let categories = subscription_category(&event).into_iter().collect();
        facts.default_channels = self.default_channels(&mut tx, &categories).await?.into_values().next().unwrap_or_default();

        let now = self.clock.now();
        let mut accepted = super::intake::unplanned(&event);
        let mut plan = self.planner.plan(&event, &facts, now);
        super::intake::note(&mut accepted, &plan);
        let (alert, follow) = (plan.alert.take(), std::mem::take(&mut plan.follow));
        if let EventData::Alert(data) = &event.data {
            facts.described.get_or_insert_with(|| data.clone());
        }
        // That nobody is left of whom it names is not the event's fault.
        accepted.decision.take_if(|_| facts.names.is_empty() && !resolved.is_empty());
        let moved = plan.update.into_iter().filter(|planned| planned.event_id == accepted.id);
        let mut planned: Vec<Planned> = plan.insert.into_iter().chain(moved).collect();
        if let (Some(topic), EventData::Subscription(data)) = (plan.fan_out, &event.data) {
            let members = self.only_if_member(&mut tx, &topic, user, &facts).await?;
            let base_at = event.occurrence.base_at();
            planned.extend(self.planner.plan_members(&accepted.id, data, base_at, &members, &facts.default_channels, now).insert);
        }
        self.add_steps_to_come(&mut tx, alert, follow, &facts, &mut planned).await?;
        tx.rollback().await?;
        planned.retain(|planned| planned.user_id == user);
        planned.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
        accepted.planned = planned.len();
        Ok((accepted, planned))
    }

    /// Adds what would come of the event later, as long as nobody accepts: each step is planned at its time, with the alert as the steps
    /// before it leave it, and with the shifts of that time.
    async fn add_steps_to_come(
        &self,
        tx: &mut Tx,
        mut alert: Option<Alert>,
        mut follow: Vec<FollowUp>,
        facts: &Facts,
        planned: &mut Vec<Planned>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        for _ in 0..MOST_STEPS_TO_COME {
            let Some(at) = (0..follow.len()).min_by_key(|at| follow[*at].due_at) else { break };
            let what = follow.swap_remove(at);
            let at = what.due_at.max(now);
            let Some(event) = self.planner.follow_up(&what, at).filter(|_| at <= now.plus_s(LOOK_AHEAD_S)) else { continue };
            let used = Used::by(&event, self.planner.behind(&event));
            let resolved = self.resolve(tx, &used.users).await?;
            let mut deliveries = [&facts.deliveries[..], planned].concat();
            let passed = deliveries.iter_mut().filter(|delivery| delivery.state.is_pending() && delivery.ready_at <= at);
            passed.for_each(|delivery| delivery.state = State::Sent);
            let then = Facts {
                alert: alert.clone(),
                names: named(&used, &resolved),
                groups: self.members_of(tx, &used.groups, at).await?,
                policies: facts.policies.clone(),
                described: facts.described.clone(),
                deliveries,
                ..Facts::default()
            };
            let plan = self.planner.plan(&event, &then, at);
            planned.extend(plan.insert);
            follow.extend(plan.follow);
            alert = plan.alert.or(alert);
        }
        Ok(())
    }

    /// What is known of the event's subject, as far as it concerns the user.
    async fn snapshot_of(&self, tx: &mut Tx, event: &Event, user: UserId) -> Result<Facts, StoreError> {
        let mut facts = Facts::default();
        match &event.data {
            EventData::Alert(AlertData { alert_id, .. }) | EventData::Update(UpdateData { alert_id, .. }) => {
                let row: Option<AlertRow> = sqlx::query_as(sql(
                    "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts WHERE id = $1",
                ))
                .bind(alert_id.clone())
                .fetch_optional(&mut **tx)
                .await?;
                facts.alert = row.map(TryInto::try_into).transpose()?;
                facts.described = self.descriptions_of(tx, facts.alert.iter()).await?.into_values().next();
            }
            EventData::Duty(data) => {
                let row: Option<DutyRow> = sqlx::query_as(sql(
                    "SELECT id, user_id, starts_at, ends_at, schedule, status, occurrence, event_id FROM duties WHERE id = $1",
                ))
                .bind(data.duty_id.clone())
                .fetch_optional(&mut **tx)
                .await?;
                facts.duty = row.map(TryInto::try_into).transpose()?;
            }
            EventData::Subscription(_) | EventData::Verification(_) => return Ok(facts),
        }
        let rows: Vec<PlannedRow> = sqlx::query_as(sql(
            "SELECT id, scope, event_id, alert_id, category, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             due_at, ready_at, expires_at, state, reason, expedited, attempts, collect, named_as, repetition FROM deliveries WHERE subject = $1 AND user_id = $2 \
             AND purpose NOT {purposes collective}",
        ))
        .bind(subject_key(event))
        .bind(user.0)
        .fetch_all(&mut **tx)
        .await?;
        facts.deliveries = all(rows)?;
        Ok(facts)
    }

    /// The user's policy, if the user is a member of the topic.
    async fn only_if_member(
        &self,
        tx: &mut Tx,
        topic: &str,
        user: UserId,
        facts: &Facts,
    ) -> Result<HashMap<UserId, Arc<crate::Policy>>, StoreError> {
        let member: Option<i64> = sqlx::query_scalar(sql("SELECT user_id FROM topic_members WHERE topic = $1 AND user_id = $2"))
            .bind(topic.to_owned())
            .bind(user.0)
            .fetch_optional(&mut **tx)
            .await?;
        let policy = member.and_then(|_| facts.policies.get(&user));
        Ok(policy.map(|policy| (user, policy.clone())).into_iter().collect())
    }
}

/// Leaves out of an event's lists whoever is not to be planned for.
fn only_naming(data: &mut EventData, keep: impl Fn(&String) -> bool) {
    match data {
        EventData::Alert(data) => data.responders.retain(keep),
        EventData::Update(data) => {
            data.responders.retain(&keep);
            data.notify.retain(keep);
        }
        EventData::Subscription(data) => data.users.retain(keep),
        // A duty is one user's, and whoever had it before may be asked about too.
        EventData::Duty(_) | EventData::Verification(_) => {}
    }
}
