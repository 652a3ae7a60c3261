//! `/users/{user}/contacts/{id}/…`: making a contact usable, or not.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rand::RngExt;
use serde_json::{Value, json};
use watchbell_core::contact::{Contact, ContactStatus};
use watchbell_core::{ContactId, Secret};

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::problem::{Problem, rfc3339};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

/// Sends a code to the contact.
pub(super) async fn start_verification(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let contact = ContactId(params.id("id")?);
    // Six digits and five tries: one guess in 200,000.
    let code = Secret::new(format!("{:06}", rand::rng().random_range(0..1_000_000)));
    let expires_at = api.store.start_verification(caller.actor(), user.id, contact, code).await?;
    Ok(surface::json(StatusCode::ACCEPTED, &json!({ "expiresAt": rfc3339(expires_at) })))
}

/// Takes the code that arrived.
pub(super) async fn confirm_verification(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let contact = ContactId(params.id("id")?);
    let mut fields = payload.object()?;
    let code = fields.required_text("code", &(1..=32))?;
    fields.finish()?;
    let contact = api.store.confirm_verification(caller.actor(), user.id, contact, code.trim()).await?;
    Ok(surface::json(StatusCode::OK, &write(&contact)))
}

/// An admin's word on a contact: blacklisted is for good until cleared here.
pub(super) async fn set_status(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let contact = ContactId(params.id("id")?);
    let mut fields = payload.object()?;
    let choices: Vec<(&str, ContactStatus)> = ContactStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect();
    let status = fields.required_choice("status", &choices)?;
    fields.finish()?;
    let contact = api.store.set_contact_status(caller.actor(), user.id, contact, status).await?;
    Ok(surface::json(StatusCode::OK, &write(&contact)))
}

fn write(contact: &Contact) -> Value {
    let mut body = json!({
        "id": contact.id.0,
        "kind": contact.kind.as_str(),
        "target": contact.target,
        "primary": contact.primary,
        "status": contact.status.as_str(),
    });
    if let Some(region) = &contact.region {
        body["regionCode"] = region.as_str().into();
    }
    body
}
