//! Users' contacts.

use std::collections::HashMap;

use async_trait::async_trait;
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::{ContactId, Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;

/// A contact to be made, or what replaces one. The target is parsed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContact {
    pub kind: ContactKind,
    pub target: String,
    pub region: Option<String>,
    /// None leaves it as it is when replacing, and is false when making.
    pub primary: Option<bool>,
    /// For a new contact; one that is replaced by another target gets this too.
    pub status: ContactStatus,
}

/// Contacts: at most one primary phone number of a user, and no target twice.
#[async_trait]
pub trait Contacts: Send + Sync {
    /// # Errors
    /// `NotFound("user")`, `DuplicateContact`.
    async fn create_contact(&self, by: Actor, user: UserId, contact: NewContact) -> Result<Contact, StoreError>;

    /// Contacts in order of id, of one kind or of all.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn contacts(&self, user: UserId, kind: Option<ContactKind>) -> Result<Vec<Contact>, StoreError>;

    /// All contacts of some users in one statement, in order of user and id; of a user that is not there, none.
    async fn contacts_of(&self, users: &[UserId]) -> Result<Vec<Contact>, StoreError>;

    /// When each of a user's contacts was made, and last replaced.
    async fn contact_times(&self, user: UserId) -> Result<HashMap<ContactId, (Timestamp, Timestamp)>, StoreError>;

    /// The user's contact with that id and, if given, kind.
    async fn contact(&self, user: UserId, kind: Option<ContactKind>, id: ContactId) -> Result<Option<Contact>, StoreError>;

    /// Replaces a contact's target, region and, if told, `primary`. The status stays while the target does.
    ///
    /// # Errors
    /// `NotFound("contact")`, `DuplicateContact`.
    async fn replace_contact(&self, by: Actor, user: UserId, id: ContactId, contact: NewContact) -> Result<Contact, StoreError>;

    /// # Errors
    /// `NotFound("contact")`; `ContactInUse` unless `force`, which deletes the rules too.
    async fn delete_contact(
        &self,
        by: Actor,
        user: UserId,
        kind: Option<ContactKind>,
        id: ContactId,
        force: bool,
    ) -> Result<(), StoreError>;

    /// An address opted out by its carrier, or in again: contacts with it become BLACKLISTED, or what they were before. One that an
    /// admin blacklisted stays so. Answers how many were changed.
    async fn consent(&self, kind: ContactKind, target: &str, is_in: bool) -> Result<usize, StoreError>;

    /// # Errors
    /// `NotFound("contact")`.
    async fn set_contact_status(&self, by: Actor, user: UserId, id: ContactId, status: ContactStatus) -> Result<Contact, StoreError>;
}
