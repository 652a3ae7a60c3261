//! `/users/{user}/contacts`: where a user can be reached, of every kind; and making a contact usable, or not.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rand::RngExt;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::{Channel, ContactId, Secret, UserId, mask};
use watchbell_wire::Items;
use watchbell_wire::contacts::{self as wire, SigningSecret, StartedVerification};
use watchbell_wire::providers::StartedTest;

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::problem::{Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::contact;

/// All of a user's contacts, or those of one kind.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let contacts = api.store.contacts(user.id, params.choice("kind")?).await?;
    let items = contacts.iter().map(|contact| write_for(&caller, contact)).collect();
    Ok(surface::json(StatusCode::OK, &Items { items }))
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let mut fields = payload.object()?;
    let kinds: Vec<(&str, ContactKind)> = ContactKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let kind = fields.required_choice("kind", &kinds)?;
    let wanted = contact::read(&mut fields, kind, &caller, &api)?;
    fields.finish()?;
    let contact = api.store.create_contact(caller.actor(), user.id, wanted).await?;
    Ok(surface::json(StatusCode::CREATED, &write(&contact)))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let contact = found(&api, user.id, &params).await?;
    Ok(surface::json(StatusCode::OK, &write_for(&caller, &contact)))
}

/// Gives a contact another target. Its kind stays; a new target of a user's own making is locked until it is verified.
pub(super) async fn replace(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let before = found(&api, user.id, &params).await?;
    let mut fields = payload.object()?;
    let kinds = [(before.kind.as_str(), before.kind)];
    fields.choice("kind", &kinds)?;
    let wanted = contact::read(&mut fields, before.kind, &caller, &api)?;
    fields.finish()?;
    let contact = api.store.replace_contact(caller.actor(), user.id, before.id, wanted).await?;
    Ok(surface::json(StatusCode::OK, &write(&contact)))
}

/// With `?force=true` the rules that use it go too.
pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let force = params.boolean("force")?.unwrap_or(false);
    api.store.delete_contact(caller.actor(), user.id, None, ContactId(params.id("id")?), force).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The secret that a webhook's messages are signed with, for nobody but its receiver. Anybody may claim a URL, so with a user key
/// it has to be verified first.
pub(super) async fn signing_secret(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let contact = found(&api, user.id, &params).await?;
    let key = api.settings.contact_keys.get(&contact.kind);
    let key = key.ok_or_else(|| {
        let message = "this contact has no signing secret of its own: it is no webhook, or the provider has no contact_key";
        Problem::new(Kind::NotFound, message)
    })?;
    if contact.status != ContactStatus::Ok && !caller.is_admin() {
        return Err(Problem::conflict("the contact is not verified yet"));
    }
    let object = format!("users/{}/contacts/{}", user.id, contact.id);
    api.store.note(caller.actor(), "signing_secret.read", &object, None).await?;
    let secret = key.secret_of(&contact.target).expose().to_owned();
    Ok(surface::json(StatusCode::OK, &SigningSecret { secret }))
}

async fn found(api: &Api, user: UserId, params: &Params) -> Result<Contact, Problem> {
    let id = ContactId(params.id("id")?);
    api.store.contact(user, None, id).await?.ok_or_else(|| Problem::not_found("contact"))
}

/// Sends a code to the contact.
pub(super) async fn start_verification(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let contact = ContactId(params.id("id")?);
    // Six of them and five tries are one guess in 200,000; all eight where more wrong ones were tried.
    let code = Secret::new(format!("{:08}", rand::rng().random_range(0..100_000_000)));
    let expires_at = api.store.start_verification(caller.actor(), user.id, contact, code).await?;
    Ok(surface::json(StatusCode::ACCEPTED, &StartedVerification { expires_at: expires_at.into() }))
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

/// Sends a test message to a contact, on the way of every message, so that its delivery shows what becomes of it.
pub(super) async fn test(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let contact = found(&api, user.id, &params).await?;
    let mut fields = payload.object_or_nothing()?;
    let able = Channel::ALL.iter().filter(|channel| ContactKind::for_channel(**channel) == Some(contact.kind));
    let choices: Vec<(&str, Channel)> = able.map(|channel| (channel.as_str(), *channel)).collect();
    let channel = fields.choice("channel", &choices)?.or(choices.first().map(|(_, channel)| *channel));
    fields.finish()?;
    let channel = channel.ok_or_else(|| Problem::conflict("no channel sends to this kind of contact"))?;
    match contact.status {
        ContactStatus::Ok => {}
        ContactStatus::Locked => return Err(Problem::conflict("the contact is LOCKED; verify it first")),
        ContactStatus::Blacklisted => return Err(Problem::conflict("the contact is BLACKLISTED: nothing is sent to it")),
    }
    let delivery = api.store.send_test(caller.actor(), user.id, contact.id, channel).await?;
    Ok(surface::json(StatusCode::ACCEPTED, &StartedTest { delivery_id: delivery.to_string(), channel: channel.into() }))
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

/// As the caller may see it: whoever knows a webhook's URL can write to it, so a key that only reads sees its end.
fn write_for(caller: &Authenticated, contact: &Contact) -> wire::Contact {
    let mut body = write(contact);
    if contact.kind.is_bearer() && caller.check_user(contact.user_id, Intent::Change).is_err() {
        body.target = mask::address(contact.kind, &contact.target);
    }
    body
}

fn write(contact: &Contact) -> wire::Contact {
    wire::Contact {
        id: contact.id.0,
        kind: contact.kind.into(),
        target: contact.target.clone(),
        primary: contact.primary,
        status: contact.status.into(),
        region_code: contact.region.clone(),
    }
}
