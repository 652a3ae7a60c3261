//! What provider accounts are used for.

use async_trait::async_trait;
use watchbell_core::Timestamp;

use super::rows::{at, name};
use super::{BindAll, Connection, SqlStore, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::queue::{Budget, CallTally, Failure, ProviderUse, Spent};

/// Calls are added up in periods of so many milliseconds.
const PERIOD_MS: i64 = 5 * 60 * 1_000;
/// What "lately" is when it is asked how calls ended.
const LATELY_MS: i64 = 60 * 60 * 1_000;
/// For so long the last success and failure are known.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Days of spending that are kept.
const DAYS_KEPT: i64 = 31;

#[async_trait]
impl ProviderUse for SqlStore {
    async fn take_calls(&self, budget: &Budget, most: i64) -> Result<i64, StoreError> {
        super::retrying(|| self.take(budget, most)).await
    }

    async fn return_calls(&self, budget: &Budget, calls: i64) -> Result<(), StoreError> {
        sqlx::query(sql("UPDATE spend SET calls = CASE WHEN calls > $4 THEN calls - $4 ELSE 0 END \
             WHERE day = $1 AND channel = $2 AND provider = $3"))
        .bind(budget.day)
        .bind(budget.channel.as_str())
        .bind(budget.provider.clone())
        .bind(calls)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    async fn note_refused(&self, budgets: &[Budget], messages: i64) -> Result<(), StoreError> {
        let mut tx = self.begin_tx().await?;
        for budget in budgets {
            sqlx::query(sql("INSERT INTO spend (day, channel, provider, calls, refused) VALUES ($1, $2, $3, 0, $4) \
                 ON CONFLICT (day, channel, provider) DO UPDATE SET refused = spend.refused + excluded.refused"))
            .bind(budget.day)
            .bind(budget.channel.as_str())
            .bind(budget.provider.clone())
            .bind(messages)
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn spent(&self, day: i64) -> Result<Vec<Spent>, StoreError> {
        let rows: Vec<(String, String, i64, i64)> =
            sqlx::query_as(sql("SELECT channel, provider, calls, refused FROM spend WHERE day = $1 ORDER BY channel, provider"))
                .bind(day)
                .fetch_all(&self.read)
                .await?;
        let spent =
            |(channel, provider, calls, refused): (String, _, _, _)| Ok(Spent { channel: name(&channel)?, provider, calls, refused });
        rows.into_iter().map(spent).collect()
    }

    async fn note_calls(&self, tallies: &[CallTally]) -> Result<(), StoreError> {
        row! {
            struct Row<'a> {
                channel: &'static str,
                provider: &'a str,
                calls: i64,
                failures: i64,
                success_at: Option<i64>,
                failure_at: Option<i64>,
                failure_class: Option<&'static str>,
                failure_code: Option<&'a str>,
            }
        }
        let rows = tallies.iter().map(|tally| {
            let failure = tally.failure.as_ref();
            Row {
                channel: tally.channel.as_str(),
                provider: &tally.provider,
                calls: tally.calls,
                failures: tally.failures,
                success_at: tally.success_at.map(Timestamp::as_millis),
                failure_at: failure.map(|failure| failure.at.as_millis()),
                failure_class: failure.map(|failure| failure.class.as_str()),
                failure_code: failure.and_then(|failure| failure.code.as_deref()),
            }
        });
        let rows: Vec<Row<'_>> = rows.collect();
        let now = self.clock.now().as_millis();
        sqlx::query(sql("INSERT INTO provider_calls (since, channel, provider, calls, failures, success_at, failure_at, failure_class, failure_code) \
             SELECT $1, channel, provider, calls, failures, success_at, failure_at, failure_class, failure_code FROM {rows $2: channel text, \
             provider text, calls bigint, failures bigint, success_at bigint, failure_at bigint, failure_class text, failure_code text} \
             WHERE true ORDER BY channel, provider ON CONFLICT (since, channel, provider) DO UPDATE SET \
             calls = provider_calls.calls + excluded.calls, failures = provider_calls.failures + excluded.failures, \
             success_at = COALESCE(excluded.success_at, provider_calls.success_at), \
             failure_at = COALESCE(excluded.failure_at, provider_calls.failure_at), \
             failure_class = COALESCE(excluded.failure_class, provider_calls.failure_class), \
             failure_code = CASE WHEN excluded.failure_at IS NULL THEN provider_calls.failure_code ELSE excluded.failure_code END"))
        .bind(now - now.rem_euclid(PERIOD_MS))
        .bind_all(columns(&rows)?)
        .execute(&self.write)
        .await?;
        Ok(())
    }

    async fn tallies(&self) -> Result<Vec<CallTally>, StoreError> {
        #[derive(sqlx_macros::FromRow)]
        struct Row {
            channel: String,
            provider: String,
            calls: i64,
            failures: i64,
            success_at: Option<i64>,
            failure_at: Option<i64>,
            failure_class: Option<String>,
            failure_code: Option<String>,
        }
        let now = self.clock.now().as_millis();
        let rows: Vec<Row> =
            sqlx::query_as(sql("SELECT s.channel, s.provider, s.calls, s.failures, s.success_at, f.failure_at, f.failure_class, \
             f.failure_code FROM (SELECT channel, provider, CAST(sum(CASE WHEN since > $2 THEN calls ELSE 0 END) AS BIGINT) AS calls, \
             CAST(sum(CASE WHEN since > $2 THEN failures ELSE 0 END) AS BIGINT) AS failures, max(success_at) AS success_at, \
             max(CASE WHEN failure_at IS NOT NULL THEN since END) AS failed_in FROM provider_calls WHERE since > $1 \
             GROUP BY channel, provider) AS s LEFT JOIN provider_calls f \
             ON f.since = s.failed_in AND f.channel = s.channel AND f.provider = s.provider ORDER BY s.channel, s.provider"))
            .bind(now - KEPT_MS)
            .bind(now - LATELY_MS)
            .fetch_all(&self.read)
            .await?;
        let tally = |row: Row| {
            let failure = match (row.failure_at, row.failure_class) {
                (Some(ms), Some(class)) => Some(Failure { at: at(ms), class: name(&class)?, code: row.failure_code }),
                _ => None,
            };
            Ok(CallTally {
                channel: name(&row.channel)?,
                provider: row.provider,
                calls: row.calls,
                failures: row.failures,
                success_at: row.success_at.map(at),
                failure,
            })
        };
        rows.into_iter().map(tally).collect()
    }
}

impl SqlStore {
    async fn take(&self, budget: &Budget, most: i64) -> Result<i64, StoreError> {
        let mut tx = self.begin_tx().await?;
        // The row is there and locked after this.
        let taken: i64 = sqlx::query_scalar(sql("INSERT INTO spend (day, channel, provider, calls, refused) VALUES ($1, $2, $3, 0, 0) \
             ON CONFLICT (day, channel, provider) DO UPDATE SET calls = spend.calls RETURNING calls"))
        .bind(budget.day)
        .bind(budget.channel.as_str())
        .bind(budget.provider.clone())
        .fetch_one(&mut *tx)
        .await?;
        let granted = (budget.calls - taken).clamp(0, most.max(0));
        if granted > 0 {
            sqlx::query(sql("UPDATE spend SET calls = calls + $4 WHERE day = $1 AND channel = $2 AND provider = $3"))
                .bind(budget.day)
                .bind(budget.channel.as_str())
                .bind(budget.provider.clone())
                .bind(granted)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(granted)
    }

    /// Forgets what is too old to be shown.
    pub(super) async fn tidy_provider_use(&self, on: &mut Connection, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(sql("DELETE FROM spend WHERE day < $1")).bind(now.utc_day() - DAYS_KEPT).execute(&mut *on).await?;
        sqlx::query(sql("DELETE FROM provider_calls WHERE since < $1")).bind(now.as_millis() - KEPT_MS).execute(on).await?;
        Ok(())
    }
}
