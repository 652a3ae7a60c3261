//! `/users/{user}/accounts`: who is who in chats that several people see. Whoever presses a button there acts as the user whose
//! account it is, so only an admin says whose.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::contact::ContactKind;
use watchbell_store::directory::LinkedAccount;
use watchbell_wire::Items;
use watchbell_wire::accounts as wire;

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload, parameter};
use crate::state::Api;
use crate::surface;
use crate::validate::person;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let items = api.store.accounts(user.id).await?.iter().map(write).collect();
    Ok(surface::json(StatusCode::OK, &Items { items }))
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let service = service(&params)?;
    let account = api.store.accounts(user.id).await?.into_iter().find(|account| account.service == service);
    let account = account.ok_or_else(|| Problem::not_found("account"))?;
    Ok(surface::json(StatusCode::OK, &write(&account)))
}

pub(super) async fn put(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let service = service(&params)?;
    let mut fields = payload.object()?;
    let account =
        fields.text("account", &person::NAME)?.ok_or_else(|| Problem::invalid("account", "is missing", "it must be the account's id"))?;
    fields.finish()?;
    api.store.put_account(caller.actor(), user.id, service, &account).await?;
    show(State(api), caller, params).await
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    api.store.delete_account(caller.actor(), user.id, service(&params)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn service(params: &Params) -> Result<ContactKind, Problem> {
    let known = params.path("service").parse::<ContactKind>().ok().filter(|kind| kind.has_accounts());
    known.ok_or_else(|| {
        let all: Vec<ContactKind> = ContactKind::with_accounts().collect();
        parameter("service", "is unknown", &format!("it must be one of {}", watchbell_core::channel::join(&all)))
    })
}

fn write(account: &LinkedAccount) -> wire::Account {
    wire::Account { service: account.service.into(), account: account.account.clone(), created_at: account.created_at.into() }
}
