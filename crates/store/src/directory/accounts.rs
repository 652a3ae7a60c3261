//! Who is who in chats that several people see.

use async_trait::async_trait;
use watchbell_core::contact::ContactKind;
use watchbell_core::{Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;

/// An account of a user's at a service: whoever presses a button with it acts as that user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedAccount {
    pub service: ContactKind,
    /// Its id, as the service gives it.
    pub account: String,
    pub created_at: Timestamp,
}

#[async_trait]
pub trait Accounts: Send + Sync {
    /// In order of the service's name.
    ///
    /// # Errors
    /// `NotFound("user")`.
    async fn accounts(&self, user: UserId) -> Result<Vec<LinkedAccount>, StoreError>;

    /// Links an account, in place of the one of that service before.
    ///
    /// # Errors
    /// `NotFound("user")`; `Taken` for another user's.
    async fn put_account(&self, by: Actor, user: UserId, service: ContactKind, account: &str) -> Result<(), StoreError>;

    /// # Errors
    /// `NotFound("user")`, `NotFound("account")`.
    async fn delete_account(&self, by: Actor, user: UserId, service: ContactKind) -> Result<(), StoreError>;

    /// Whose account that is: who has linked it, else who has it as a contact that may be used. Several have one chat as a contact,
    /// then it says nothing of who is who.
    async fn user_of_account(&self, service: ContactKind, account: &str) -> Result<Option<UserId>, StoreError>;
}
