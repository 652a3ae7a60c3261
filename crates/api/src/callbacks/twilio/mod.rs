//! Twilio: what became of a message or a call, and keys pressed during a call.

mod meaning;
mod signature;

use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use watchbell_core::event::{Event, EventData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::{DeliveryId, Secret, Timestamp};
use watchbell_store::history::Delivery;
use watchbell_store::queue::Receipt;

use crate::problem::{Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;

/// A form that Twilio posted, in order.
type Form = Vec<(String, String)>;

fn value<'f>(form: &'f Form, name: &str) -> &'f str {
    form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// `POST /callbacks/{provider}?delivery=…`: a status. One that means nothing yet (queued, ringing, sent) is taken and left.
pub(super) async fn status(api: &Api, uri: &Uri, params: &Params, payload: &Payload) -> Result<Response, Problem> {
    let form = verified(api, uri, params, payload)?;
    let delivery = delivery_id(params)?;
    if let Some((outcome, code)) = meaning::of(&form) {
        let receipt = Receipt { delivery: delivery.clone(), outcome, code };
        let known = api.store.receipts(vec![receipt]).await?;
        if known != [true] {
            tracing::debug!(delivery = delivery.as_str(), "a receipt for a delivery that is not known");
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /callbacks/{provider}/gather?delivery=…`: a key was pressed. 1 accepts the alert on behalf of whom the call was for.
pub(super) async fn gather(api: &Api, uri: &Uri, params: &Params, payload: &Payload) -> Result<Response, Problem> {
    let form = verified(api, uri, params, payload)?;
    let id = delivery_id(params)?;
    let delivery = api.store.delivery(&id).await?.map(|(delivery, _)| delivery);
    let say = match delivery {
        None => "This alert is not known any more.",
        Some(_) if value(&form, "Digits") != "1" => "Nothing was changed. Goodbye.",
        Some(delivery) => match acceptance(&delivery, api.clock.now()) {
            None => "There is nothing to accept. Goodbye.",
            Some(event) => {
                api.store.accept(&[event]).await?;
                "You have accepted the alert. Goodbye."
            }
        },
    };
    let twiml = format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response><Say>{say}</Say></Response>"#);
    Ok(([(CONTENT_TYPE, "text/xml; charset=utf-8")], twiml).into_response())
}

/// The event that says so. Its identity comes from the delivery, so that a repeated callback accepts once.
fn acceptance(delivery: &Delivery, now: Timestamp) -> Option<Event> {
    let data = UpdateData {
        alert_id: delivery.alert_id.clone()?,
        status: UpdateStatus::Accepted,
        actor: Some(delivery.user_id.to_string()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
    };
    let payload = serde_json::to_vec(&data).unwrap_or_default();
    Some(Event {
        identity: format!("watchbell:accepted-by-call:{}", delivery.id),
        occurrence: Occurrence { source: "watchbell/callbacks".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(data),
        problems: Vec::new(),
        replay_of: None,
        original: Original { subject: "watchbell.events.update".to_owned(), headers: Vec::new(), payload, received_at: now },
    })
}

/// What Twilio signs every callback with.
pub(super) const SIGNATURE_HEADER: &str = "x-twilio-signature";

/// How the world reaches this server, and the tokens of the account that a provider's table names.
///
/// # Errors
/// `NotFound` where no callbacks of that name are taken.
pub(super) fn tokens<'a>(api: &'a Api, provider: &str) -> Result<(&'a str, &'a [Secret]), Problem> {
    let tokens = api.settings.twilio_tokens.get(provider);
    let open = api.settings.public_url.as_deref().zip(tokens.map(Vec::as_slice));
    open.ok_or_else(|| Problem::new(Kind::NotFound, "no callbacks are taken here: no such provider has any, or http.public_url is not set"))
}

/// The form, once its signature was found right: by the account's token that the path names.
fn verified(api: &Api, uri: &Uri, params: &Params, payload: &Payload) -> Result<Form, Problem> {
    let (base, tokens) = tokens(api, params.path("provider"))?;
    let path = uri.path_and_query().map_or("", axum::http::uri::PathAndQuery::as_str);
    let form: Form = url::form_urlencoded::parse(&payload.bytes).into_owned().collect();
    let given = payload.headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if signature::is_right(tokens, &format!("{base}{path}"), &form, given) {
        Ok(form)
    } else {
        Err(Problem::forbidden("X-Twilio-Signature does not fit this request"))
    }
}

fn delivery_id(params: &Params) -> Result<DeliveryId, Problem> {
    let id = params.query("delivery")?.filter(|id| id.len() <= 64);
    id.map(|id| DeliveryId(id.to_owned())).ok_or_else(|| Problem::invalid("delivery", "is missing", "it must be a delivery's id"))
}
