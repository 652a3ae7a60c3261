//! `/api/users/{user}/contacts/emails` and `…/phone-numbers`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use watchbell_core::ContactId;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus, parse_email, parse_phone};
use watchbell_store::directory::NewContact;

use super::{refused, subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;
use crate::validate::{Fields, address};

pub(super) fn routes() -> Router<Api> {
    of_kind("emails", ContactKind::Email).merge(of_kind("phone-numbers", ContactKind::Phone))
}

fn of_kind(name: &str, kind: ContactKind) -> Router<Api> {
    let all = format!("/users/{{user}}/contacts/{name}");
    Router::new()
        .route(
            &all,
            get(move |api, caller, params| list(kind, api, caller, params))
                .post(move |api, caller, params, payload| create(kind, api, caller, params, payload)),
        )
        .route(
            &format!("{all}/{{id}}"),
            get(move |api, caller, params| show(kind, api, caller, params))
                .put(move |api, caller, params, payload| replace(kind, api, caller, params, payload))
                .delete(move |api, caller, params| delete(kind, api, caller, params)),
        )
        .route(&format!("{all}/search-target"), post(move |api, caller, params, payload| search(kind, api, caller, params, payload)))
}

async fn list(kind: ContactKind, State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Read)?;
    let contacts = api.store.contacts(user, Some(kind)).await?;
    Ok(json(StatusCode::OK, &contacts.iter().map(wire::contact).collect::<Vec<_>>()))
}

async fn create(
    kind: ContactKind,
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Change)?;
    let contact = read(kind, &caller, &mut payload.object()?)?;
    let contact = api.store.create_contact(caller.actor(), user, contact).await.map_err(refused)?;
    Ok(json(StatusCode::CREATED, &wire::contact(&contact)))
}

async fn show(kind: ContactKind, State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Read)?;
    let contact = found(&api, kind, user, &params).await?;
    Ok(json(StatusCode::OK, &wire::contact(&contact)))
}

async fn replace(
    kind: ContactKind,
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Change)?;
    let id = ContactId(params.id("id")?);
    let contact = read(kind, &caller, &mut payload.object()?)?;
    // An id of the other kind is no contact of this one; a contact never changes its kind, so this cannot be overtaken.
    found(&api, kind, user, &params).await?;
    let contact = api.store.replace_contact(caller.actor(), user, id, contact).await.map_err(refused)?;
    Ok(json(StatusCode::OK, &wire::contact(&contact)))
}

async fn delete(kind: ContactKind, State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Change)?;
    let force = params.boolean("force")?.unwrap_or(false);
    api.store.delete_contact(caller.actor(), user, Some(kind), ContactId(params.id("id")?), force).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn search(
    kind: ContactKind,
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Read)?;
    let target = address::written(&mut payload.object()?, "target")?;
    let contacts = api.store.contacts(user, Some(kind)).await?;
    let contact = matching(&contacts, &target).ok_or_else(|| Problem::not_found("contact with this target"))?;
    Ok(json(StatusCode::OK, &wire::contact(contact)))
}

async fn found(api: &Api, kind: ContactKind, user: watchbell_core::UserId, params: &Params) -> Result<Contact, Problem> {
    let id = ContactId(params.id("id")?);
    api.store.contact(user, Some(kind), id).await?.ok_or_else(|| Problem::not_found("contact"))
}

/// The contact that a text means, however it is written: a phone number also as its own region's people write it.
pub(super) fn matching<'c>(contacts: &'c [Contact], written: &str) -> Option<&'c Contact> {
    contacts.iter().find(|contact| match contact.kind {
        ContactKind::Phone => {
            let region = contact.region.as_deref().unwrap_or_default();
            contact.target == written || parse_phone(written, region).is_ok_and(|(number, _)| number == contact.target)
        }
        _ => parse_email(written).is_ok_and(|email| email.eq_ignore_ascii_case(&contact.target)),
    })
}

/// What a user claims to be theirs is used once a code has been there and back.
pub(super) fn status_of_new(caller: &Authenticated) -> ContactStatus {
    if caller.is_admin() { ContactStatus::Ok } else { ContactStatus::Locked }
}

fn read(kind: ContactKind, caller: &Authenticated, fields: &mut Fields) -> Result<NewContact, Problem> {
    let status = status_of_new(caller);
    fields.refuse_null(&["target", "regionCode", "primary"])?;
    if kind == ContactKind::Phone {
        let (target, region) = address::phone(fields, "target", "regionCode")?;
        let primary = Some(fields.boolean("primary")?.unwrap_or(false));
        return Ok(NewContact { kind, target, region: Some(region), primary, status });
    }
    let target = address::email(fields, "target")?;
    let target = fields.required("target", target, "it must be an email address")?;
    Ok(NewContact { kind, target, region: None, primary: None, status })
}
