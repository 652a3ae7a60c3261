//! Whose something is: whether a user is there, and what of a user's is another one's already.

use watchbell_core::UserId;

use super::{SqlStore, sql};
use crate::StoreError;

/// For a list that came out empty: is the user there at all?
pub(super) async fn must_exist(store: &SqlStore, user: UserId) -> Result<(), StoreError> {
    let found: Option<i64> = sqlx::query_scalar(sql("SELECT id FROM users WHERE id = $1")).bind(user.0).fetch_optional(&store.read).await?;
    found.map(|_| ()).ok_or(StoreError::NotFound("user"))
}

/// What of a user's is another one's. (The public id is drawn from 34¹² and does not collide.)
pub(super) fn taken(error: sqlx::Error) -> StoreError {
    let Some(database) = error.as_database_error().filter(|database| database.is_unique_violation()) else { return error.into() };
    // Both databases name the index.
    let is_of = |index: &str| database.message().contains(index);
    StoreError::Taken(match () {
        () if is_of("users_username_taken") => "username",
        () if is_of("contacts_email_taken") => "email",
        () => "external id",
    })
}
