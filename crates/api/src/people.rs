//! What surfaces share about users: who is meant by an address, who may be called what, and how lists show them.

use serde_json::Value;
use watchbell_core::contact::Contact;
use watchbell_core::user::User;
use watchbell_store::directory::UserFilter;

use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::state::Api;

/// Whose verified email address this is. Anybody may claim an address; until it is verified it is nobody's.
pub(crate) async fn with_email(api: &Api, email: &str) -> Result<Option<User>, Problem> {
    let filter = UserFilter { email: Some(email.to_owned()), limit: 1, ..UserFilter::default() };
    Ok(api.store.users(&filter).await?.0.pop())
}

/// People are found by their user names, and one user has a name: who could take any could be in the way of whoever is to have
/// it, or be taken for them.
///
/// # Errors
/// `Forbidden`: a user key gives its user another name.
pub(crate) fn check_username(caller: &Authenticated, before: &User, wanted: Option<&str>) -> Result<(), Problem> {
    if caller.is_admin() || wanted.is_none_or(|wanted| wanted == before.username) {
        return Ok(());
    }
    Err(Problem::forbidden("a user key does not change its user's name; an admin's does"))
}

/// Writes each user of a page as a surface does, with their contacts, which one query brings for all.
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
