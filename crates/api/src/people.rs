//! Users as lists show them: each with their contacts, which one query brings for all.

use serde_json::Value;
use watchbell_core::contact::Contact;
use watchbell_core::user::User;

use crate::problem::Problem;
use crate::state::Api;

/// Writes each user of a page as a surface does.
pub(crate) async fn written(api: &Api, users: &[User], write: impl Fn(&User, &[Contact]) -> Value) -> Result<Vec<Value>, Problem> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let contacts = api.store.contacts_of(&ids).await?;
    // In order of user, so each one's stand together.
    let of = |user: &User| {
        let from = contacts.partition_point(|contact| contact.user_id < user.id);
        let to = contacts.partition_point(|contact| contact.user_id <= user.id);
        contacts.get(from..to).unwrap_or_default()
    };
    Ok(users.iter().map(|user| write(user, of(user))).collect())
}
