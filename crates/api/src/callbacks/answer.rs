//! What a person did with a message: an answer is an update of the alert, with that person as the actor.
//!
//! An answer counts in the round of the alert in which the message was sent: whoever answers in a round that is over is told so.

use watchbell_core::delivery::{Purpose, State as DeliveryState};
use watchbell_core::event::{Answer as AnswerData, Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::ids::UserRef;
use watchbell_core::{Channel, DeliveryId, Timestamp, UserId};
use watchbell_providers::inbound::{Action, Answer, Change, Effect, Subject};
use watchbell_store::facts::AlertState;
use watchbell_store::facts::history::What;
use watchbell_store::history::Delivery;
use watchbell_store::queue::Attempt;
use watchbell_store::{Scope, StoreError};

use crate::state::Api;

/// What an answer comes to, in the language of whom the message was for.
pub(super) async fn apply(api: &Api, provider: &str, answer: &Answer) -> Result<Effect, StoreError> {
    let Some(message) = message(api, provider, &answer.of).await? else {
        return Ok(Effect { change: Change::Unknown, locale: String::new() });
    };
    let change = match answer.action {
        Some(Action::Accept) => accept(api, &message, api.clock.now()).await?,
        None => Change::Nothing,
    };
    Ok(Effect { change, locale: message.locale })
}

/// A message that told of an alert, which can be answered.
struct Message {
    delivery: DeliveryId,
    channel: Channel,
    user: UserId,
    alert: String,
    round: i64,
    locale: String,
}

/// The message that an answer is about, if this provider sent it, last, for an alert by itself.
async fn message(api: &Api, provider: &str, of: &Subject) -> Result<Option<Message>, StoreError> {
    let Some((delivery, attempts)) = api.store.delivery(&of.delivery).await? else { return Ok(None) };
    if !is_about(of, provider, &delivery, &attempts) {
        return Ok(None);
    }
    let Scope::Alert { id: alert, round } = delivery.scope else { return Ok(None) };
    let user = api.store.user(&UserRef::Id(delivery.user_id)).await?;
    let locale = user.map(|user| user.locale).unwrap_or_default();
    Ok(Some(Message { delivery: delivery.id, channel: delivery.channel, user: delivery.user_id, alert, round, locale }))
}

fn is_about(of: &Subject, provider: &str, delivery: &Delivery, attempts: &[Attempt]) -> bool {
    let is_known_as = |attempt: &Attempt| of.message_id.is_some() && attempt.message_id == of.message_id;
    // The provider's answer to the call that sent it may be on its way yet; then its id is none that an earlier one had.
    let is_this = match attempts.last() {
        Some(last) if delivery.state != DeliveryState::Sending && last.message_id.is_some() => of.message_id.is_none() || is_known_as(last),
        _ => !attempts.iter().any(is_known_as),
    };
    let is_alert = matches!(delivery.purpose, Purpose::Rule | Purpose::Fallback);
    of.channels.contains(&delivery.channel) && delivery.provider.as_deref() == Some(provider) && is_alert && is_this
}

/// Accepts the alert, in the same way however often it is asked for.
async fn accept(api: &Api, message: &Message, now: Timestamp) -> Result<Change, StoreError> {
    let event = event(message, now);
    api.intake.accept(std::slice::from_ref(&event), None).await?;
    // The one that counts may have come before this one.
    let id = api.store.event_by_identity(&event.identity).await?.map(|(id, _)| id);
    let Some(alert) = api.store.alert(&message.alert).await? else { return Ok(Change::Over(None)) };
    let closed = alert.history.iter().rfind(|happened| matches!(happened.what, What::Accepted | What::Resolved));
    Ok(match (alert.state, closed) {
        (AlertState::Accepted, Some(closed)) if Some(&closed.event_id) == id.as_ref() => Change::Done,
        (AlertState::Open, _) | (_, None) => Change::Over(None),
        (state, Some(closed)) => Change::Over(Some((state.as_str(), closed.base_at))),
    })
}

/// The event that says so. Its identity comes from the delivery, so that an answer that is repeated accepts once.
fn event(message: &Message, now: Timestamp) -> Event {
    let answer = AnswerData { delivery: message.delivery.clone(), user: message.user, channel: message.channel, round: message.round };
    let data = UpdateData {
        alert_id: message.alert.clone(),
        status: UpdateStatus::Accepted,
        actor: Some(message.user.to_string()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: Some(answer),
    };
    let payload = serde_json::to_vec(&data).unwrap_or_default();
    Event {
        identity: format!("watchbell:accepted:{}", message.delivery),
        occurrence: Occurrence { source: "watchbell/callbacks".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(data),
        problems: Vec::new(),
        replay_of: None,
        original: Original { subject: "watchbell.events.update".to_owned(), headers: Vec::new(), payload, received_at: now },
    }
}
