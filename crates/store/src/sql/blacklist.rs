//! Addresses that an admin blacklisted. The contact's own status says so while it is there; what is kept here outlives the
//! contact, so that the address does not come back usable by being deleted and added again, through whatever surface and by
//! whichever user. An admin clears it by giving a blacklisted contact with that address another status.

use sha2::{Digest, Sha256};
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};

use super::{Tx, sql};
use crate::StoreError;

/// The status that a contact with this target gets when it is given `wanted`.
pub(super) async fn status(tx: &mut Tx, kind: ContactKind, target: &str, wanted: ContactStatus) -> Result<ContactStatus, StoreError> {
    const ELSEWHERE: &str = "SELECT EXISTS (SELECT 1 FROM contacts WHERE kind = $2 AND target = $3 AND status = 'BLACKLISTED') \
         OR EXISTS (SELECT 1 FROM blacklist WHERE digest = $1)";
    // Mailboxes are one whatever the case of their letters, and there is an index for that.
    const MAILBOX: &str = "SELECT EXISTS (SELECT 1 FROM contacts WHERE kind = 'email' AND $2 = kind AND lower(target) = lower($3) \
         AND status = 'BLACKLISTED') OR EXISTS (SELECT 1 FROM blacklist WHERE digest = $1)";
    let is_blacklisted: bool = sqlx::query_scalar(sql(if kind == ContactKind::Email { MAILBOX } else { ELSEWHERE }))
        .bind(digest(kind, target))
        .bind(kind.as_str())
        .bind(target.to_owned())
        .fetch_one(&mut **tx)
        .await?;
    Ok(if is_blacklisted { ContactStatus::Blacklisted } else { wanted })
}

/// Keeps in mind those of the contacts that are blacklisted, before they are deleted or given another target.
pub(super) async fn remember<'a>(tx: &mut Tx, contacts: impl IntoIterator<Item = &'a Contact>) -> Result<(), StoreError> {
    let contacts = contacts.into_iter().filter(|contact| contact.status == ContactStatus::Blacklisted);
    for contact in contacts {
        sqlx::query(sql("INSERT INTO blacklist (digest) VALUES ($1) ON CONFLICT (digest) DO NOTHING"))
            .bind(digest(contact.kind, &contact.target))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// An admin has cleared the contact.
pub(super) async fn forget(tx: &mut Tx, contact: &Contact) -> Result<(), StoreError> {
    let digest = digest(contact.kind, &contact.target);
    sqlx::query(sql("DELETE FROM blacklist WHERE digest = $1")).bind(digest).execute(&mut **tx).await?;
    Ok(())
}

/// Hex SHA-256 of kind and target: the address itself goes with its contact.
fn digest(kind: ContactKind, target: &str) -> String {
    let target = if kind == ContactKind::Email { target.to_lowercase() } else { target.to_owned() };
    hex::encode(Sha256::digest(format!("{kind}:{target}")))
}
