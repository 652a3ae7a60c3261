//! What can go wrong with a transition.

use watchbell_core::ContactId;

use crate::fault::Fault;

/// Why a transition was not made. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The user, contact, rule, … is not there, or belongs to somebody else.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The user has this target already.
    #[error("the user has this target already, as contact {0}")]
    DuplicateContact(ContactId),
    /// Rules use the contact: their ids.
    #[error("the contact is used by rules {0:?}")]
    ContactInUse(Vec<i64>),
    /// Another user has this name, external id or the like.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// It is the last key that can make others.
    #[error("this is the last admin key")]
    LastAdminKey,
    /// The external id of a user would mean somebody else.
    #[error("the external id {0}")]
    BadExternalId(#[source] watchbell_core::ids::BadExternalId),
    /// A rule needs a contact of that user and kind, and this is none.
    #[error("the contact cannot be used for this rule: {0}")]
    UnfitContact(&'static str),
    /// The user has as many of these as one may have.
    #[error("the user has {most} {what}, as many as one may have")]
    Full { what: &'static str, most: i64 },
    /// No codes are sent to phone numbers but those that begin with one of these.
    #[error("no codes are sent to this number")]
    PhonePrefix(Vec<String>),
    /// The code is wrong, expired, or was tried too often.
    #[error("{0}")]
    Verification(VerificationError),
    /// As many test messages were sent as may be.
    #[error("{whose} had as many test messages as are sent in a {per}; try again in {retry_s} s")]
    TooManyTests { whose: &'static str, per: &'static str, retry_s: i64 },
    /// The database could not do it now, whatever the reason: somebody may have to mend it, but nobody has to ask for anything else.
    #[error("the database is not available")]
    Unavailable(Fault, #[source] sqlx::Error),
    /// The worker session has ended, or was not renewed in time: it may take no leases until it is.
    #[error("this process's lease was not renewed in time")]
    Lapsed,
    /// Another transition did the same at the same moment, or changed what this one went by; to be done again.
    #[error("another change came in between")]
    Conflict,
    /// A row with that key is there already.
    #[error("the row is there already")]
    Known(#[source] sqlx::Error),
    /// A value cannot be stored, among those that were given together.
    #[error("the database cannot store a value")]
    Refused(#[source] sqlx::Error),
    /// A value in the database is not what this version writes.
    #[error("unreadable value in the database: {0}")]
    Corrupt(String),
    /// At start: the database cannot be used at all; says why, and what would help.
    #[error("{0}")]
    Unusable(String),
}

/// Why a contact was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    #[error("no code is on its way to this contact; ask for one first")]
    NotStarted,
    #[error("the code has expired; ask for a new one")]
    Expired,
    #[error("the code was tried too often; ask for a new one")]
    Exhausted,
    #[error("the code is wrong; {tries_left} tries left")]
    Wrong { tries_left: i64 },
    #[error("a code was sent less than a minute ago; ask again in {retry_s} s")]
    TooSoon { retry_s: i64 },
    /// Of a day.
    #[error("{whose} had as many codes as are sent in a day; ask again in {retry_s} s, or let an admin set the contact's status")]
    OutOfCodes { whose: &'static str, retry_s: i64 },
    #[error("too many wrong codes were tried in a day; try again in {retry_s} s, or let an admin set the contact's status")]
    OutOfTries { retry_s: i64 },
    #[error("the contact is verified already")]
    AlreadyOk,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match Fault::of(&error) {
            Fault::Known => Self::Known(error),
            Fault::Data => Self::Refused(error),
            Fault::Conflict => Self::Conflict,
            Fault::Unreadable => Self::Corrupt(error.to_string()),
            fault => Self::Unavailable(fault, error),
        }
    }
}

impl StoreError {
    /// Whether the transition is to be done again at once: it lost against another one, or was prepared for another schema.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict | Self::Unavailable(Fault::Stale, _))
    }

    /// Whether a row was written that is there already.
    pub(crate) fn is_known_already(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Whether it says nothing about what was asked for, so that the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(..) | Self::Conflict)
    }

    /// The database's code for it: an SQLSTATE, or SQLite's number.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Unavailable(_, error) | Self::Known(error) | Self::Refused(error) => {
                Some(error.as_database_error()?.code()?.into_owned())
            }
            _ => None,
        }
    }

    /// Whether nothing at all can be asked of the database now.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(Fault::Connection, _))
    }
}
