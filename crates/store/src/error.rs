//! What can go wrong with a transition.

use watchbell_core::ContactId;

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
    /// A rule needs a contact of that user and kind, and this is none.
    #[error("the contact cannot be used for this rule: {0}")]
    UnfitContact(&'static str),
    /// The code is wrong, expired, or was tried too often.
    #[error("{0}")]
    Verification(VerificationError),
    /// The database could not be reached, or gave up; worth trying again.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The process's life has ended, or was not renewed in time: it may take no leases until it is.
    #[error("this process's lease was not renewed in time")]
    Lapsed,
    /// Another transition did the same at the same moment, or changed what this one went by; to be done again.
    #[error("another change came in between")]
    Conflict,
    /// The database refused what was asked; trying again gives the same.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
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
    #[error("the contact is verified already")]
    AlreadyOk,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{BeginFailed, InvalidSavePointStatement, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        match &error {
            // The last two are the connection's fault, not the transition's: the next try has another one.
            Io(_) | Tls(_) | PoolTimedOut | PoolClosed | WorkerCrashed | Protocol(_) | BeginFailed | InvalidSavePointStatement => {
                Self::Unavailable(error)
            }
            sqlx::Error::Database(db) if is_passing(db.code().as_deref()) => Self::Unavailable(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

/// SQLSTATE classes (PostgreSQL) and result codes (SQLite) of faults that pass.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    match code.len() {
        // 08 connection, 23503 a user deleted meanwhile, 25006 read-only, 25P03 a transaction
        // that waited too long for its own process, 40 serialisation and deadlock, 53 resources, 57 shutdown, 58 system.
        5 => matches!(&code[..2], "08" | "40" | "53" | "57" | "58") || matches!(code, "23503" | "25006" | "25P03"),
        // SQLite, primary code in the low byte: BUSY 5, LOCKED 6, IOERR 10, FULL 13.
        _ => code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13)),
    }
}

impl StoreError {
    /// Whether the transition lost against another one: found out by itself, or by the database (SQLSTATE class 40).
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict => true,
            Self::Unavailable(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code.len() == 5 && code.starts_with("40")),
            _ => false,
        }
    }

    /// Whether a row was written that is there already.
    pub(crate) fn is_known_already(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Conflict)
    }
}
