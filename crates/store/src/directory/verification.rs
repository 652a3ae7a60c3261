//! Verifying contacts with a code.

use async_trait::async_trait;
use watchbell_core::contact::Contact;
use watchbell_core::{ContactId, Timestamp, UserId};

use crate::StoreError;
use crate::access::Actor;

/// Verifying a contact: a code goes to it, and comes back.
#[async_trait]
pub trait Verification: Send + Sync {
    /// Keeps the hash of a code for a contact and plans the message that carries the code. `code` has eight digits, of which
    /// the first six are the code unless wrong ones were tried before.
    ///
    /// # Errors
    /// `NotFound("contact")`, `PhonePrefix`; `Verification`: `TooSoon`, `OutOfCodes`, `AlreadyOk`.
    async fn start_verification(
        &self,
        by: Actor,
        user: UserId,
        id: ContactId,
        code: watchbell_core::Secret,
    ) -> Result<Timestamp, StoreError>;

    /// Takes one try; the right code makes the contact OK.
    ///
    /// # Errors
    /// `NotFound("contact")`, `Taken` for another user's email; `Verification`: `NotStarted`, `Expired`, `Exhausted`, `Wrong`,
    /// `OutOfTries`, `AlreadyOk`.
    async fn confirm_verification(&self, by: Actor, user: UserId, id: ContactId, code: &str) -> Result<Contact, StoreError>;
}
