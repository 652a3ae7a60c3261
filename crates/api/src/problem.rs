//! What is wrong with a request, before any surface has given it a form.
//!
//! Handlers and extractors of every surface answer a [`Problem`]. It travels as an extension of the response, and the
//! surface's own layer ([`crate::surface`]) writes the body. So a validation or an authorisation is written once, and
//! every answer of a surface, a panic's included, has that surface's form.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use watchbell_core::decode::RejectReason;
use watchbell_core::{ContactId, Timestamp};
use watchbell_store::{StoreError, VerificationError};
use watchbell_wire::events::AcceptedEvent;

/// What kind of problem: decides the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Timeout,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    /// Seconds after which to come again.
    TooMany {
        retry_s: u64,
    },
    Internal,
    /// A fault that passes.
    Unavailable,
}

impl Kind {
    pub fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What about an invalid request is wrong, for surfaces whose errors say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The value is none that may be.
    Value,
    /// A field that must be there is not.
    Missing,
    /// A field is of another type.
    Type,
    /// A field that nobody knows.
    Unknown,
    /// The body is no JSON object at all.
    Syntax,
    /// A parameter of the path or the query, or a header.
    Parameter,
}

/// What some surfaces tell beside the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Of `NotFound`.
    pub absent: Option<Absent>,
    /// Of `TooMany`, where there is a plain figure.
    pub quota: Option<Quota>,
    /// Where the surface gives requests ids.
    pub request_id: Option<String>,
    /// What links to explanations of errors begin with.
    pub errors_url: Option<std::sync::Arc<str>>,
}

/// What is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// `user`, `contact`, …
    pub what: String,
    /// As the request names it, where it does.
    pub id: Option<String>,
}

/// What an error tells beside its message.
#[derive(Clone, Debug)]
pub enum Extra {
    /// Why an event cannot be used.
    RejectReason(RejectReason),
    /// The contact that has this target already.
    ContactId(ContactId),
    /// The rules that use the contact.
    RuleIds(Vec<i64>),
    /// What came of each event of a batch.
    Events(Vec<AcceptedEvent>),
    RequiredScope(&'static str),
    IdempotencyKey(String),
    /// The whole body, where a surface's original has one of its own for this error.
    Body(Value),
}

impl Extra {
    /// As a member of an error that takes any.
    pub fn member(&self) -> (&'static str, Value) {
        match self {
            Self::RejectReason(reason) => ("reason", reason.as_str().into()),
            Self::ContactId(id) => ("contactId", id.0.into()),
            Self::RuleIds(rules) => ("ruleIds", json!(rules)),
            Self::Events(events) => ("events", json!(events)),
            Self::RequiredScope(scope) => ("required_scope", (*scope).into()),
            Self::IdempotencyKey(key) => ("idempotency_key", key.as_str().into()),
            Self::Body(body) => ("body", body.clone()),
        }
    }
}

/// How often a caller may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    pub window_s: u32,
}

/// One problem with a request.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: Kind,
    /// For the client: never internal text.
    pub message: Cow<'static, str>,
    /// The field, parameter or header that is wrong, as the request names it (`contact.id`).
    pub field: Option<String>,
    /// Tells kinds of `Invalid` apart.
    pub fault: Fault,
    /// For surfaces whose errors say more. Problems are results of most functions here, so what few have is kept apart.
    pub about: Option<Box<About>>,
    /// A further member of the error body.
    pub extra: Option<Box<Extra>>,
    /// For the log.
    pub source: Option<Arc<StoreError>>,
}

/// After a fault of the database: long enough for a restart to have got somewhere, short enough for a page.
const UNAVAILABLE_RETRY_S: u64 = 2;

impl Problem {
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), field: None, fault: Fault::Value, about: None, extra: None, source: None }
    }

    /// A field with what is wrong with it ("is missing") and what would be right ("it must be …").
    pub fn invalid(field: &str, wrong: &str, right: &str) -> Self {
        Self::new(Kind::Invalid, format!("{field} {wrong}; {right}")).at(field)
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// What went wrong is in the log.
    pub fn internal() -> Self {
        Self::new(Kind::Internal, "an internal error occurred; it was logged")
    }

    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    pub fn not_found(what: &str) -> Self {
        let absent = Absent { what: what.to_owned(), id: None };
        let mut problem = Self::new(Kind::NotFound, format!("no such {what}"));
        problem.about_mut().absent = Some(absent);
        problem
    }

    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    #[must_use]
    pub fn because(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// Which one is not there.
    #[must_use]
    pub fn named(mut self, id: &str) -> Self {
        if let Some(absent) = &mut self.about_mut().absent {
            absent.id = Some(id.to_owned());
        }
        self
    }

    #[must_use]
    pub fn with(mut self, extra: Extra) -> Self {
        self.extra = Some(Box::new(extra));
        self
    }

    pub(crate) fn about_mut(&mut self) -> &mut About {
        self.about.get_or_insert_default()
    }

    /// What was not found.
    pub fn absent(&self) -> Option<&Absent> {
        self.about.as_ref()?.absent.as_ref()
    }

    /// Seconds for `Retry-After`.
    pub fn retry_s(&self) -> Option<u64> {
        match self.kind {
            Kind::TooMany { retry_s } => Some(retry_s),
            Kind::Unavailable => Some(UNAVAILABLE_RETRY_S),
            _ => None,
        }
    }

    /// The error and what caused it, for the log: said once, by the surface's layer.
    pub fn chain(&self) -> String {
        let mut text = String::new();
        let mut next: Option<&dyn Error> = self.source.as_deref().map(|error| error as &dyn Error);
        while let Some(error) = next {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::DuplicateContact(id) => {
                Self::conflict(format!("the user has this target already, as contact {id}")).at("target").with(Extra::ContactId(id))
            }
            StoreError::ContactInUse(rules) => {
                let named = watchbell_core::channel::join(&rules);
                Self::conflict(format!("the contact is used by rules {named}; delete them first, or delete both with ?force=true"))
                    .with(Extra::RuleIds(rules))
            }
            StoreError::LastAdminKey => Self::conflict("the last admin key goes with this; make another one first"),
            StoreError::Taken(what) => Self::conflict(format!("{what} belongs to another user")).at(what),
            StoreError::BadExternalId(error) => Self::bad_request(format!("the external id {error}")).at("externalId"),
            StoreError::UnfitContact(why) => Self::bad_request(format!("contact cannot be used for this rule: {why}")).at("contact"),
            // No conflict that passes by itself: clients that wait and ask again would do so in vain.
            StoreError::Full { what, most } => {
                Self::bad_request(format!("the user has {most} {what}, as many as one may have; delete one, or let it expire"))
            }
            StoreError::PhonePrefix(prefixes) => {
                let right = format!("it must begin with one of {}", prefixes.join(", "));
                Self::invalid("target", "is a number that no codes are sent to, so it cannot be verified", &right)
            }
            StoreError::Verification(why) => verification(why),
            ref error @ StoreError::TooManyTests { retry_s, .. } => {
                Self::new(Kind::TooMany { retry_s: u64::try_from(retry_s).unwrap_or(0).max(1) }, error.to_string())
            }
            error @ (StoreError::Unavailable(..) | StoreError::Conflict | StoreError::Known(_)) => Self {
                source: Some(Arc::new(error)),
                ..Self::new(Kind::Unavailable, "the database does not answer; nothing was changed; try again")
            },
            StoreError::Refused(_) => Self::bad_request("a value cannot be stored: leave out what is no plain text, or shorten it"),
            error => Self { source: Some(Arc::new(error)), ..Self::internal() },
        }
    }
}

fn verification(why: VerificationError) -> Problem {
    let kind = match why {
        VerificationError::Wrong { .. } => Kind::Invalid,
        VerificationError::TooSoon { retry_s }
        | VerificationError::OutOfCodes { retry_s, .. }
        | VerificationError::OutOfTries { retry_s } => Kind::TooMany { retry_s: u64::try_from(retry_s).unwrap_or(0).max(1) },
        VerificationError::NotStarted | VerificationError::Expired | VerificationError::Exhausted | VerificationError::AlreadyOk => {
            Kind::Conflict
        }
    };
    Problem::new(kind, why.to_string())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// RFC 3339, the form of every time in an answer.
pub(crate) fn rfc3339(at: Timestamp) -> Value {
    Value::String(at.to_string())
}
