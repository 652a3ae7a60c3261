//! Accounts at services, each one user's.

use async_trait::async_trait;
use serde_json::Value;
use watchbell_core::contact::ContactKind;
use watchbell_core::{UserId, mask};

use super::super::audit::Done;
use super::rows::{at, name};
use super::{SqlStore, owners, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;
use crate::directory::{Accounts, LinkedAccount};

#[async_trait]
impl Accounts for SqlStore {
    async fn accounts(&self, user: UserId) -> Result<Vec<LinkedAccount>, StoreError> {
        let rows: Vec<(String, String, i64)> =
            sqlx::query_as(sql("SELECT service, account, created_at FROM accounts WHERE user_id = $1 ORDER BY service"))
                .bind(user.0)
                .fetch_all(&self.read)
                .await?;
        if rows.is_empty() {
            owners::must_exist(self, user).await?;
        }
        let read =
            |(service, account, made): (String, String, i64)| Ok(LinkedAccount { service: name(&service)?, account, created_at: at(made) });
        rows.into_iter().map(read).collect()
    }

    async fn put_account(&self, by: Actor, user: UserId, service: ContactKind, account: &str) -> Result<(), StoreError> {
        let mut change = self.begin_change(user).await?;
        let before: Option<String> = sqlx::query_scalar(sql("SELECT account FROM accounts WHERE user_id = $1 AND service = $2"))
            .bind(user.0)
            .bind(service.as_str())
            .fetch_optional(&mut *change.tx)
            .await?;
        if before.as_deref() == Some(account) {
            return Ok(());
        }
        let put = sqlx::query(sql("INSERT INTO accounts (user_id, service, account, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (user_id, service) DO UPDATE SET account = excluded.account, created_at = excluded.created_at"))
        .bind(user.0)
        .bind(service.as_str())
        .bind(account.to_owned())
        .bind(self.clock.now().as_millis())
        .execute(&mut *change.tx)
        .await;
        put.map_err(|error| match error.as_database_error() {
            Some(database) if database.is_unique_violation() => StoreError::Taken("account"),
            _ => error.into(),
        })?;
        let changes = changes(service, before.as_deref(), Some(account));
        self.commit_change(change, by, "account.link", Done::new(object(user, service), changes)).await
    }

    async fn delete_account(&self, by: Actor, user: UserId, service: ContactKind) -> Result<(), StoreError> {
        let mut change = self.begin_change(user).await?;
        let before: Option<String> = sqlx::query_scalar(sql("DELETE FROM accounts WHERE user_id = $1 AND service = $2 RETURNING account"))
            .bind(user.0)
            .bind(service.as_str())
            .fetch_optional(&mut *change.tx)
            .await?;
        let before = before.ok_or(StoreError::NotFound("account"))?;
        let changes = changes(service, Some(&before), None);
        self.commit_change(change, by, "account.unlink", Done::new(object(user, service), changes)).await
    }

    async fn user_of_account(&self, service: ContactKind, account: &str) -> Result<Option<UserId>, StoreError> {
        let linked: Option<i64> = sqlx::query_scalar(sql("SELECT user_id FROM accounts WHERE service = $1 AND account = $2"))
            .bind(service.as_str())
            .bind(account.to_owned())
            .fetch_optional(&self.read)
            .await?;
        if let Some(linked) = linked {
            return Ok(Some(UserId(linked)));
        }
        let users: Vec<i64> =
            sqlx::query_scalar(sql("SELECT DISTINCT user_id FROM contacts WHERE kind = $1 AND target = $2 AND status = 'OK' LIMIT 2"))
                .bind(service.as_str())
                .bind(account.to_owned())
                .fetch_all(&self.read)
                .await?;
        Ok(if let [user] = users[..] { Some(UserId(user)) } else { None })
    }
}

fn object(user: UserId, service: ContactKind) -> String {
    format!("users/{user}/accounts/{service}")
}

fn changes(service: ContactKind, before: Option<&str>, after: Option<&str>) -> Changes {
    Changes::default().shown("account", before.as_ref(), after.as_ref(), |account| Value::String(mask::address(service, account)))
}
