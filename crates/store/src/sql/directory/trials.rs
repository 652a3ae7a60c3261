//! Trying whether a contact can be reached: a message of Watchbell's own, that no rule asks for.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::contact::Contact;
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{EventKind, SubscriptionData};
use watchbell_core::ids::public_id;
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, ContactId, DeliveryId, EventId, Timestamp, UserId, mask};

use super::super::if_known::IfKnown;
use super::super::together::Together;
use super::rows::to_json;
use super::{SqlStore, budgets, contacts, sql};
use crate::access::Actor;
use crate::directory::ContactTrials;
use crate::facts::Planned;
use crate::wake::Effects;
use crate::{Scope, StoreError};

/// After so many seconds a test says nothing any more about what somebody is trying.
const VALID_S: i64 = 15 * 60;

#[async_trait]
impl ContactTrials for SqlStore {
    /// It changes nothing that was planned, so this ends without a new version of the user.
    async fn send_test(&self, by: Actor, user: UserId, id: ContactId, channel: Channel) -> Result<DeliveryId, StoreError> {
        let now = self.clock.now();
        let mut change = self.begin_change(user).await?;
        let tx = &mut change.tx;
        let contact = contacts::find(tx, user, None, id).await?.ok_or(StoreError::NotFound("contact"))?;
        budgets::spend_test(tx, user, &contact, now).await?;
        let planned = message(&contact, channel, now);
        let delivery = planned.id.clone();
        let data = SubscriptionData {
            title: "Test".to_owned(),
            message: "A test message that a contact was sent".to_owned(),
            users: vec![user.to_string()],
            ..SubscriptionData::default()
        };
        sqlx::query(sql(
            "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ($1, $1, $2, $3, $3, $4, $5)",
        ))
        .bind(planned.event_id.as_str())
        .bind(EventKind::Subscription.as_str())
        .bind(now.as_millis())
        .bind(planned.subject())
        .bind(to_json(&data)?)
        .execute(&mut **tx)
        .await?;
        self.insert_deliveries(tx, Together::default(), &[planned], &HashMap::new(), IfKnown::LeaveAlone).await?;
        self.record(tx, by, "contact.test", contacts::object(user, id)).await?;
        change.tx.commit().await?;
        self.wakes.announce(Effects::due([channel].into()));
        Ok(delivery)
    }
}

fn message(contact: &Contact, channel: Channel, now: Timestamp) -> Planned {
    let event_id = EventId::derive(now, &format!("test:{}", public_id('T')));
    let scope = Scope::Event(event_id.clone());
    Planned {
        id: DeliveryId::derive(now, &[&scope.key(), &contact.user_id.to_string(), "test"]),
        scope,
        event_id,
        alert_id: None,
        category: None,
        user_id: contact.user_id,
        purpose: Purpose::Test,
        trigger: Trigger::Subscription,
        channel,
        contact_id: Some(contact.id),
        device_id: None,
        address: mask::address(contact.kind, &contact.target),
        rules: vec![],
        critical: false,
        due_at: now,
        ready_at: now,
        expires_at: Some(now.plus_s(VALID_S)),
        state: State::Scheduled,
        reason: None,
        expedited: false,
        attempts: 0,
        collect: None,
        named_as: None,
        repetition: 0,
    }
}
