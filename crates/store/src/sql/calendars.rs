//! Calendars that shifts are read from.

use async_trait::async_trait;
use watchbell_core::{EventId, Timestamp, UserId};

use super::rows::{at, json, name, to_json};
use super::{SqlStore, sql};
use crate::StoreError;
use crate::calendars::{CalendarContents, CalendarName, CalendarReading, CalendarShift, CalendarState, Calendars, Turn};

#[derive(sqlx_macros::FromRow)]
struct Row {
    name: String,
    schedule: String,
    read_at: Option<i64>,
    good_at: Option<i64>,
    failure: Option<String>,
    contents: String,
}

impl TryFrom<Row> for CalendarState {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            contents: json(&row.contents)?,
            name: row.name,
            schedule: row.schedule,
            read_at: row.read_at.map(at),
            good_at: row.good_at.map(at),
            failure: row.failure,
        })
    }
}

#[derive(sqlx_macros::FromRow)]
struct ShiftRow {
    id: String,
    schedule: String,
    user_id: i64,
    starts_at: i64,
    ends_at: i64,
    status: String,
    event_id: String,
}

impl TryFrom<ShiftRow> for CalendarShift {
    type Error = StoreError;

    fn try_from(row: ShiftRow) -> Result<Self, StoreError> {
        Ok(Self {
            status: name(&row.status)?,
            id: row.id,
            schedule: row.schedule,
            user_id: UserId(row.user_id),
            starts_at: at(row.starts_at),
            ends_at: at(row.ends_at),
            event_id: EventId(row.event_id),
        })
    }
}

#[async_trait]
impl Calendars for SqlStore {
    async fn take_calendar(&self, calendar: &CalendarName, until: Timestamp) -> Result<Turn, StoreError> {
        let now = self.clock.now();
        let known: Option<(i64, String, String)> = sqlx::query_as(sql("SELECT due_at, settings, schedule FROM calendars WHERE name = $1"))
            .bind(calendar.name.clone())
            .fetch_optional(&self.write)
            .await?;
        // Mostly nothing need be written to know that it is not time yet.
        if let Some((due_at, settings, schedule)) = known
            && due_at > now.as_millis()
            && (settings, schedule) == (calendar.settings.clone(), calendar.schedule.clone())
        {
            return Ok(Turn::At(at(due_at)));
        }
        let mut tx = self.begin_tx().await?;
        sqlx::query(sql("INSERT INTO calendars (name, schedule, settings, due_at, contents) VALUES ($1, $2, $3, 0, $4) \
             ON CONFLICT (name) DO NOTHING"))
        .bind(calendar.name.clone())
        .bind(calendar.schedule.clone())
        .bind(calendar.settings.clone())
        .bind(to_json(&CalendarContents::default())?)
        .execute(&mut *tx)
        .await?;
        let taken = sqlx::query(sql("UPDATE calendars SET due_at = $5, schedule = $2, settings = $3 WHERE name = $1 \
             AND (due_at <= $4 OR settings <> $3 OR schedule <> $2)"))
        .bind(calendar.name.clone())
        .bind(calendar.schedule.clone())
        .bind(calendar.settings.clone())
        .bind(now.as_millis())
        .bind(until.as_millis())
        .execute(&mut *tx)
        .await?;
        let due_at: i64 =
            sqlx::query_scalar(sql("SELECT due_at FROM calendars WHERE name = $1")).bind(calendar.name.clone()).fetch_one(&mut *tx).await?;
        sqlx::query(sql("INSERT INTO schedules (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"))
            .bind(calendar.schedule.clone())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(if taken.rows_affected() > 0 { Turn::Now } else { Turn::At(at(due_at)) })
    }

    async fn calendar_shifts(&self, prefix: &str, from: Timestamp) -> Result<Vec<CalendarShift>, StoreError> {
        // A range of ids, which are compared byte by byte: no letter of theirs is as high as the last one there is.
        let rows: Vec<ShiftRow> = sqlx::query_as(sql(
            "SELECT id, schedule, user_id, starts_at, ends_at, status, event_id FROM duties WHERE id >= $1 AND id < $2 AND ends_at > $3",
        ))
        .bind(prefix.to_owned())
        .bind(format!("{prefix}\u{10ffff}"))
        .bind(from.as_millis())
        .fetch_all(&self.write)
        .await?;
        rows.into_iter().map(CalendarShift::try_from).collect()
    }

    async fn calendar_read(&self, name: &str, reading: &CalendarReading, next_at: Timestamp) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        let query = match reading {
            CalendarReading::Good(contents) => sqlx::query(sql(
                "UPDATE calendars SET due_at = $2, read_at = $3, good_at = $3, failure = NULL, contents = $4 WHERE name = $1",
            ))
            .bind(name.to_owned())
            .bind(next_at.as_millis())
            .bind(now)
            .bind(to_json(contents)?),
            CalendarReading::Failed(why) => {
                sqlx::query(sql("UPDATE calendars SET due_at = $2, read_at = $3, failure = $4 WHERE name = $1"))
                    .bind(name.to_owned())
                    .bind(next_at.as_millis())
                    .bind(now)
                    .bind(why.clone())
            }
        };
        query.execute(&self.write).await?;
        Ok(())
    }

    async fn calendars(&self) -> Result<Vec<CalendarState>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(sql("SELECT name, schedule, read_at, good_at, failure, contents FROM calendars ORDER BY name"))
            .fetch_all(&self.read)
            .await?;
        rows.into_iter().map(CalendarState::try_from).collect()
    }
}
