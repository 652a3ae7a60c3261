//! Answering an alert: however it was said (a key, a button, a link, a text), it is an update of the alert with that person as the
//! actor.
//!
//! An answer counts in the round of the alert in which the message was sent: whoever answers in a round that is over is told so, and
//! by whom it was ended. The same answer twice is one.

use watchbell_core::answer_key::Purpose as TokenPurpose;
use watchbell_core::delivery::Purpose;
use watchbell_core::event::{Action, Answer, Event, EventData, Occurrence, Original, UpdateData};
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;
use watchbell_core::{DeliveryId, EventId, Timestamp, UserId};
use watchbell_providers::inbound::Change;
use watchbell_providers::phrase::Since;
use watchbell_store::facts::history::What;
use watchbell_store::facts::{Alert, AlertState};
use watchbell_store::history::Delivery;
use watchbell_store::{Scope, StoreError};

use crate::state::Api;
use crate::trace;

/// How long a message can be answered after it was sent, in seconds: two days, and no longer than its round is open.
pub(crate) const ANSWERABLE_S: i64 = 2 * 86_400;

/// A message that told of an alert by itself, which can be answered.
#[derive(Debug)]
pub(crate) struct Message {
    pub delivery: Delivery,
    /// Whom it was for.
    pub user: User,
    pub alert: String,
    pub round: i64,
}

impl Message {
    /// None where it told no alert, or its user is gone.
    pub async fn of(api: &Api, delivery: Delivery) -> Result<Option<Self>, StoreError> {
        let Scope::Alert { id: alert, round } = delivery.scope.clone() else { return Ok(None) };
        if !matches!(delivery.purpose, Purpose::Rule | Purpose::Fallback) {
            return Ok(None);
        }
        let user = api.store.user(&UserRef::Id(delivery.user_id)).await?;
        Ok(user.map(|user| Self { delivery, user, alert, round }))
    }

    /// The message of a delivery that exists.
    pub async fn by_id(api: &Api, id: &DeliveryId) -> Result<Option<Self>, StoreError> {
        match api.store.delivery(id).await? {
            Some((delivery, _)) => Self::of(api, delivery).await,
            None => Ok(None),
        }
    }

    /// The message whose token that is.
    pub async fn by_token(api: &Api, token: &str) -> Result<Option<Self>, StoreError> {
        match api.settings.answer_key.read(TokenPurpose::Answer, token) {
            Some(id) => Self::by_id(api, &id).await,
            None => Ok(None),
        }
    }

    /// Whether it was sent too long ago to be answered.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.delivery.sent_at.is_some_and(|sent| now > sent.plus_s(ANSWERABLE_S))
    }
}

/// Does what somebody says to a message: whom it was for, or who pressed in a chat that others see.
pub(crate) async fn answer(api: &Api, message: &Message, by: UserId, action: Action) -> Result<Change, StoreError> {
    let now = api.clock.now();
    if message.has_expired(now) {
        return Ok(Change::Expired);
    }
    let trace = trace::last_calls(api, std::slice::from_ref(&message.delivery.id)).await.remove(&message.delivery.id);
    let event = Event { trace, ..event(message, by, action, now) };
    api.intake.accept(std::slice::from_ref(&event), None).await?;
    // The one that counts may have come before this one.
    let id = api.store.event_by_identity(&event.identity).await?.map(|(id, _)| id);
    let had_effect = match &id {
        Some(id) => api.store.event(id).await?.is_some_and(|event| event.decision.is_none()),
        None => false,
    };
    let Some(alert) = api.store.alert(&message.alert).await? else { return Ok(Change::Over(None)) };
    if action == Action::Decline {
        return Ok(if had_effect { Change::Done } else { Change::Over(ended(api, &alert).await?.map(|ended| ended.since)) });
    }
    let Some(ended) = ended(api, &alert).await? else { return Ok(Change::Over(None)) };
    // By this answer, or by the same one to another message.
    let is_same = ended.by == Some(by) && ended.what == action.status().as_str();
    let is_this = had_effect && id.as_ref() == Some(&ended.event);
    Ok(if is_this || is_same { Change::Done } else { Change::Over(Some(ended.since)) })
}

/// How an alert that is not open came to be so.
#[derive(Debug)]
pub(crate) struct Ended {
    event: EventId,
    /// `ACCEPTED` or `RESOLVED`.
    what: &'static str,
    /// Who answered, where somebody did; an alert can also be accepted or resolved by its system.
    by: Option<UserId>,
    pub since: Since,
}

/// What the alert is, since when, and who made it so; None while it is open.
pub(crate) async fn ended(api: &Api, alert: &Alert) -> Result<Option<Ended>, StoreError> {
    let (wanted, what) = match alert.state {
        AlertState::Open => return Ok(None),
        AlertState::Accepted => (What::Accepted, "ACCEPTED"),
        AlertState::Resolved => (What::Resolved, "RESOLVED"),
    };
    let Some(last) = alert.history.iter().rfind(|happened| happened.what == wanted) else { return Ok(None) };
    let data = match api.store.event_data(&last.event_id).await? {
        Some(EventData::Update(data)) => Some(data),
        _ => None,
    };
    let by = data.as_ref().and_then(|data| data.answer.as_ref()).map(|answer| answer.user);
    let name = data.and_then(|data| data.actor_name.or(data.actor)).unwrap_or_default();
    let since = Since { state: alert.state.as_str(), at: last.base_at, by: name };
    Ok(Some(Ended { event: last.event_id.clone(), what, by, since }))
}

/// The event that says so. Its identity comes from message, person and action, so that an answer that is repeated counts once.
fn event(message: &Message, by: UserId, action: Action, now: Timestamp) -> Event {
    let delivery = &message.delivery;
    let answer = Answer { action, delivery: delivery.id.clone(), user: by, channel: delivery.channel, round: message.round };
    let data = UpdateData {
        alert_id: message.alert.clone(),
        status: action.status(),
        actor: Some(by.to_string()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: Some(answer),
        follow_up: None,
    };
    let payload = serde_json::to_vec(&data).unwrap_or_default();
    Event {
        identity: format!("watchbell:{action}:{by}:{}", delivery.id),
        occurrence: Occurrence { source: "watchbell/answers".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(data),
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original { subject: "watchbell.events.update".to_owned(), headers: Vec::new(), payload, received_at: now },
    }
}
