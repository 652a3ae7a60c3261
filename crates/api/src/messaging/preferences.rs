//! `/preferences`: one a category, and one for all others.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::preference::{Digest, Wants};
use watchbell_wire::Nullable;
use watchbell_wire::messaging::PreferencePut;

use super::page::{self, Neighbours};
use super::{own_user, wire};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::Payload;
use crate::state::Api;
use crate::surface::json;
use crate::validate::{Fields, person};

/// Those that were set; all of them, as there are no more than categories.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Read)?;
    let data = api.store.preferences(user).await?.iter().map(wire::preference).collect();
    Ok(json(StatusCode::OK, &page::list(data, Neighbours::default())))
}

/// Replaces outright: a digest that is left out is `instant` again.
pub(super) async fn put(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Change)?;
    let put = read(&api, payload.object()?).await?;
    let category: Option<String> = put.category.and_then(Nullable::into);
    let digest = put.digest.unwrap_or(Digest::Instant);
    let wants = Wants { in_app: put.in_app_enabled, email: put.email_enabled, push: put.push_enabled, digest };
    let preference = api.store.put_preference(caller.actor(), user, category.as_deref(), wants).await?;
    Ok(json(StatusCode::OK, &wire::preference(&preference)))
}

async fn read(api: &Api, mut fields: Fields) -> Result<PreferencePut, Problem> {
    let category = fields.text("category", &person::NAME)?;
    let digests: Vec<(&str, Digest)> = Digest::ALL.iter().map(|digest| (digest.as_str(), *digest)).collect();
    let put = PreferencePut {
        in_app_enabled: flag(&mut fields, "in_app_enabled")?,
        email_enabled: flag(&mut fields, "email_enabled")?,
        push_enabled: flag(&mut fields, "push_enabled")?,
        digest: fields.choice("digest", &digests)?,
        category: category.map(Nullable::Value),
    };
    if let Some(Nullable::Value(category)) = &put.category {
        known(api, &fields, category).await?;
    }
    fields.finish()?;
    Ok(put)
}

fn flag(fields: &mut Fields, name: &str) -> Result<bool, Problem> {
    let value = fields.boolean(name)?;
    fields.required(name, value, "it must be true or false")
}

/// Categories are named by their handle here, never by their id.
async fn known(api: &Api, fields: &Fields, handle: &str) -> Result<(), Problem> {
    let categories = api.store.categories().await?;
    if categories.iter().any(|category| category.handle == handle) {
        return Ok(());
    }
    let handles: Vec<&str> = categories.iter().map(|category| category.handle.as_str()).collect();
    Err(fields.invalid("category", "is unknown", &format!("it must be null or one of {}", handles.join(", "))))
}
