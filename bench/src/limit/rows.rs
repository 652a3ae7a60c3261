//! The table, and one statement for each stage.

use sqlx::postgres::{PgPool, PgPoolOptions};

use super::{Job, Variant};
use crate::clock::now_ms;
use crate::error::{Doing, Error};

const WAITING: i16 = 0;
const CLAIMED: i16 = 1;
const SENT: i16 = 2;

/// Without a pool where the database is left out.
#[derive(Debug)]
pub struct Rows(Option<PgPool>);

impl Rows {
    /// Makes the table, if it is not there.
    pub async fn open(url: &str, variant: Variant) -> Result<Self, Error> {
        if variant == Variant::None {
            return Ok(Self(None));
        }
        let pool =
            PgPoolOptions::new().max_connections(4).test_before_acquire(false).connect(url).await.doing("connecting to PostgreSQL")?;
        let table = "CREATE TABLE IF NOT EXISTS bare (id text COLLATE \"C\" PRIMARY KEY, body text NOT NULL, due_at bigint NOT NULL, \
                     state smallint NOT NULL, lease bigint, sent_at bigint)";
        sqlx::query(table).execute(&pool).await.doing("making the table")?;
        let index = "CREATE INDEX IF NOT EXISTS bare_due ON bare (due_at) WHERE state = 0";
        sqlx::query(index).execute(&pool).await.doing("making the index")?;
        Ok(Self(Some(pool)))
    }

    fn pool(&self) -> Result<&PgPool, Error> {
        self.0.as_ref().ok_or_else(|| Error::says("there is no database in this variant"))
    }

    /// One statement is one transaction: durable when this returns.
    pub async fn insert(&self, jobs: &[Job], variant: Variant) -> Result<(), Error> {
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let bodies: Vec<&str> = jobs.iter().map(|job| std::str::from_utf8(&job.body).unwrap_or_default()).collect();
        let state = if variant == Variant::Claim { WAITING } else { CLAIMED };
        sqlx::query(
            "INSERT INTO bare (id, body, due_at, state, lease) SELECT id, body, $3, $4, 1 FROM unnest($1::text[], $2::text[]) AS new (id, body) \
             ON CONFLICT DO NOTHING",
        )
        .bind(ids)
        .bind(bodies)
        .bind(now_ms())
        .bind(state)
        .execute(self.pool()?)
        .await
        .doing("inserting")?;
        Ok(())
    }

    pub async fn claim(&self, most: usize) -> Result<Vec<Job>, Error> {
        let claimed: Vec<(String, String)> = sqlx::query_as(
            "UPDATE bare SET state = $3, lease = 1 WHERE id = ANY(ARRAY(SELECT id FROM bare WHERE state = 0 AND due_at <= $1 \
             ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING id, body",
        )
        .bind(now_ms())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(CLAIMED)
        .fetch_all(self.pool()?)
        .await
        .doing("claiming")?;
        Ok(claimed.into_iter().map(|(id, body)| Job { id, body: body.into() }).collect())
    }

    pub async fn finish(&self, ids: &[String]) -> Result<(), Error> {
        let Some(pool) = &self.0 else { return Ok(()) };
        sqlx::query("UPDATE bare SET state = $3, sent_at = $2, lease = NULL WHERE id = ANY($1)")
            .bind(ids)
            .bind(now_ms())
            .bind(SENT)
            .execute(pool)
            .await
            .doing("marking")?;
        Ok(())
    }
}
