//! `/categories`: what events are of, what users set preferences for, and where it goes without any rule. A notiflow is one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::Channel;
use watchbell_core::channel::join;
use watchbell_store::preferences::{Category, NewCategory};
use watchbell_wire::categories as wire;

use super::page;
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, person};

/// In order of handle, which is the cursor too.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let after = params.query("cursor")?.unwrap_or_default();
    let mut categories = api.store.categories().await?;
    categories.retain(|category| category.handle.as_str() > after);
    categories.sort_by(|a, b| a.handle.cmp(&b.handle));
    page::write(categories, limit, |category| category.handle.clone(), write)
}

/// By handle or by id.
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let category = api.store.category(params.path("handle")).await?.ok_or(Problem::not_found("category"))?;
    Ok(surface::json(StatusCode::OK, &write(&category)))
}

pub(super) async fn put(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let handle = handle(&params)?.to_owned();
    let mut fields = payload.object()?;
    let name = fields.text("name", &person::NAME)?.unwrap_or_else(|| handle.clone());
    let default_channels = channels(&mut fields)?;
    fields.finish()?;
    let (category, is_new) = api.store.put_category(caller.actor(), NewCategory { handle, name, default_channels }).await?;
    Ok(surface::json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &write(&category)))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    api.store.delete_category(caller.actor(), handle(&params)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn channels(fields: &mut Fields) -> Result<Vec<Channel>, Problem> {
    const NAME: &str = "defaultChannels";
    let mut channels = Vec::new();
    for value in fields.array(NAME, Channel::ALL.len())?.unwrap_or_default() {
        let channel = value.as_str().and_then(Channel::from_db);
        let channel =
            channel.ok_or_else(|| fields.invalid(NAME, "names no channel", &format!("each must be one of {}", join(Channel::ALL))))?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

/// It stands in paths of other surfaces too.
fn handle(params: &Params) -> Result<&str, Problem> {
    let handle = params.path("handle");
    let is_plain = handle.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if is_plain && (1..=255).contains(&handle.len()) {
        return Ok(handle);
    }
    Err(Problem::invalid("handle", "cannot be a name", "it must have 1 to 255 letters, digits, \".\", \"_\" and \"-\""))
}

fn write(category: &Category) -> wire::Category {
    wire::Category {
        id: category.id.clone(),
        handle: category.handle.clone(),
        name: category.name.clone(),
        default_channels: category.default_channels.iter().map(|channel| (*channel).into()).collect(),
        created_at: category.created_at.into(),
    }
}
