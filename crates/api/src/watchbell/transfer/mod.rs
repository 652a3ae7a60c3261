//! `/export` and `/import`: all that users have said, to move it to another Watchbell; and what comes from another system.
//!
//! An export is read page by page and an import sent page by page, of users in order of id; the first page also has the
//! categories. Each user is a few transitions, every one whole; what is there already is left, so an import that was cut off is
//! sent again. Keys are no part of it: they are secrets, and are made anew.

mod prune;
mod rules;
mod take;
mod user_export;
mod wanted;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::UserId;
use watchbell_store::directory::UserFilter;
use watchbell_wire::transfer::{Export, Imported, ImportedUser, VERSION};

use self::take::Taker;
use self::user_export::UserExport;
use super::page;
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

/// Users that one call takes at most.
const MOST: usize = 500;

/// Needs an admin key, unlike other reading: device tokens and webhooks' URLs are in it.
pub(super) async fn export(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let limit = page::limit(&params)?;
    let after = page::numeric_cursor(&params)?.map(UserId);
    let (mut users, _) = api.store.users(&UserFilter { after, limit: limit + 1, ..UserFilter::default() }).await?;
    let categories = match after {
        None => Some(api.store.categories().await?.iter().map(user_export::category).collect()),
        Some(_) => None,
    };
    let mut has_more = usize::try_from(limit).is_ok_and(|limit| users.len() > limit);
    users.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let (mut written, mut room, mut last) = (Vec::with_capacity(users.len()), page::MOST_BYTES, None);
    for user in users {
        let id = user.id;
        if let Some(current) = UserExport::load(&*api.store, user).await? {
            let current = current.write();
            let bytes = page::bytes_of(&current)?;
            if bytes > room && !written.is_empty() {
                has_more = true;
                break;
            }
            room = room.saturating_sub(bytes);
            written.push(current);
        }
        last = Some(id);
    }
    let detail = json!({ "after": after.map(|after| after.0), "users": written.len() });
    api.store.note(caller.actor(), "export", "users", detail.as_object().cloned()).await?;
    let next_cursor = last.filter(|_| has_more).map(|last| last.to_string());
    Ok(surface::json(StatusCode::OK, &Export { version: VERSION, categories, users: written, next_cursor }))
}

/// With `?dryRun=true` nothing is changed, and the answer says what would be. With `?join=true` people come from another system:
/// who is not known by external id is looked for by email, and who is there already keeps what they are called. With `?prune=true` a
/// user's lists that are said are all there is.
pub(super) async fn import(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_admin()?;
    let asks = |name| Ok::<_, Problem>(params.boolean(name)?.unwrap_or(false));
    let (is_dry, is_joining, is_pruning) = (asks("dryRun")?, asks("join")?, asks("prune")?);
    let mut fields = payload.object()?;
    fields.integer("version", &(VERSION..=VERSION))?;
    let categories = fields.array("categories", MOST)?.unwrap_or_default();
    let users = fields.array("users", MOST)?;
    let users = fields.required("users", users, "it must be an array of users, as an export has them")?;
    fields.finish()?;
    let categories: Vec<_> = categories.into_iter().enumerate().map(|(at, value)| wanted::category(at, value)).collect::<Result<_, _>>()?;
    let taker = Taker { api: &api, by: caller.actor(), is_dry, is_joining, is_pruning };
    let categories = taker.categories(categories).await?;
    let mut imported: Vec<ImportedUser> = Vec::with_capacity(users.len());
    for user in users {
        let name = |field: &str| user.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (external_id, username) = (name("externalId"), name("username"));
        let outcome = match wanted::user(&api, &caller, user) {
            Ok(wanted) => taker.user(wanted).await?,
            Err(problem) => take::Outcome { changes: Vec::new(), problems: vec![problem.message.into_owned()] },
        };
        imported.push(ImportedUser { external_id, username, changes: outcome.changes, problems: outcome.problems });
    }
    Ok(surface::json(StatusCode::OK, &Imported { categories, users: imported }))
}
