//! Monitoring tools that are to be silent about an alert.

use async_trait::async_trait;
use watchbell_core::Timestamp;

use super::rows::at;
use super::{SqlStore, Tx, sql};
use crate::StoreError;
use crate::silences::{Silence, SilenceTask, Silences};

#[derive(sqlx_macros::FromRow)]
struct Row {
    alert_id: String,
    intake: String,
    wanted: bool,
    author: String,
    silence_id: Option<String>,
    ends_at: Option<i64>,
}

impl From<Row> for SilenceTask {
    fn from(row: Row) -> Self {
        Self {
            alert_id: row.alert_id,
            intake: row.intake,
            wanted: row.wanted,
            author: row.author,
            made: row.silence_id.zip(row.ends_at.map(at)),
        }
    }
}

#[async_trait]
impl Silences for SqlStore {
    async fn take_silences(&self, most: i64, until: Timestamp) -> Result<Vec<SilenceTask>, StoreError> {
        let now = self.clock.now().as_millis();
        // Nearly always there is nothing, and nothing need be written to know that.
        let due: Option<i64> = sqlx::query_scalar(sql("SELECT due_at FROM silences WHERE due_at <= $1 ORDER BY due_at LIMIT 1"))
            .bind(now)
            .fetch_optional(&self.write)
            .await?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.begin_tx().await?;
        let rows: Vec<Row> = sqlx::query_as(sql("UPDATE silences SET due_at = $2 WHERE alert_id {anyof} SELECT alert_id FROM silences \
             WHERE due_at <= $3 ORDER BY due_at LIMIT $1 {skip} {end} RETURNING alert_id, intake, wanted, author, silence_id, ends_at"))
        .bind(most)
        .bind(until.as_millis())
        .bind(now)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(SilenceTask::from).collect())
    }

    async fn silence_made(&self, alert_id: &str, silence_id: &str, ends_at: Timestamp, next_at: Timestamp) -> Result<(), StoreError> {
        sqlx::query(sql(
            "UPDATE silences SET silence_id = $2, ends_at = $3, due_at = CASE WHEN wanted THEN $4 ELSE $5 END WHERE alert_id = $1",
        ))
        .bind(alert_id.to_owned())
        .bind(silence_id.to_owned())
        .bind(ends_at.as_millis())
        .bind(next_at.as_millis())
        .bind(self.clock.now().as_millis())
        .execute(&self.write)
        .await?;
        Ok(())
    }

    async fn silence_over(&self, alert_id: &str, was_wanted: bool) -> Result<(), StoreError> {
        sqlx::query(sql("DELETE FROM silences WHERE alert_id = $1 AND wanted = $2"))
            .bind(alert_id.to_owned())
            .bind(was_wanted)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

impl SqlStore {
    /// Writes what plans say, in order of the alerts, which are locked.
    pub(super) async fn write_silences(&self, tx: &mut Tx, silences: &[Silence]) -> Result<(), StoreError> {
        let now = self.clock.now().as_millis();
        for silence in silences {
            let query = match silence {
                Silence::Wanted { alert_id, intake, author } => {
                    sqlx::query(sql("INSERT INTO silences (alert_id, intake, wanted, author, due_at) VALUES ($1, $2, TRUE, $3, $4) \
                     ON CONFLICT (alert_id) DO UPDATE SET wanted = TRUE, author = excluded.author, due_at = excluded.due_at"))
                    .bind(alert_id.clone())
                    .bind(intake.clone())
                    .bind(author.clone())
                }
                Silence::Over { alert_id } => {
                    sqlx::query(sql("UPDATE silences SET wanted = FALSE, due_at = $2 WHERE alert_id = $1")).bind(alert_id.clone())
                }
            };
            query.bind(now).execute(&mut **tx).await?;
        }
        Ok(())
    }
}
