//! Codes on their way to contacts: made worthless when the contact changes, and forgotten once their messages have gone out.

use watchbell_core::event::VerificationData;
use watchbell_core::{ContactId, EventId, Reason, Secret, Timestamp, UserId};

use super::super::array;
use super::rows::to_json;
use super::{Connection, SqlStore, Tx, sql};
use crate::{Scope, StoreError};

/// Makes a code that is on its way worthless, and stops the message that has not been sent yet. When it was asked for
/// stays, so that changing a contact does not let codes go out faster.
pub(super) async fn void(store: &SqlStore, tx: &mut Tx, id: ContactId, reason: &Reason) -> Result<(), StoreError> {
    let event: Option<String> =
        sqlx::query_scalar(sql("UPDATE verifications SET code_hash = '' WHERE contact_id = $1 AND code_hash <> '' RETURNING event_id"))
            .bind(id.0)
            .fetch_optional(&mut **tx)
            .await?;
    let Some(event) = event else { return Ok(()) };
    store.forget_codes(tx, std::slice::from_ref(&event)).await?;
    let user: Option<i64> =
        sqlx::query_scalar(sql("SELECT user_id FROM contacts WHERE id = $1")).bind(id.0).fetch_optional(&mut **tx).await?;
    // The change goes on to plan all of these anew.
    store.lock_waiting(tx, &user.map(UserId).into_iter().collect::<Vec<_>>()).await?;
    let stopped: Vec<String> =
        sqlx::query_scalar(sql("UPDATE deliveries SET state = 'cancelled', reason = $2, lease = NULL, updated_at = $3 \
         WHERE subject = $1 AND purpose = 'verification' AND state {states pending} RETURNING id"))
        .bind(Scope::Event(EventId(event)).subject())
        .bind(to_json(reason)?)
        .bind(store.clock.now().as_millis())
        .fetch_all(&mut **tx)
        .await?;
    store.dequeue(tx, &stopped).await
}

/// # Errors
/// `PhonePrefix`: no codes are sent to this number.
pub(super) fn check_prefix(store: &SqlStore, number: &str) -> Result<(), StoreError> {
    let prefixes = &store.verification.phone_prefixes;
    if prefixes.is_empty() || prefixes.iter().any(|prefix| number.starts_with(prefix.as_str())) {
        return Ok(());
    }
    Err(StoreError::PhonePrefix(prefixes.clone()))
}

impl SqlStore {
    /// Takes codes out of the events that carried them, once nobody has to be told of them any more.
    pub(in super::super) async fn forget_codes(&self, on: &mut Connection, events: &[String]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("UPDATE events SET data = $2 WHERE id {in $1 text} AND kind = 'verification'"))
            .bind(array(events)?)
            .bind(to_json(&VerificationData { code: Secret::new(""), expires_at: Timestamp::default() })?)
            .execute(on)
            .await?;
        Ok(())
    }
}
