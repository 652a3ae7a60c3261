//! Who may do what.

use serde::{Deserialize, Serialize};

use crate::channel::named_enum;
use crate::ids::{KeyId, UserId};

named_enum! {
    /// What an API key may do.
    pub enum Role ("role") {
        /// Everything.
        Admin = "admin",
        /// What belongs to the key's own user.
        User = "user",
        /// Publish events.
        Publisher = "publisher",
        /// Read everything, change nothing.
        Reader = "reader",
    }
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub key_id: KeyId,
    pub role: Role,
    /// The user that a `user` key is bound to; other roles may be bound to one too.
    pub user_id: Option<UserId>,
    /// The one intake that a publisher's key is for.
    pub intake: Option<String>,
}

impl Caller {
    pub fn may_read_user(&self, user: UserId) -> bool {
        matches!(self.role, Role::Admin | Role::Reader) || (self.role == Role::User && self.user_id == Some(user))
    }

    pub fn may_change_user(&self, user: UserId) -> bool {
        self.role == Role::Admin || (self.role == Role::User && self.user_id == Some(user))
    }

    /// Whether it may publish events of its own making.
    pub fn may_publish(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Publisher) && self.intake.is_none()
    }

    /// Whether it may report by this intake.
    pub fn may_report_by(&self, intake: &str) -> bool {
        self.may_publish() || (self.role == Role::Publisher && self.intake.as_deref() == Some(intake))
    }
}
