//! `/users/{user}/preferences`: what a user wants of each category, for the user and for whoever helps them.
//!
//! The messaging surface has the same for the key's own user; there one sees what was set, here what holds.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::preference::{Category, Digest, Preference, Wants, effective};
use watchbell_wire::Items;
use watchbell_wire::preferences::CategoryPreference;

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, person};

/// What holds for all categories for which nothing else is set, then for each category in order of handle.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let set = api.store.preferences(user.id).await?;
    let mut categories = api.store.categories().await?;
    categories.sort_by(|a, b| a.handle.cmp(&b.handle));
    let all = std::iter::once(None).chain(categories.iter().map(Some));
    let items = all.map(|category| write(&set, category)).collect();
    Ok(surface::json(StatusCode::OK, &Items { items }))
}

/// Replaces outright what is set for one category, or for all others.
pub(super) async fn put(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let mut fields = payload.object()?;
    let handle = fields.text("category", &person::NAME)?;
    let wants = wants(&mut fields)?;
    let category = match &handle {
        Some(handle) => {
            let known = api.store.category(handle).await?.filter(|category| category.handle == *handle);
            let unknown = || fields.invalid("category", "is unknown", "it must be the handle of a category, or left out for all others");
            Some(known.ok_or_else(unknown)?)
        }
        None => None,
    };
    fields.finish()?;
    let preference = api.store.put_preference(caller.actor(), user.id, handle.as_deref(), wants).await?;
    Ok(surface::json(StatusCode::OK, &write(&[preference], category.as_ref())))
}

fn wants(fields: &mut Fields) -> Result<Wants, Problem> {
    let mut flag = |name| {
        let value = fields.boolean(name)?;
        fields.required(name, value, "it must be true or false")
    };
    let (in_app, email, push) = (flag("inApp")?, flag("email")?, flag("push")?);
    let digests: Vec<(&str, Digest)> = Digest::ALL.iter().map(|digest| (digest.as_str(), *digest)).collect();
    Ok(Wants { in_app, email, push, digest: fields.required_choice("digest", &digests)? })
}

fn write(set: &[Preference], category: Option<&Category>) -> CategoryPreference {
    let handle = category.map(|category| category.handle.as_str());
    let wants = effective(set, handle);
    CategoryPreference {
        category: handle.map(str::to_owned),
        name: category.map(|category| category.name.clone()),
        set: set.iter().any(|preference| preference.category.as_deref() == handle),
        in_app: wants.in_app,
        email: wants.email,
        push: wants.push,
        digest: wants.digest.into(),
    }
}
