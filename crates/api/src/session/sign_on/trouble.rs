//! Why somebody is not signed in, as the page to sign in tells it.

use std::fmt;

use watchbell_oidc::SignOnError;
use watchbell_store::StoreError;

use crate::problem::Problem;

/// Each has its sentence; nothing that the provider, or whoever made the link, wrote is shown.
#[derive(Debug)]
pub(crate) enum Trouble {
    Unavailable,
    Refused,
    Denied,
    Attempt,
    Role,
    User,
    /// Something of Watchbell's own, which is answered as everywhere.
    Ours(Box<Problem>),
}

impl Trouble {
    const NAMED: [(Self, &'static str, &'static str); 6] = [
        (Self::Unavailable, "unavailable", "The identity provider does not work now. Try it again in a while, or sign in with an API key."),
        (
            Self::Refused,
            "refused",
            "What the identity provider answered could not be verified. Try it again; if that does not help, whoever runs Watchbell sees why in its log.",
        ),
        (Self::Denied, "denied", "The identity provider did not let you in."),
        (Self::Attempt, "attempt", "This sign-in was begun elsewhere, or too long ago. Begin it again here."),
        (
            Self::Role,
            "role",
            "The identity provider gives you no role in Watchbell. Whoever runs Watchbell says which groups have one ([oidc.roles]).",
        ),
        (Self::User, "user", "Watchbell has no user with your address. Ask whoever runs it to make one."),
    ];

    /// What the log says besides.
    pub fn told(error: &SignOnError) -> Self {
        tracing::warn!(%error, "session.sign_on failed");
        match error {
            SignOnError::Unavailable(_) => Self::Unavailable,
            SignOnError::Refused(_) => Self::Refused,
        }
    }

    /// The sentence for a name, if it is one.
    pub fn sentence(name: &str) -> Option<&'static str> {
        Self::NAMED.iter().find(|(_, named, _)| *named == name).map(|(.., sentence)| *sentence)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_kind = |(trouble, ..): &&(Self, _, _)| std::mem::discriminant(trouble) == std::mem::discriminant(self);
        f.write_str(Self::NAMED.iter().find(of_kind).map_or("", |(_, name, _)| name))
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Ours(Box::new(problem))
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Ours(Box::new(error.into()))
    }
}
