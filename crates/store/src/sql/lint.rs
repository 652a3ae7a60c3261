//! Planning again what was, for nobody: from one snapshot of the database, with nothing locked or written.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original};
use watchbell_core::ids::id_floor;
use watchbell_core::{EventId, Timestamp, UserId};

use super::intake::{note, unplanned};
use super::known::{Used, named};
use super::rows::{at, json};
use super::{SNAPSHOT, SqlStore, Tx, sql};
use crate::StoreError;
use crate::facts::Facts;
use crate::lint::{DeadRule, Lint, MOST_EVENTS, Unheard, UnheardPage, dead, unheard};

#[async_trait]
impl Lint for SqlStore {
    async fn unheard(&self, since: Timestamp, before: Option<&EventId>) -> Result<UnheardPage, StoreError> {
        let mut tx = self.read.begin(SNAPSHOT).await?;
        // So many events, whatever they are of: a page costs the same where alerts are few among them.
        let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(sql(
            "SELECT id, base_at, CASE WHEN kind = 'alert' THEN data END FROM events WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3",
        ))
        .bind(id_floor(since))
        // Above every id.
        .bind(before.map_or_else(|| "Z".repeat(27), |id| id.0.clone()))
        .bind(MOST_EVENTS)
        .fetch_all(&mut *tx)
        .await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|found| found == MOST_EVENTS);
        let next = rows.last().filter(|_| is_full).map(|(id, ..)| EventId(id.clone()));
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        for (id, base_at, data) in rows {
            let Some(data) = data.as_deref().map(json::<AlertData>).transpose()? else { continue };
            // Of an alert that tells of itself again and again, the last time says it.
            if seen.insert(data.alert_id.clone()) {
                items.extend(self.rehearse(&mut tx, EventId(id), at(base_at), data).await?);
            }
        }
        tx.rollback().await?;
        Ok(UnheardPage { items, next })
    }

    async fn dead_rules(&self, after: Option<UserId>, users: i64) -> Result<(Vec<DeadRule>, Option<UserId>), StoreError> {
        let mut tx = self.read.begin(SNAPSHOT).await?;
        let ids: Vec<i64> = sqlx::query_scalar(sql("SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2"))
            .bind(after.map_or(i64::MIN, |after| after.0))
            .bind(users)
            .fetch_all(&mut *tx)
            .await?;
        let last = ids.last().filter(|_| i64::try_from(ids.len()).is_ok_and(|found| found == users)).copied().map(UserId);
        let mut policies: Vec<_> = self.read_policies(&mut tx, &ids.into_iter().map(UserId).collect()).await?.into_values().collect();
        tx.rollback().await?;
        policies.sort_by_key(|policy| policy.user.id);
        let now = self.clock.now();
        let of_policy = policies.iter().flat_map(|policy| {
            let judge = move |rule: &watchbell_core::rule::Rule| Some(DeadRule { reason: dead(policy, rule, now)?, rule: rule.clone() });
            policy.rules.iter().filter_map(judge)
        });
        Ok((of_policy.collect(), last))
    }
}

impl SqlStore {
    /// What an alert event would come to if it happened for the first time, when it did.
    async fn rehearse(&self, tx: &mut Tx, id: EventId, base_at: Timestamp, data: AlertData) -> Result<Option<Unheard>, StoreError> {
        let alert_id = data.alert_id.clone();
        let event = Event {
            identity: id.0.clone(),
            occurrence: Occurrence { source: String::new(), time: None, received_at: base_at, sequence: 0 },
            data: EventData::Alert(data),
            problems: Vec::new(),
            replay_of: None,
            original: Original::default(),
        };
        let used = Used::by(&event, self.planner.behind(&event));
        let resolved = self.resolve(tx, &used.users).await?;
        let groups = self.members_of(tx, &used.groups, base_at).await?;
        let mut users: BTreeSet<UserId> = resolved.values().flatten().copied().collect();
        users.extend(groups.values().flat_map(|members| &members.users));
        let policies: HashMap<_, _> =
            self.read_policies(tx, &users).await?.into_iter().map(|(user, policy)| (user, Arc::new(policy))).collect();
        let facts = Facts { names: named(&used, &resolved), groups, policies, ..Facts::default() };
        let plan = self.planner.plan(&event, &facts, base_at);
        let mut accepted = unplanned(&event);
        note(&mut accepted, &plan);
        let unheard = unheard(&plan, &facts.policies);
        Ok(unheard.map(|(has_fallback, users)| Unheard {
            event_id: id,
            alert_id,
            at: base_at,
            has_fallback,
            users,
            problems: accepted.problems,
        }))
    }
}
