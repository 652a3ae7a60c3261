//! Twilio: what became of a message or a call, and keys pressed during a call.

mod gather;
mod meaning;
mod signature;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use watchbell_core::{DeliveryId, Secret};
use watchbell_store::queue::Receipt;

use crate::problem::{Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;

pub(super) use gather::gather;

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
        let (channels, message_id) = meaning::about(&form);
        let provider = params.path("provider").to_owned();
        let receipt = Receipt { delivery: delivery.clone(), provider, channels, message_id, outcome, code };
        let known = api.store.receipts(vec![receipt]).await?;
        if known != [true] {
            tracing::debug!(delivery = delivery.as_str(), "a receipt for no message that this provider has sent last");
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
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
