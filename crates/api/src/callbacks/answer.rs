//! Keys, buttons and links: an answer that says itself which message it is about.

use std::sync::Arc;

use watchbell_channels::render::{MessageKind, Reader, RenderContext};
use watchbell_core::Channel;
use watchbell_core::delivery::State as DeliveryState;
use watchbell_core::event::{Action, EventData};
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;
use watchbell_providers::inbound::{Answer, AnswerTo, Change, Effect, Presser, Subject};
use watchbell_providers::phrase::Phrase;
use watchbell_store::StoreError;
use watchbell_store::history::Delivery;
use watchbell_store::queue::Attempt;

use super::said::say;
use crate::answers::{self, Message};
use crate::state::Api;

/// What an answer comes to, in the language of whoever gave it.
pub(super) async fn apply(api: &Api, provider: &str, answer: &Answer) -> Result<Effect, StoreError> {
    let message = match &answer.of {
        AnswerTo::Delivery(subject) => message_of(api, provider, subject).await?,
        AnswerTo::Token(token) => Message::by_token(api, token.expose()).await?,
    };
    let Some(message) = message else { return Ok(effect(api, answer.action, Change::Unknown, "", "")) };
    let by = match &answer.by {
        Some(presser) => pressed_by(api, presser).await?,
        None => Some(message.user.clone()),
    };
    let Some(by) = by else { return Ok(effect(api, answer.action, Change::Stranger, &message.user.locale, "")) };
    let Some(action) = answer.action else { return told_again(api, &message).await };
    let change = answers::answer(api, &message, by.id, action).await?;
    Ok(effect(api, Some(action), change, &by.locale, ""))
}

/// What a call said, for whoever wants to hear it again.
async fn told_again(api: &Api, message: &Message) -> Result<Effect, StoreError> {
    let Some(event) = api.store.event_data(&message.delivery.event_id).await? else {
        return Ok(Effect { locale: message.user.locale.clone(), ..Effect::quiet(Change::Nothing) });
    };
    let kind = if matches!(event, EventData::Alert(_)) { MessageKind::Alert } else { MessageKind::Update };
    let user = &message.user;
    let about = RenderContext {
        event: Some(Arc::new(event)),
        items: Vec::new(),
        reader: Arc::new(Reader { name: user.display_name(), locale: user.locale.clone(), timezone: user.timezone.clone() }),
        now: api.clock.now(),
        due_at: Some(message.delivery.due_at),
        is_fallback: false,
        named_as: None,
        answer: None,
        hears_replies: false,
    };
    let content = api.settings.renderer.render_for(Channel::Voice, kind, &about).content;
    Ok(Effect { change: Change::Nothing, locale: content.locale, said: content.speech.into_string() })
}

/// Who acts where several people can press: who has linked that account.
pub(super) async fn pressed_by(api: &Api, presser: &Presser) -> Result<Option<User>, StoreError> {
    match api.store.user_of_account(presser.service, presser.account.expose()).await? {
        Some(user) => api.store.user(&UserRef::Id(user)).await,
        None => Ok(None),
    }
}

/// What is said of it, of an alert that is named by `summary` if that is not empty.
pub(crate) fn effect(api: &Api, action: Option<Action>, change: Change, locale: &str, summary: &str) -> Effect {
    let phrase = match (&change, action) {
        (Change::Done, Some(Action::Accept)) => Phrase::AnswerAccepted,
        (Change::Done, Some(Action::Resolve)) => Phrase::AnswerResolved,
        (Change::Done, Some(Action::Decline)) => Phrase::AnswerDeclined,
        (Change::Over(_), _) => Phrase::AnswerOver,
        (Change::Stranger, _) => Phrase::AnswerStranger,
        (Change::Expired, _) => Phrase::AnswerExpired,
        (Change::Unknown, _) => Phrase::AnswerUnknown,
        (Change::Nothing | Change::Done, _) => return Effect { locale: locale.to_owned(), ..Effect::quiet(change) },
    };
    let since = if let Change::Over(since) = &change { since.as_ref() } else { None };
    let said = say(api, phrase, locale, since, &[("summary", summary)]);
    Effect { change, locale: locale.to_owned(), said }
}

/// The message that an answer is about, if this provider sent it for an alert by itself: last, or before another one took over.
async fn message_of(api: &Api, provider: &str, of: &Subject) -> Result<Option<Message>, StoreError> {
    let Some((delivery, attempts)) = api.store.delivery(&of.delivery).await? else { return Ok(None) };
    if !is_about(of, provider, &delivery, &attempts) {
        return Ok(None);
    }
    Message::of(api, delivery).await
}

fn is_about(of: &Subject, provider: &str, delivery: &Delivery, attempts: &[Attempt]) -> bool {
    let is_known_as = |attempt: &Attempt| of.message_id.is_some() && attempt.message_id == of.message_id;
    // Nothing was heard of it for a while, or that it did not arrive; and now its reader answers it.
    let was_passed_on = |attempt: &Attempt| {
        attempt.provider == provider && attempt.took_and_was_passed_on() && (of.message_id.is_none() || is_known_as(attempt))
    };
    // The provider's answer to the call that sent it may be on its way yet; then its id is none that an earlier one had.
    let is_this = match attempts.last() {
        Some(last) if delivery.state != DeliveryState::Sending && last.message_id.is_some() => of.message_id.is_none() || is_known_as(last),
        _ => !attempts.iter().any(is_known_as),
    };
    let is_last = delivery.provider.as_deref() == Some(provider) && is_this;
    of.channels.contains(&delivery.channel) && (is_last || attempts.iter().any(was_passed_on))
}
