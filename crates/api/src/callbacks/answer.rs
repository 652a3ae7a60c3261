//! What a person did with a message: an answer is an update of the alert, with that person as the actor.
//!
//! An answer counts in the round of the alert in which the message was sent: whoever answers in a round that is over is told so,
//! and by whom it was ended.

use watchbell_core::answer_key::Purpose as TokenPurpose;
use watchbell_core::delivery::{Purpose, State as DeliveryState};
use watchbell_core::event::{Action, Answer as AnswerData, Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;
use watchbell_core::{Channel, DeliveryId, Timestamp, UserId};
use watchbell_providers::inbound::{Answer, AnswerTo, Change, Effect, Subject, Words as _};
use watchbell_providers::phrase::{Phrase, Since};
use watchbell_store::facts::AlertState;
use watchbell_store::facts::history::What;
use watchbell_store::history::Delivery;
use watchbell_store::queue::Attempt;
use watchbell_store::{Scope, StoreError};

use super::phrases;
use crate::state::Api;

/// How long a message can be answered after it was sent, in seconds: two days, and no longer than its round is open.
const ANSWERABLE_S: i64 = 2 * 86_400;

/// What an answer comes to, in the language of whom the message was for.
pub(super) async fn apply(api: &Api, provider: &str, answer: &Answer) -> Result<Effect, StoreError> {
    let message = match &answer.of {
        AnswerTo::Delivery(subject) => message_of(api, provider, subject).await?,
        AnswerTo::Token(token) => by_token(api, token.expose()).await?,
    };
    let Some(message) = message else { return Ok(effect(api, answer.action, Change::Unknown, String::new())) };
    let locale = message.user.locale.clone();
    if answer.by.is_some() {
        return Ok(effect(api, answer.action, Change::Stranger, locale));
    }
    let change = match answer.action {
        Some(action) => self::answer(api, &message, action).await?,
        None => Change::Nothing,
    };
    Ok(effect(api, answer.action, change, locale))
}

fn effect(api: &Api, action: Option<Action>, change: Change, locale: String) -> Effect {
    let (phrase, since) = match (&change, action) {
        (Change::Done, Some(Action::Accept)) => (Phrase::AnswerAccepted, None),
        (Change::Done, Some(Action::Resolve)) => (Phrase::AnswerResolved, None),
        (Change::Done, Some(Action::Decline)) => (Phrase::AnswerDeclined, None),
        (Change::Over(since), _) => (Phrase::AnswerOver, since.as_ref()),
        (Change::Stranger, _) => (Phrase::AnswerStranger, None),
        (Change::Expired, _) => (Phrase::AnswerExpired, None),
        (Change::Unknown, _) => (Phrase::AnswerUnknown, None),
        (Change::Nothing | Change::Done, _) => return Effect { change, locale, said: String::new() },
    };
    let said = phrases(api).say(phrase, &locale, since).text;
    Effect { change, locale, said }
}

/// A message that told of an alert, which can be answered.
pub(crate) struct Message {
    pub delivery: Delivery,
    pub user: User,
    pub alert: String,
    pub round: i64,
}

/// The message that an answer is about, if this provider sent it, last, for an alert by itself.
async fn message_of(api: &Api, provider: &str, of: &Subject) -> Result<Option<Message>, StoreError> {
    let Some((delivery, attempts)) = api.store.delivery(&of.delivery).await? else { return Ok(None) };
    if !is_about(of, provider, &delivery, &attempts) {
        return Ok(None);
    }
    message(api, delivery).await
}

/// The message whose token that is.
pub(crate) async fn by_token(api: &Api, token: &str) -> Result<Option<Message>, StoreError> {
    let Some(id) = api.settings.answer_key.read(TokenPurpose::Answer, token) else { return Ok(None) };
    match api.store.delivery(&id).await? {
        Some((delivery, _)) => message(api, delivery).await,
        None => Ok(None),
    }
}

/// What can be answered by itself: it told one alert, in one round, to somebody who is still a user.
async fn message(api: &Api, delivery: Delivery) -> Result<Option<Message>, StoreError> {
    let Scope::Alert { id: alert, round } = delivery.scope.clone() else { return Ok(None) };
    if !matches!(delivery.purpose, Purpose::Rule | Purpose::Fallback) {
        return Ok(None);
    }
    let user = api.store.user(&UserRef::Id(delivery.user_id)).await?;
    Ok(user.map(|user| Message { delivery, user, alert, round }))
}

fn is_about(of: &Subject, provider: &str, delivery: &Delivery, attempts: &[Attempt]) -> bool {
    let is_known_as = |attempt: &Attempt| of.message_id.is_some() && attempt.message_id == of.message_id;
    // The provider's answer to the call that sent it may be on its way yet; then its id is none that an earlier one had.
    let is_this = match attempts.last() {
        Some(last) if delivery.state != DeliveryState::Sending && last.message_id.is_some() => of.message_id.is_none() || is_known_as(last),
        _ => !attempts.iter().any(is_known_as),
    };
    of.channels.contains(&delivery.channel) && delivery.provider.as_deref() == Some(provider) && is_this
}

/// Does what the message's reader says, in the same way however often it is said.
pub(crate) async fn answer(api: &Api, message: &Message, action: Action) -> Result<Change, StoreError> {
    let now = api.clock.now();
    if message.delivery.sent_at.is_some_and(|sent| now > sent.plus_s(ANSWERABLE_S)) {
        return Ok(Change::Expired);
    }
    let status = match action {
        Action::Accept => UpdateStatus::Accepted,
        Action::Resolve => UpdateStatus::Resolved,
        Action::Decline => return Ok(Change::Nothing),
    };
    let event = event(message, action, status, now);
    api.intake.accept(std::slice::from_ref(&event), None).await?;
    // The one that counts may have come before this one.
    let id = api.store.event_by_identity(&event.identity).await?.map(|(id, _)| id);
    let Some(alert) = api.store.alert(&message.alert).await? else { return Ok(Change::Over(None)) };
    let closed = alert.history.iter().rfind(|happened| matches!(happened.what, What::Accepted | What::Resolved));
    Ok(match (alert.state, closed) {
        (AlertState::Accepted | AlertState::Resolved, Some(closed)) if Some(&closed.event_id) == id.as_ref() => Change::Done,
        (AlertState::Open, _) | (_, None) => Change::Over(None),
        (state, Some(closed)) => Change::Over(Some(Since { state: state.as_str(), at: closed.base_at, by: String::new() })),
    })
}

/// The event that says so. Its identity comes from the delivery, so that an answer that is repeated counts once.
fn event(message: &Message, action: Action, status: UpdateStatus, now: Timestamp) -> Event {
    let (user, delivery): (UserId, &DeliveryId) = (message.user.id, &message.delivery.id);
    let channel: Channel = message.delivery.channel;
    let data = UpdateData {
        alert_id: message.alert.clone(),
        status,
        actor: Some(user.to_string()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: Some(AnswerData { delivery: delivery.clone(), user, channel, round: message.round }),
    };
    let payload = serde_json::to_vec(&data).unwrap_or_default();
    Event {
        identity: format!("watchbell:{action}:{user}:{delivery}"),
        occurrence: Occurrence { source: "watchbell/callbacks".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(data),
        problems: Vec::new(),
        replay_of: None,
        original: Original { subject: "watchbell.events.update".to_owned(), headers: Vec::new(), payload, received_at: now },
    }
}
