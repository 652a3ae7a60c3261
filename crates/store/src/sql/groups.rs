//! Who is in the groups that events name, read in the transaction that plans by them.
//!
//! A schedule's row is locked by whoever plans by the schedule, and alone by whoever changes one of its shifts: so nobody is told by
//! shifts that are not so any more, and a shift that changes finds every alert that was planned by the ones before. It is locked
//! after alerts and duties and before users, in the order of names, in one of the two ways for each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use watchbell_core::event::{Event, EventData};
use watchbell_core::{Group, Timestamp, UserId};

use super::known::Used;
use super::rows::at;
use super::{DIALECT, SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::dialect::Dialect;
use crate::facts::Members;

/// Members of a topic whom an alert tells at most: each is planned for in the transaction that accepts it, which others wait for.
const MOST_MEMBERS: usize = 1_000;

/// Shifts of one schedule that are looked at for one time at most.
const MOST_ON_DUTY: usize = 100;

impl SqlStore {
    /// Locks the schedules that the fresh ones of these events plan by, or whose shifts they change.
    pub(super) async fn lock_schedules(&self, tx: &mut Tx, events: &[Event], fresh: &[bool]) -> Result<(), StoreError> {
        // Whether its shifts change, by schedule.
        let mut schedules: BTreeMap<String, bool> = BTreeMap::new();
        let mut duties = Vec::new();
        for event in events.iter().zip(fresh).filter_map(|(event, fresh)| fresh.then_some(event)) {
            if let EventData::Duty(data) = &event.data {
                schedules.insert(data.schedule.clone(), true);
                duties.push(data.duty_id.as_str());
            }
            for group in Used::by(event, self.planner.behind(event)).groups {
                if let Group::Duty(schedule) = group {
                    schedules.entry(schedule).or_insert(false);
                }
            }
        }
        if !duties.is_empty() {
            let before: Vec<String> = sqlx::query_scalar(sql("SELECT schedule FROM duties WHERE id {in $1 text} AND schedule <> ''"))
                .bind(array(duties)?)
                .fetch_all(&mut **tx)
                .await?;
            schedules.extend(before.into_iter().map(|schedule| (schedule, true)));
        }
        for (schedule, changes) in schedules {
            if changes {
                sqlx::query(sql("INSERT INTO schedules (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"))
                    .bind(schedule.clone())
                    .execute(&mut **tx)
                    .await?;
            }
            if DIALECT == Dialect::Postgres {
                let lock = if changes {
                    sql("SELECT name FROM schedules WHERE name = $1 {lock}")
                } else {
                    sql("SELECT name FROM schedules WHERE name = $1 {share}")
                };
                sqlx::query(lock).bind(schedule).execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// Who is in these groups at a time.
    pub(super) async fn members_of(
        &self,
        tx: &mut Tx,
        groups: &BTreeSet<Group>,
        now: Timestamp,
    ) -> Result<HashMap<Group, Members>, StoreError> {
        let mut found = HashMap::with_capacity(groups.len());
        for group in groups {
            let members = match group {
                Group::Topic(topic) => self.topic_members(tx, topic).await?,
                Group::Duty(schedule) => self.on_duty(tx, schedule, now).await?,
                // Who is told by a list stands in the configuration.
                Group::Escalation(_) => continue,
            };
            found.insert(group.clone(), members);
        }
        Ok(found)
    }

    async fn topic_members(&self, tx: &mut Tx, topic: &str) -> Result<Members, StoreError> {
        let mut users: Vec<i64> = sqlx::query_scalar(sql("SELECT user_id FROM topic_members WHERE topic = $1 ORDER BY user_id LIMIT $2"))
            .bind(topic.to_owned())
            .bind(i64::try_from(MOST_MEMBERS + 1).unwrap_or(i64::MAX))
            .fetch_all(&mut **tx)
            .await?;
        let mut beyond = 0;
        if users.len() > MOST_MEMBERS {
            users.truncate(MOST_MEMBERS);
            let last = users.last().copied().unwrap_or_default();
            beyond = sqlx::query_scalar(sql("SELECT count(*) FROM topic_members WHERE topic = $1 AND user_id > $2"))
                .bind(topic.to_owned())
                .bind(last)
                .fetch_one(&mut **tx)
                .await?;
        }
        Ok(Members { users: users.into_iter().map(UserId).collect(), beyond, ..Members::default() })
    }

    /// Whose shift runs, and when the next one begins.
    async fn on_duty(&self, tx: &mut Tx, schedule: &str, now: Timestamp) -> Result<Members, StoreError> {
        // Sorted here: the database would rather look through the shifts of all users for some in order.
        let users: Vec<i64> = sqlx::query_scalar(sql(
            "SELECT user_id FROM duties WHERE schedule = $1 AND ends_at > $2 AND starts_at <= $2 AND status = 'SCHEDULED' LIMIT $3",
        ))
        .bind(schedule.to_owned())
        .bind(now.as_millis())
        .bind(i64::try_from(MOST_ON_DUTY).unwrap_or(i64::MAX))
        .fetch_all(&mut **tx)
        .await?;
        let next: Option<i64> = sqlx::query_scalar(sql(
            "SELECT starts_at FROM duties WHERE schedule = $1 AND starts_at > $2 AND status = 'SCHEDULED' ORDER BY starts_at LIMIT 1",
        ))
        .bind(schedule.to_owned())
        .bind(now.as_millis())
        .fetch_optional(&mut **tx)
        .await?;
        let nearest = if users.is_empty() { self.nearest(tx, schedule, next, now).await? } else { Vec::new() };
        let sorted = |users: Vec<i64>| users.into_iter().map(UserId).collect::<BTreeSet<_>>().into_iter().collect();
        Ok(Members { users: sorted(users), beyond: 0, nearest: sorted(nearest), next_at: next.map(at) })
    }

    /// Whose shift begins next, or else ended last.
    async fn nearest(&self, tx: &mut Tx, schedule: &str, next: Option<i64>, now: Timestamp) -> Result<Vec<i64>, StoreError> {
        let Some(next) = next else {
            return Ok(sqlx::query_scalar(sql(
                "SELECT user_id FROM duties WHERE schedule = $1 AND ends_at <= $2 AND status = 'SCHEDULED' ORDER BY ends_at DESC LIMIT 1",
            ))
            .bind(schedule.to_owned())
            .bind(now.as_millis())
            .fetch_all(&mut **tx)
            .await?);
        };
        let begins =
            sqlx::query_scalar(sql("SELECT user_id FROM duties WHERE schedule = $1 AND starts_at = $2 AND status = 'SCHEDULED' LIMIT $3"));
        Ok(begins.bind(schedule.to_owned()).bind(next).bind(i64::try_from(MOST_ON_DUTY).unwrap_or(i64::MAX)).fetch_all(&mut **tx).await?)
    }
}
