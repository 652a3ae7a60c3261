//! Users as bodies name them: by number, or by `U…` id or external id.

use serde_json::Value;
use watchbell_core::UserId;
use watchbell_core::ids::UserRef;
use watchbell_wire::users::UserName;

use crate::problem::Problem;
use crate::state::Api;

const RIGHT: &str = "it must be a user's number, U… id or external id";

/// # Errors
/// `Invalid`: what stands in `field` is no name of a user.
pub(super) fn read(field: &str, value: Value) -> Result<UserName, Problem> {
    let name = match value {
        Value::Number(number) => number.as_i64().map(UserName::Number),
        Value::String(text) => Some(UserName::Text(text)),
        _ => None,
    };
    name.filter(|name| reference(name).is_some()).ok_or_else(|| Problem::invalid(field, "names nobody", RIGHT))
}

/// # Errors
/// `Invalid`: nobody has that name.
pub(super) async fn look_up(api: &Api, field: &str, name: &UserName) -> Result<UserId, Problem> {
    let user = match reference(name) {
        Some(reference) => api.store.user(&reference).await?,
        None => None,
    };
    user.map(|user| user.id).ok_or_else(|| Problem::invalid(field, "is unknown", RIGHT))
}

fn reference(name: &UserName) -> Option<UserRef> {
    match name {
        UserName::Number(id) => Some(UserRef::Id(UserId(*id))),
        UserName::Text(text) => UserRef::parse(text),
    }
}
