//! `/users/{user}/preferences`: a user's switches, all of them and each notiflow's.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::preference::{ChannelType, Switches};

use super::{ApiScope, subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;
use crate::validate::Fields;

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read, ApiScope::ReadPreferences).await?;
    answer(&api, &api.store.switches(user.id).await?).await
}

/// Changes what is given, and nothing else.
pub(super) async fn change(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change, ApiScope::WritePreferences).await?;
    let changes = read(&api, &mut payload.object()?).await?;
    answer(&api, &api.store.merge_switches(caller.actor(), user.id, &changes).await?).await
}

async fn answer(api: &Api, switches: &Switches) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, &wire::preferences(&api.store.categories().await?, switches)))
}

/// Switches to be set. A notiflow is named by its handle or its id; its `name`, and whatever else an answer may have, is
/// taken back unread.
pub(super) async fn read(api: &Api, fields: &mut Fields) -> Result<Switches, Problem> {
    let mut switches = Switches { channel_types: channel_types(fields)?, ..Switches::default() };
    let Some(mut notiflows) = fields.object("notiflows")? else { return Ok(switches) };
    let categories = api.store.categories().await?;
    for name in notiflows.names() {
        let category = categories.iter().find(|category| category.id == name).or_else(|| categories.iter().find(|one| one.handle == name));
        let Some(category) = category else {
            return Err(notiflows.invalid(&name, "is unknown", "it must be the handle or the id of a notiflow"));
        };
        let Some(mut given) = notiflows.object(&name)? else { continue };
        let set = switches.notiflows.entry(category.handle.clone()).or_default();
        set.enabled = given.boolean("enabled")?.or(set.enabled);
        set.channel_types.extend(channel_types(&mut given)?);
    }
    Ok(switches)
}

/// A channel type that there is not would be switched in vain, so it is refused.
fn channel_types(fields: &mut Fields) -> Result<BTreeMap<ChannelType, bool>, Problem> {
    let mut types = BTreeMap::new();
    let Some(mut given) = fields.object("channel_types")? else { return Ok(types) };
    for kind in ChannelType::ALL {
        if let Some(value) = given.boolean(kind.as_str())? {
            types.insert(*kind, value);
        }
    }
    // Null leaves a switch as it is.
    given.finish()?;
    Ok(types)
}
