//! What somebody was told at an address, and what texts from there turned out to mean.

use async_trait::async_trait;
use watchbell_core::contact::ContactKind;
use watchbell_core::ids::id_floor;
use watchbell_core::user::User;
use watchbell_core::{DeliveryId, Timestamp, UserId};

use super::rows::{UserRow, all, name, scope};
use super::{SqlStore, sql};
use crate::StoreError;
use crate::facts::Scope;
use crate::intake::{Texts, Told};

/// So many of the newest messages of one contact are looked through.
const MOST_TOLD: i64 = 200;

#[derive(sqlx_macros::FromRow)]
struct Row {
    id: String,
    channel: String,
    user_id: i64,
    scope: String,
    summary: String,
    state: String,
    is_paged: bool,
    message_id: Option<String>,
}

impl TryFrom<Row> for Told {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Scope::Alert { id: alert, round } = scope(&row.scope)? else { return Err(StoreError::Corrupt(row.scope)) };
        Ok(Self {
            delivery: DeliveryId(row.id),
            channel: name(&row.channel)?,
            user: UserId(row.user_id),
            alert,
            round,
            summary: row.summary,
            state: name(&row.state)?,
            is_paged: row.is_paged,
            message_id: row.message_id,
        })
    }
}

#[async_trait]
impl Texts for SqlStore {
    async fn owners(&self, kind: ContactKind, target: &str) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = sqlx::query_as(sql(
            "SELECT id, public_id, external_id, username, first_name, last_name, timezone, locale, quiet_hours, custom_fields, profile, \
             version, created_at, updated_at FROM users WHERE id {anyof} \
             SELECT user_id FROM contacts WHERE kind = $1 AND target = $2 AND status = 'OK' {end} ORDER BY id",
        ))
        .bind(kind.as_str())
        .bind(target.to_owned())
        .fetch_all(&self.read)
        .await?;
        all(rows)
    }

    async fn told(&self, kind: ContactKind, target: &str, since: Timestamp) -> Result<Vec<Told>, StoreError> {
        let contacts: Vec<(i64, i64)> =
            sqlx::query_as(sql("SELECT id, user_id FROM contacts WHERE kind = $1 AND target = $2 AND status = 'OK' ORDER BY id"))
                .bind(kind.as_str())
                .bind(target.to_owned())
                .fetch_all(&self.read)
                .await?;
        let mut told = Vec::new();
        for (contact, user) in contacts {
            let rows: Vec<Row> = sqlx::query_as(sql("SELECT d.id, d.channel, d.user_id, d.scope, a.summary, a.state, \
                 COALESCE(d.message_id, b.message_id) AS message_id, \
                 EXISTS (SELECT 1 FROM responders r WHERE r.user_id = d.user_id AND r.alert_id = d.alert_id \
                 AND d.scope = 'alert:' || r.round || ':' || r.alert_id) AS is_paged \
                 FROM deliveries d JOIN alerts a ON a.id = d.alert_id LEFT JOIN deliveries b ON b.id = d.bundle_id \
                 WHERE d.user_id = $1 AND d.id >= $2 AND d.contact_id = $3 AND d.scope LIKE 'alert:%' \
                 AND d.purpose IN ('rule', 'fallback') AND (d.state IN ('sending', 'sent', 'delivered', 'undelivered') \
                 OR (d.state = 'bundled' AND b.state IN ('sending', 'sent', 'delivered', 'undelivered'))) ORDER BY d.id DESC LIMIT $4"))
            .bind(user)
            .bind(id_floor(since))
            .bind(contact)
            .bind(MOST_TOLD)
            .fetch_all(&self.read)
            .await?;
            told.extend(all::<_, Told>(rows)?);
        }
        told.sort_by(|a, b| b.delivery.cmp(&a.delivery));
        Ok(told)
    }

    async fn is_paged(&self, user: UserId, alert: &str, round: i64) -> Result<bool, StoreError> {
        let found: Option<i64> =
            sqlx::query_scalar(sql("SELECT user_id FROM responders WHERE user_id = $1 AND alert_id = $2 AND round = $3"))
                .bind(user.0)
                .bind(alert.to_owned())
                .bind(round)
                .fetch_optional(&self.read)
                .await?;
        Ok(found.is_some())
    }

    async fn text_meaning(&self, id: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(sql("SELECT meaning FROM texts WHERE id = $1")).bind(id.to_owned()).fetch_optional(&self.read).await?)
    }

    async fn keep_text(&self, id: &str, meaning: &str) -> Result<String, StoreError> {
        // The update that changes nothing makes the row an answer.
        let kept = "INSERT INTO texts (id, meaning, at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET meaning = texts.meaning \
             RETURNING meaning";
        let kept = sqlx::query_scalar(sql(kept)).bind(id.to_owned()).bind(meaning.to_owned()).bind(self.clock.now().as_millis());
        Ok(kept.fetch_one(&self.edit).await?)
    }
}
