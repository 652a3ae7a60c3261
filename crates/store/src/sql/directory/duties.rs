//! Who is on duty, and who will be.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use watchbell_core::{Timestamp, UserId};

use super::rows::at;
use super::{Db, SqlStore, sql};
use crate::StoreError;
use crate::directory::{Duties, MOST_SHIFTS, ScheduleFilter, ScheduleShifts, Shift};

/// Shifts that begin at the same moment and are shown as the next ones, at most.
const MOST_NEXT: usize = 20;

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    schedule: String,
    user_id: i64,
    starts_at: i64,
    ends_at: i64,
    username: String,
    first_name: String,
    last_name: String,
}

impl From<Row> for Shift {
    fn from(row: Row) -> Self {
        let names = format!("{} {}", row.first_name, row.last_name);
        let names = names.trim();
        Self {
            id: row.id,
            schedule: row.schedule,
            user_id: UserId(row.user_id),
            user_name: if names.is_empty() { row.username } else { names.to_owned() },
            starts_at: at(row.starts_at),
            ends_at: at(row.ends_at),
        }
    }
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn by_begin(rows: Vec<Row>) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = rows.into_iter().map(Shift::from).collect();
    shifts.sort_by(|a, b| (a.starts_at, a.ends_at, &a.id).cmp(&(b.starts_at, b.ends_at, &b.id)));
    shifts
}

#[async_trait]
impl Duties for SqlStore {
    async fn schedules(&self, filter: &ScheduleFilter, from: Timestamp, to: Timestamp) -> Result<Vec<ScheduleShifts>, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT name FROM schedules s WHERE 1 = 1");
        if let Some(name) = &filter.name {
            query.push(" AND name = ").push_bind(name.clone());
        }
        if let Some(after) = &filter.after {
            query.push(" AND name > ").push_bind(after.clone());
        }
        if let Some(user) = filter.user {
            query.push(" AND name IN (SELECT schedule FROM duties WHERE user_id = ").push_bind(user.0);
            query.push(" AND ends_at > ").push_bind(from.as_millis()).push(" AND status = 'SCHEDULED')");
        }
        query.push(" ORDER BY name LIMIT ").push_bind(filter.limit);
        let names: Vec<String> = query.build_query_scalar().fetch_all(&self.read).await?;
        let mut schedules = Vec::with_capacity(names.len());
        for name in names {
            let shifts: Vec<Row> = sqlx::query_as(sql(
                "SELECT d.id, d.schedule, d.user_id, d.starts_at, d.ends_at, u.username, u.first_name, u.last_name FROM duties d \
                 JOIN users u ON u.id = d.user_id WHERE d.schedule = $1 AND d.ends_at > $2 AND d.starts_at < $3 AND d.status = 'SCHEDULED' \
                 ORDER BY d.ends_at LIMIT $4",
            ))
            .bind(name.clone())
            .bind(from.as_millis())
            .bind(to.as_millis())
            .bind(limit(MOST_SHIFTS))
            .fetch_all(&self.read)
            .await?;
            let next: Vec<Row> = sqlx::query_as(sql(
                "SELECT d.id, d.schedule, d.user_id, d.starts_at, d.ends_at, u.username, u.first_name, u.last_name FROM duties d \
                 JOIN users u ON u.id = d.user_id WHERE d.schedule = $1 AND d.starts_at > $2 AND d.status = 'SCHEDULED' \
                 ORDER BY d.starts_at LIMIT $3",
            ))
            .bind(name.clone())
            .bind(from.as_millis())
            .bind(limit(MOST_NEXT))
            .fetch_all(&self.read)
            .await?;
            let mut next = by_begin(next);
            let begins = next.first().map(|shift| shift.starts_at);
            next.retain(|shift| Some(shift.starts_at) == begins);
            schedules.push(ScheduleShifts { name, shifts: by_begin(shifts), next });
        }
        Ok(schedules)
    }

    async fn shifts_of(&self, user: UserId, from: Timestamp, to: Timestamp) -> Result<Vec<Shift>, StoreError> {
        let shifts: Vec<Row> = sqlx::query_as(sql(
            "SELECT d.id, d.schedule, d.user_id, d.starts_at, d.ends_at, u.username, u.first_name, u.last_name FROM duties d \
             JOIN users u ON u.id = d.user_id WHERE d.user_id = $1 AND d.ends_at > $2 AND d.starts_at < $3 AND d.status = 'SCHEDULED' \
             ORDER BY d.ends_at LIMIT $4",
        ))
        .bind(user.0)
        .bind(from.as_millis())
        .bind(to.as_millis())
        .bind(limit(MOST_SHIFTS))
        .fetch_all(&self.read)
        .await?;
        Ok(by_begin(shifts))
    }
}
