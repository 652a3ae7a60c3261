//! Keys pressed during a call. 1 accepts the alert on behalf of whom the call was for; after another key, or none, the call asks
//! again, a few times.
//!
//! An answer counts in the round of the alert in which the call was made: whoever presses 1 in a call of a round that is over is
//! told so. What is said is a phrase in the language of whom the call was for.

use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use watchbell_channels::render::Reader;
use watchbell_channels::render::phrase::{Phrase, Said, Since};
use watchbell_core::delivery::{Purpose, State as DeliveryState};
use watchbell_core::event::{Answer, Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::ids::UserRef;
use watchbell_core::{Channel, DeliveryId, Timestamp};
use watchbell_providers::http::callback;
use watchbell_providers::kinds::twilio::twiml;
use watchbell_store::facts::AlertState;
use watchbell_store::facts::history::What;
use watchbell_store::history::Delivery;
use watchbell_store::queue::Attempt;
use watchbell_store::{Scope, StoreError};

use super::{Form, delivery_id, value, verified};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;

/// How often a call asks for a key.
const MOST_ASKED: u8 = 3;

/// Which time it is that a key was asked for, in the URL that is told of it; the first has none.
const ASKED: &str = "asked";

/// `POST /callbacks/{provider}/gather?delivery=…`
pub(in super::super) async fn gather(api: &Api, uri: &Uri, params: &Params, payload: &Payload) -> Result<Response, Problem> {
    let form = verified(api, uri, params, payload)?;
    let id = delivery_id(params)?;
    let asked = params.query(ASKED)?.and_then(|text| text.parse::<u8>().ok()).unwrap_or(1);
    let call = call(api, &id, params.path("provider"), &form).await?;
    let reader = Reader { locale: call.as_ref().map(|call| call.locale.clone()).unwrap_or_default(), ..Reader::default() };
    let now = api.clock.now();
    let say = |phrase, since| api.settings.renderer.phrase(phrase, &reader, now, since);
    let end = |Said { text, language }: Said| twiml::say(&text, &language, 1);
    let verb = match (call, value(&form, "Digits")) {
        (None, _) => end(say(Phrase::CallUnknown, None)),
        (Some(call), "1") => match accept(api, &call, now).await? {
            None => end(say(Phrase::CallAccepted, None)),
            Some(since) => end(say(Phrase::CallOver, since)),
        },
        (Some(_), _) if asked >= MOST_ASKED => end(say(Phrase::CallEnded, None)),
        (Some(_), key) => {
            let Said { text, language } = say(if key.is_empty() { Phrase::CallNoKey } else { Phrase::CallWrongKey }, None);
            let text = format!("{text} {}", say(Phrase::CallMenu, None).text);
            let base = api.settings.public_url.as_deref().unwrap_or_default();
            let again = callback(base, &[params.path("provider"), "gather"], id.as_str());
            twiml::ask(&text, &language, 1, &format!("{again}&{ASKED}={}", asked + 1))
        }
    };
    let twiml = format!(r#"<?xml version="1.0" encoding="UTF-8"?>{}"#, twiml::response(&verb));
    Ok(([(CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response())
}

/// A call in which an alert can be accepted.
struct Call {
    delivery: DeliveryId,
    user: watchbell_core::UserId,
    alert: String,
    round: i64,
    locale: String,
}

/// The call that a form is about, if this provider made it, last, for an alert by itself.
async fn call(api: &Api, id: &DeliveryId, provider: &str, form: &Form) -> Result<Option<Call>, StoreError> {
    let Some((delivery, attempts)) = api.store.delivery(id).await? else { return Ok(None) };
    if !is_call(&delivery, &attempts, provider, value(form, "CallSid")) {
        return Ok(None);
    }
    let Scope::Alert { id: alert, round } = delivery.scope else { return Ok(None) };
    let user = api.store.user(&UserRef::Id(delivery.user_id)).await?;
    let locale = user.map(|user| user.locale).unwrap_or_default();
    Ok(Some(Call { delivery: delivery.id, user: delivery.user_id, alert, round, locale }))
}

fn is_call(delivery: &Delivery, attempts: &[Attempt], provider: &str, sid: &str) -> bool {
    let is_known_as = |attempt: &Attempt| attempt.message_id.as_deref() == Some(sid);
    // The answer to the call itself may be on its way yet; then its id is none that an earlier one had.
    let is_this = match attempts.last() {
        Some(last) if delivery.state != DeliveryState::Sending && last.message_id.is_some() => sid.is_empty() || is_known_as(last),
        _ => !attempts.iter().any(is_known_as),
    };
    let is_alert = matches!(delivery.purpose, Purpose::Rule | Purpose::Fallback);
    delivery.channel == Channel::Voice && delivery.provider.as_deref() == Some(provider) && is_alert && is_this
}

/// Accepts the alert, in the same way however often it is asked for. Some if the round is over: with the alert's state, and since
/// when, unless it has been opened again.
async fn accept(api: &Api, call: &Call, now: Timestamp) -> Result<Option<Option<Since>>, StoreError> {
    let event = event(call, now);
    api.intake.accept(std::slice::from_ref(&event), None).await?;
    // The one that counts may have come before this one.
    let id = api.store.event_by_identity(&event.identity).await?.map(|(id, _)| id);
    let Some(alert) = api.store.alert(&call.alert).await? else { return Ok(Some(None)) };
    let closed = alert.history.iter().rfind(|happened| matches!(happened.what, What::Accepted | What::Resolved));
    Ok(match (alert.state, closed) {
        (AlertState::Accepted, Some(closed)) if Some(&closed.event_id) == id.as_ref() => None,
        (AlertState::Open, _) | (_, None) => Some(None),
        (state, Some(closed)) => Some(Some((state.as_str(), closed.base_at))),
    })
}

/// The event that says so. Its identity comes from the delivery, so that a repeated callback accepts once.
fn event(call: &Call, now: Timestamp) -> Event {
    let data = UpdateData {
        alert_id: call.alert.clone(),
        status: UpdateStatus::Accepted,
        actor: Some(call.user.to_string()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: Some(Answer { delivery: call.delivery.clone(), user: call.user, channel: Channel::Voice, round: call.round }),
    };
    let payload = serde_json::to_vec(&data).unwrap_or_default();
    Event {
        identity: format!("watchbell:accepted-by-call:{}", call.delivery),
        occurrence: Occurrence { source: "watchbell/callbacks".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(data),
        problems: Vec::new(),
        replay_of: None,
        original: Original { subject: "watchbell.events.update".to_owned(), headers: Vec::new(), payload, received_at: now },
    }
}
