//! Verifying a contact: a code goes to it, and comes back.
//!
//! The code itself travels in an event of Watchbell's own, as any message does, and is forgotten there once its message has
//! gone out; beside the contact only its hash is kept.

use async_trait::async_trait;
use std::collections::HashMap;

use sha2::{Digest, Sha256};
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{EventKind, VerificationData};
use watchbell_core::ids::public_id;
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, ContactId, DeliveryId, EventId, Reason, Secret, Timestamp, UserId, mask};

use super::super::if_known::IfKnown;
use super::super::together::Together;
use super::budgets::{Budgets, check_pause};
use super::rows::to_json;
use super::{SqlStore, Tx, codes, contacts, sql};
use crate::access::Actor;
use crate::directory::Verification;
use crate::error::VerificationError;
use crate::facts::Planned;
use crate::wake::Effects;
use crate::{Scope, StoreError};

#[async_trait]
impl Verification for SqlStore {
    async fn start_verification(&self, by: Actor, user: UserId, id: ContactId, code: Secret) -> Result<Timestamp, StoreError> {
        start(self, by, user, id, code).await
    }

    async fn confirm_verification(&self, by: Actor, user: UserId, id: ContactId, code: &str) -> Result<Contact, StoreError> {
        confirm(self, by, user, id, code).await
    }
}

// The design's figures: five tries, 15 minutes.
const TRIES: i64 = 5;
const VALID_S: i64 = 15 * 60;

#[derive(sqlx_macros::FromRow)]
struct Row {
    /// Empty: the code was made void.
    code_hash: String,
    sent_at: i64,
    expires_at: i64,
    tries_left: i64,
}

/// A code changes nothing that was planned, so this ends without a new version of the user.
pub(super) async fn start(store: &SqlStore, by: Actor, user: UserId, id: ContactId, code: Secret) -> Result<Timestamp, StoreError> {
    let now = store.clock.now();
    let mut change = store.begin_change(user).await?;
    let tx = &mut change.tx;
    let contact = unverified(tx, user, id).await?;
    if contact.kind == ContactKind::Phone {
        codes::check_prefix(store, &contact.target)?;
    }
    if let Some(last) = read(tx, id).await? {
        check_pause(last.sent_at, now)?;
    }
    let budgets = Budgets::lock(tx, user, &contact, now).await?;
    budgets.check_codes(&store.verification, now)?;
    // Eight digits, where somebody guesses.
    let code = Secret::new(code.expose().get(..if budgets.is_guessed_at() { 8 } else { 6 }).unwrap_or(code.expose()));
    codes::void(store, tx, id, &Reason::CodeReplaced).await?;
    let expires_at = now.plus_s(VALID_S);
    let planned = message(&contact, now, expires_at);
    sqlx::query(sql("INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ($1, $1, $2, $3, $3, $4, $5)"))
        .bind(planned.event_id.as_str())
        .bind(EventKind::Verification.as_str())
        .bind(now.as_millis())
        .bind(planned.subject())
        .bind(to_json(&VerificationData { code: code.clone(), expires_at })?)
        .execute(&mut **tx)
        .await?;
    sqlx::query(sql("INSERT INTO verifications (contact_id, code_hash, sent_at, expires_at, tries_left, event_id) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (contact_id) DO UPDATE SET code_hash = excluded.code_hash, sent_at = excluded.sent_at, \
         expires_at = excluded.expires_at, tries_left = excluded.tries_left, event_id = excluded.event_id"))
    .bind(id.0)
    .bind(hash(id, code.expose()))
    .bind(now.as_millis())
    .bind(expires_at.as_millis())
    .bind(TRIES)
    .bind(planned.event_id.as_str())
    .execute(&mut **tx)
    .await?;
    let channel = planned.channel;
    budgets.spend_code(tx, now).await?;
    store.insert_deliveries(tx, Together::default(), &[planned], &HashMap::new(), IfKnown::LeaveAlone).await?;
    store.record(tx, by, "contact.verification", contacts::object(user, id)).await?;
    change.tx.commit().await?;
    store.wakes.announce(Effects::due([channel].into()));
    Ok(expires_at)
}

pub(super) async fn confirm(store: &SqlStore, by: Actor, user: UserId, id: ContactId, code: &str) -> Result<Contact, StoreError> {
    let mut change = store.begin_change(user).await?;
    let tx = &mut change.tx;
    let contact = unverified(tx, user, id).await?;
    let now = store.clock.now();
    let budgets = Budgets::lock(tx, user, &contact, now).await?;
    budgets.check_tries(&store.verification, now)?;
    let kept =
        read(tx, id).await?.filter(|kept| !kept.code_hash.is_empty()).ok_or(StoreError::Verification(VerificationError::NotStarted))?;
    if now.as_millis() >= kept.expires_at {
        return Err(StoreError::Verification(VerificationError::Expired));
    }
    if kept.tries_left <= 0 {
        return Err(StoreError::Verification(VerificationError::Exhausted));
    }
    // Equal hashes say nothing about how much of a wrong code was right, so there is no time to measure.
    if kept.code_hash != hash(id, code) {
        sqlx::query(sql("UPDATE verifications SET tries_left = tries_left - 1 WHERE contact_id = $1"))
            .bind(id.0)
            .execute(&mut **tx)
            .await?;
        budgets.spend_try(tx).await?;
        // The try is used up whatever the answer, so it is kept although this fails.
        change.tx.commit().await?;
        return Err(StoreError::Verification(VerificationError::Wrong { tries_left: kept.tries_left - 1 }));
    }
    codes::void(store, tx, id, &Reason::ContactVerified).await?;
    let contact = contacts::write_status(tx, user, id, ContactStatus::Ok).await?;
    store.commit_change(change, by, "contact.verified", contacts::object(user, id)).await?;
    Ok(contact)
}

/// The contact, if a code can change anything about it.
async fn unverified(tx: &mut Tx, user: UserId, id: ContactId) -> Result<Contact, StoreError> {
    let contact = contacts::find(tx, user, None, id).await?.ok_or(StoreError::NotFound("contact"))?;
    match contact.status {
        ContactStatus::Locked => Ok(contact),
        ContactStatus::Ok => Err(StoreError::Verification(VerificationError::AlreadyOk)),
        ContactStatus::Blacklisted => Err(StoreError::UnfitContact("blacklisted")),
    }
}

async fn read(tx: &mut Tx, id: ContactId) -> Result<Option<Row>, StoreError> {
    Ok(sqlx::query_as(sql("SELECT code_hash, sent_at, expires_at, tries_left FROM verifications WHERE contact_id = $1"))
        .bind(id.0)
        .fetch_optional(&mut **tx)
        .await?)
}

fn message(contact: &Contact, now: Timestamp, expires_at: Timestamp) -> Planned {
    let event_id = EventId::derive(now, &format!("verification:{}", public_id('V')));
    let scope = Scope::Event(event_id.clone());
    Planned {
        id: DeliveryId::derive(now, &[&scope.key(), &contact.user_id.to_string(), "verification"]),
        scope,
        event_id,
        alert_id: None,
        category: None,
        user_id: contact.user_id,
        purpose: Purpose::Verification,
        trigger: Trigger::Subscription,
        channel: channel(contact.kind),
        contact_id: Some(contact.id),
        device_id: None,
        address: mask::address(contact.kind, &contact.target),
        rules: vec![],
        critical: false,
        due_at: now,
        ready_at: now,
        expires_at: Some(expires_at),
        state: State::Scheduled,
        reason: None,
        expedited: false,
        attempts: 0,
        collect: None,
        named_as: None,
        repetition: 0,
    }
}

/// The channel that carries a code to a contact of that kind.
fn channel(kind: ContactKind) -> Channel {
    match kind {
        ContactKind::Email => Channel::Email,
        ContactKind::Phone => Channel::Sms,
        ContactKind::Telegram => Channel::Telegram,
        ContactKind::Slack => Channel::Slack,
        ContactKind::Teams => Channel::Teams,
        ContactKind::Mattermost => Channel::Mattermost,
        ContactKind::Discord => Channel::Discord,
        ContactKind::GoogleChat => Channel::GoogleChat,
        ContactKind::Matrix => Channel::Matrix,
        ContactKind::Webhook => Channel::Webhook,
    }
}

/// Hex SHA-256 of the contact's id and the code, so that equal codes of two contacts do not look equal.
fn hash(id: ContactId, code: &str) -> String {
    hex::encode(Sha256::digest(format!("{id}:{code}")))
}
