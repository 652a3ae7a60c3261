//! `/preferences`: one a category, and one for all others.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use watchbell_core::preference::{Digest, Wants};

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
    let data: Vec<Value> = api.store.preferences(user).await?.iter().map(wire::preference).collect();
    Ok(json(StatusCode::OK, &page::list(&data, &Neighbours::default())))
}

/// Replaces outright: a digest that is left out is `instant` again.
pub(super) async fn put(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Change)?;
    let (category, wants) = read(&api, payload.object()?).await?;
    let preference = api.store.put_preference(caller.actor(), user, category.as_deref(), wants).await?;
    Ok(json(StatusCode::OK, &wire::preference(&preference)))
}

async fn read(api: &Api, mut fields: Fields) -> Result<(Option<String>, Wants), Problem> {
    let category = fields.text("category", &person::NAME)?;
    let wants = Wants {
        in_app: flag(&mut fields, "in_app_enabled")?,
        email: flag(&mut fields, "email_enabled")?,
        push: flag(&mut fields, "push_enabled")?,
        digest: {
            let choices: Vec<(&str, Digest)> = Digest::ALL.iter().map(|digest| (digest.as_str(), *digest)).collect();
            fields.choice("digest", &choices)?.unwrap_or(Digest::Instant)
        },
    };
    if let Some(category) = &category {
        known(api, &fields, category).await?;
    }
    fields.finish()?;
    Ok((category, wants))
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
