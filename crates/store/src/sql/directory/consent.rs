//! Addresses that opted out by their carrier, and in again.
//!
//! What a contact was before is kept beside it, so that it becomes that again. An admin's word stays: whoever was blacklisted by one
//! is not let in by a text message.

use watchbell_core::contact::ContactKind;
use watchbell_core::{ContactId, Reason, UserId};

use super::super::audit::Done;
use super::{SqlStore, codes, contacts, sql};
use crate::StoreError;
use crate::access::Actor;
use crate::changes::Changes;

/// Applies it to every contact with that address; answers how many it changed.
pub(super) async fn consent(store: &SqlStore, kind: ContactKind, target: &str, is_in: bool) -> Result<usize, StoreError> {
    let found: Vec<(i64, i64)> = sqlx::query_as(sql("SELECT id, user_id FROM contacts WHERE kind = $1 AND target = $2 ORDER BY id"))
        .bind(kind.as_str())
        .bind(target.to_owned())
        .fetch_all(&store.read)
        .await?;
    let mut changed = 0;
    for (contact, user) in found {
        match of_contact(store, ContactId(contact), UserId(user), target, is_in).await {
            Ok(is_changed) => changed += usize::from(is_changed),
            // The user went in between, and the contact with them.
            Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(changed)
}

async fn of_contact(store: &SqlStore, id: ContactId, user: UserId, target: &str, is_in: bool) -> Result<bool, StoreError> {
    let mut change = store.begin_change(user).await?;
    let (statement, action) = if is_in {
        (
            "UPDATE contacts SET status = opted_out, opted_out = NULL, updated_at = $3 WHERE id = $1 AND target = $2 AND opted_out IS NOT NULL \
          AND status = 'BLACKLISTED' RETURNING 'BLACKLISTED', status",
            "contact.opted_in",
        )
    } else {
        (
            "UPDATE contacts SET status = 'BLACKLISTED', opted_out = status, updated_at = $3 WHERE id = $1 AND target = $2 \
          AND status <> 'BLACKLISTED' RETURNING opted_out, status",
            "contact.opted_out",
        )
    };
    let moved: Option<(String, String)> = sqlx::query_as(sql(statement))
        .bind(id.0)
        .bind(target.to_owned())
        .bind(store.clock.now().as_millis())
        .fetch_optional(&mut *change.tx)
        .await?;
    let Some((before, after)) = moved else { return Ok(false) };
    if !is_in {
        codes::void(store, &mut change.tx, id, &Reason::OptedOut).await?;
    }
    let changes = Changes::default().field("status", Some(&before), Some(&after));
    store.commit_change(change, Actor::System, action, Done::new(contacts::object(user, id), changes)).await?;
    Ok(true)
}
