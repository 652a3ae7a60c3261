//! `/users/{user}/devices`: where push messages go. Tokens are shown masked: they are as good as an address.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::device::Device;
use watchbell_core::{DeviceId, mask};
use watchbell_wire::{Items, devices as wire};

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::device;

/// What a browser subscribes with, before it is registered.
pub(super) async fn push_key(State(api): State<Api>, _: Authenticated) -> Result<Response, Problem> {
    Ok(surface::json(StatusCode::OK, &wire::PushKey { key: api.settings.push_key.clone() }))
}

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let devices = api.store.devices(user.id).await?;
    Ok(surface::json(StatusCode::OK, &Items { items: devices.iter().map(write).collect() }))
}

/// Registers a device; its token may have been registered before, by this user or, on a phone handed on, by another: then it
/// moves by an admin's key only, or is deleted by that user first.
pub(super) async fn create(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let mut fields = payload.object()?;
    let device = device::read(&mut fields, &api.settings.push_reach)?;
    fields.finish()?;
    let device =
        api.store.add_device(caller.actor(), user.id, device.kind, &device.token, device.keys.as_deref(), caller.is_admin()).await?;
    Ok(surface::json(StatusCode::CREATED, &write(&device)))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    api.store.delete_device(caller.actor(), user.id, DeviceId(params.id("id")?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn write(device: &Device) -> wire::Device {
    wire::Device { id: device.id.0, kind: device.kind.into(), token: mask::token(&device.token), created_at: device.created_at.into() }
}
