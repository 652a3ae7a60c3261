//! Linking a Telegram chat: a deep link's token says whose chat it is.

use async_trait::async_trait;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::{ContactId, Reason, Timestamp, UserId};

use super::super::blacklist;
use super::rows::{ContactRow, all};
use super::{SqlStore, Tx, codes, contacts, no_such_user, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::directory::{NewContact, TelegramLinks};

#[async_trait]
impl TelegramLinks for SqlStore {
    async fn start_telegram_link(&self, by: Actor, user: UserId, token_hash: &str, expires_at: Timestamp) -> Result<(), StoreError> {
        start(self, by, user, token_hash, expires_at).await
    }

    async fn finish_telegram_link(&self, token_hash: &str, chat_id: &str) -> Result<Option<UserId>, StoreError> {
        finish(self, token_hash, chat_id).await
    }
}

pub(super) async fn start(store: &SqlStore, by: Actor, user: UserId, token_hash: &str, expires_at: Timestamp) -> Result<(), StoreError> {
    let mut tx = store.begin_edit().await?;
    // Links that nobody followed go when the next is made.
    sqlx::query(sql("DELETE FROM telegram_links WHERE expires_at <= $1")).bind(store.clock.now().as_millis()).execute(&mut *tx).await?;
    // Two at once are made one after the other, so that both are counted.
    let found: Option<i64> =
        sqlx::query_scalar(sql("SELECT id FROM users WHERE id = $1 {lock}")).bind(user.0).fetch_optional(&mut *tx).await?;
    found.ok_or(StoreError::NotFound("user"))?;
    let count = "SELECT COUNT(*) FROM telegram_links WHERE user_id = $1";
    store.check_quota(&mut tx, count, user, store.quotas.telegram_links, "links that nobody has opened yet").await?;
    sqlx::query(sql("INSERT INTO telegram_links (token_hash, user_id, expires_at) VALUES ($1, $2, $3)"))
        .bind(token_hash)
        .bind(user.0)
        .bind(expires_at.as_millis())
        .execute(&mut *tx)
        .await
        .map_err(no_such_user)?;
    store.record(&mut tx, by, "telegram.link", format!("users/{user}")).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn finish(store: &SqlStore, token_hash: &str, chat_id: &str) -> Result<Option<UserId>, StoreError> {
    // Only tells whom to lock; the token is used up under that lock.
    let user: Option<i64> = sqlx::query_scalar(sql("SELECT user_id FROM telegram_links WHERE token_hash = $1"))
        .bind(token_hash)
        .fetch_optional(&store.read)
        .await?;
    let Some(user) = user.map(UserId) else { return Ok(None) };
    let mut change = match store.begin_change(user).await {
        Err(StoreError::NotFound(_)) => return Ok(None),
        begun => begun?,
    };
    let tx = &mut change.tx;
    let expires_at: Option<i64> = sqlx::query_scalar(sql("DELETE FROM telegram_links WHERE token_hash = $1 RETURNING expires_at"))
        .bind(token_hash)
        .fetch_optional(&mut **tx)
        .await?;
    if expires_at.is_none_or(|expires_at| expires_at <= store.clock.now().as_millis()) {
        return Ok(None);
    }
    let contact = link(store, tx, user, chat_id).await?;
    store.commit_change(change, Actor::System, "telegram.linked", contacts::object(user, contact)).await?;
    Ok(Some(user))
}

/// Makes the chat the user's only one. The first contact keeps its id, since rules may name it; rules that name another are
/// given this one.
async fn link(store: &SqlStore, tx: &mut Tx, user: UserId, chat_id: &str) -> Result<ContactId, StoreError> {
    let had: Vec<ContactRow> = sqlx::query_as(sql(
        "SELECT id, user_id, kind, target, region, is_primary, status FROM contacts WHERE user_id = $1 AND kind = 'telegram' ORDER BY id",
    ))
    .bind(user.0)
    .fetch_all(&mut **tx)
    .await?;
    let had: Vec<Contact> = all(had)?;
    let Some(Contact { id: ContactId(kept), .. }) = had.first() else {
        let new =
            NewContact { kind: ContactKind::Telegram, target: chat_id.to_owned(), region: None, primary: None, status: ContactStatus::Ok };
        return Ok(contacts::insert(store, tx, user, &new).await?.id);
    };
    // A chat that an admin blacklisted stays so until an admin clears it.
    blacklist::remember(tx, &had).await?;
    let status = blacklist::status(tx, ContactKind::Telegram, chat_id, ContactStatus::Ok).await?;
    for contact in &had {
        codes::void(store, tx, contact.id, &Reason::ChatLinked).await?;
    }
    sqlx::query(sql("UPDATE rules SET contact_id = $2 WHERE contact_id IN \
         (SELECT id FROM contacts WHERE user_id = $1 AND kind = 'telegram' AND id <> $2)"))
    .bind(user.0)
    .bind(kept)
    .execute(&mut **tx)
    .await?;
    sqlx::query(sql("DELETE FROM contacts WHERE user_id = $1 AND kind = 'telegram' AND id <> $2"))
        .bind(user.0)
        .bind(kept)
        .execute(&mut **tx)
        .await?;
    sqlx::query(sql("UPDATE contacts SET target = $2, status = $3 WHERE id = $1"))
        .bind(kept)
        .bind(chat_id)
        .bind(status.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(ContactId(*kept))
}
