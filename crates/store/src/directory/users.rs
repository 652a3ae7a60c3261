//! Users themselves.

use async_trait::async_trait;
use watchbell_core::ids::UserRef;
use watchbell_core::user::{Hours, Profile, User};
use watchbell_core::{Timestamp, UserId};

use super::NewContact;
use crate::StoreError;
use crate::access::Actor;

/// What a user is made from; also what a whole replacement gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewUser {
    pub external_id: Option<String>,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    /// Empty is UTC.
    pub timezone: String,
    /// Empty is `en`.
    pub locale: String,
    pub quiet_hours: Option<Hours>,
    pub custom_fields: serde_json::Map<String, serde_json::Value>,
    pub profile: Profile,
    /// A first email contact, OK at once. When replacing: ignored.
    pub email: Option<String>,
    /// A first phone number as E.164 and its region, OK at once. When replacing: ignored.
    pub phone: Option<(String, String)>,
}

impl From<User> for NewUser {
    /// All that a replacement keeps of a user, for changing a part of it.
    fn from(user: User) -> Self {
        Self {
            external_id: user.external_id,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            timezone: user.timezone,
            locale: user.locale,
            quiet_hours: user.quiet_hours,
            custom_fields: user.custom_fields,
            profile: user.profile,
            email: None,
            phone: None,
        }
    }
}

/// Which users to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// This user name, without regard to case.
    pub username: Option<String>,
    /// Whose verified email address this is, without regard to case: nobody's, or one user's.
    pub email: Option<String>,
    /// Only ids above this one.
    pub after: Option<UserId>,
    /// Only ids below this one; then the list is of those right before it.
    pub before: Option<UserId>,
    /// Made after this time.
    pub created_after: Option<Timestamp>,
    /// Made before this time.
    pub created_before: Option<Timestamp>,
    pub offset: i64,
    pub limit: i64,
}

/// Users: made, found, replaced, deleted.
#[async_trait]
pub trait Users: Send + Sync {
    /// # Errors
    /// `Taken` for an external id, a user name or a verified email address that another user has, or an external id that is
    /// another one's `U…` id; `BadExternalId`.
    async fn create_user(&self, by: Actor, user: NewUser) -> Result<User, StoreError>;

    async fn user(&self, user: &UserRef) -> Result<Option<User>, StoreError>;

    /// Users in order of id, and how many the filter finds in all.
    async fn users(&self, filter: &UserFilter) -> Result<(Vec<User>, i64), StoreError>;

    /// Users by their numbers in one statement, in order of id; whoever is not there is left out.
    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// Replaces a user's own fields. Each of `addresses` becomes the one that is shown of its kind
    /// ([`watchbell_core::contact::shown`]): it takes the place of the one that was, so that rules which name that follow; a
    /// phone number that the user has already becomes the primary one.
    ///
    /// # Errors
    /// `NotFound("user")`, `Taken`; `DuplicateContact` for another address that the user has already and that cannot be primary.
    async fn replace_user(&self, by: Actor, id: UserId, user: NewUser, addresses: &[NewContact]) -> Result<User, StoreError>;

    /// Deletes a user with all that is theirs; what was not sent yet is cancelled, history stays.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn delete_user(&self, by: Actor, id: UserId) -> Result<(), StoreError>;
}
