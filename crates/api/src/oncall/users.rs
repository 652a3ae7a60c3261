//! `/users`: who there is. Clients look a user up by name or email before they make rules for them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use watchbell_core::UserId;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus, shown};
use watchbell_core::ids::UserRef;
use watchbell_core::user::User;
use watchbell_store::directory::UserFilter;

use super::page::Asked;
use super::{seen_by, user_named};
use crate::auth::Authenticated;
use crate::people;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface::json;

/// Users on a page, unless told.
const USUAL: i64 = 100;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, asked: Asked) -> Result<Response, Problem> {
    let own = seen_by(&caller)?;
    let text = |name| asked.query(name).map(str::to_owned);
    let mut page = asked.page(USUAL);
    loop {
        let (username, email) = (text("username"), text("email"));
        let filter = UserFilter { username, email, offset: page.offset(), limit: page.limit(), ..UserFilter::default() };
        let (users, count) = match own {
            None => api.store.users(&filter).await?,
            Some(own) => {
                let found = only(&api, own, &filter).await?;
                let count = i64::from(found.is_some());
                (found.into_iter().collect(), count)
            }
        };
        if page.turn_back(count) {
            continue;
        }
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let admins = api.store.admins_among(&ids).await?;
        let results = people::written(&api, &users, |user, contacts| wire(user, contacts, &admins)).await?;
        return Ok(asked.answer(page, count, results));
    }
}

/// A user, if the filter finds them.
async fn only(api: &Api, user: UserId, filter: &UserFilter) -> Result<Option<User>, Problem> {
    let found = api.store.user(&UserRef::Id(user)).await?;
    let is_named = |user: &User| filter.username.as_ref().is_none_or(|name| user.username.eq_ignore_ascii_case(name));
    let Some(user) = found.filter(is_named) else { return Ok(None) };
    let Some(email) = &filter.email else { return Ok(Some(user)) };
    let theirs = people::with_email(api, email).await?;
    Ok(theirs.filter(|theirs| theirs.id == user.id))
}

/// A user by text id; `current` is the key's own.
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    seen_by(&caller)?;
    let user = match (params.path("id"), caller.0.user_id) {
        ("current", Some(own)) => api.store.user(&UserRef::Id(own)).await?,
        (id, _) => user_named(&api, id).await?,
    };
    let user = user.filter(|user| caller.0.may_read_user(user.id)).ok_or_else(|| Problem::not_found("user"))?;
    let contacts = api.store.contacts(user.id, None).await?;
    // A role is a key's here, not a user's.
    let admins = api.store.admins_among(&[user.id]).await?;
    Ok(json(StatusCode::OK, &wire(&user, &contacts, &admins)))
}

fn wire(user: &User, contacts: &[Contact], admins: &[UserId]) -> Value {
    let of_kind = |kind| contacts.iter().filter(move |contact| contact.kind == kind);
    let email = shown(contacts, ContactKind::Email).map_or("", |contact| contact.target.as_str());
    json!({
        "id": user.public_id,
        "grafana_id": user.id.0,
        "email": email,
        "slack": null,
        "username": user.username,
        "role": if admins.contains(&user.id) { "admin" } else { "user" },
        "is_phone_number_verified": of_kind(ContactKind::Phone).any(|phone| phone.status == ContactStatus::Ok),
        "timezone": user.timezone,
        "teams": [],
    })
}
