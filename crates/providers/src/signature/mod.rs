//! Whether what comes in was sent by the provider: the schemes by which providers sign, and what each of them needs.
//!
//! A [`Scheme`] is what a definition says of how one provider signs; with the keys of a provider's table it becomes a
//! [`Verifier`]. What is signed is taken from the raw body and from the public URL as it was called. All keys are tried, so that one
//! can be replaced by another without a gap, and compared in constant time. Whoever is refused is not told what of it was wrong.
//!
//! Where a scheme signs a time, what is older or newer than `max_age_s` is refused, so that nothing can be said again later. Where
//! it signs none (Twilio, Plivo, Meta, SNS, passwords), what is repeated is harmless because of what it says: a receipt moves a
//! delivery only forward, an answer counts once a delivery and round, and a text has its message's id.

mod certificates;
mod credentials;
mod envelope;
mod jwt_hmac;
mod keys;
mod plivo;
mod reading;
mod signed;
mod sns_x509;
mod source;
mod template;
mod twilio;
mod vonage_sig;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Deserialize;
use watchbell_core::{Secret, Timestamp};

use crate::inbound::{Refusal, Request};
use crate::settings::{CommonSettings, SettingError};
pub use credentials::{Basic, Token};
pub use jwt_hmac::JwtHmac;
pub use keys::{Algorithm, KeyCoding};
pub use plivo::Plivo;
use reading::Reading;
pub use signed::{Coding, Signed};
pub use sns_x509::SnsX509;
use sns_x509::Topics;
pub use source::Source;
pub use template::Template;
pub use twilio::Twilio;
pub use vonage_sig::{VonageHash, VonageSig};

/// How far the time that something was signed at may be from now, in seconds, unless a definition says otherwise.
const MAX_AGE_S: u32 = 300;
/// No definition lets more pass: no provider repeats itself for longer than two days.
const LONGEST_AGE_S: u32 = 2 * 24 * 60 * 60;

/// How a provider shows that a request is its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
pub enum Scheme {
    /// `X-Twilio-Signature`. The keys are auth tokens, and shared keys of webhook rules.
    Twilio(Twilio),
    /// `X-Plivo-Signature-V3` and what came before it. The keys are auth tokens, of the account and of the main account.
    Plivo(Plivo),
    /// The field `sig` of Vonage's SMS API. The keys are signature secrets.
    VonageSig(VonageSig),
    /// A JSON Web Token that holds hashes of what it comes with. The keys are secrets.
    JwtHmac(JwtHmac),
    /// A signature of a text that is put together from the request.
    Signed(Signed),
    /// Amazon SNS. The keys are the names of the topics that are believed.
    SnsX509(SnsX509),
    /// A user and a password. The keys are `user:password`.
    Basic(Basic),
    /// A secret as it is. The keys are what it may be.
    Token(Token),
}

/// A scheme with its keys.
#[derive(Debug)]
pub struct Verifier {
    scheme: Scheme,
    keys: Vec<Secret>,
    /// What is made of the keys, where it is more than their text.
    read: Read,
}

#[derive(Debug)]
enum Read {
    Text,
    Keys(Vec<keys::Key>),
    Topics(Box<Topics>),
}

/// What a request that was verified holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Verified<'r> {
    /// What the provider says.
    Body(Cow<'r, [u8]>),
    /// The provider wanted to know whether somebody is there. Nothing is to be read.
    Handshake,
}

impl Scheme {
    /// Whether its settings can be used. What cannot be read at all was an error before.
    ///
    /// # Errors
    /// The key that cannot, and what would be right.
    pub fn check(&self) -> Result<(), SettingError> {
        match self {
            Self::Twilio(_) | Self::Plivo(_) | Self::SnsX509(_) | Self::Basic(_) => Ok(()),
            Self::VonageSig(scheme) => scheme.check(),
            Self::JwtHmac(scheme) => scheme.check(),
            Self::Signed(scheme) => scheme.check(),
            Self::Token(scheme) => scheme.check(),
        }
    }

    /// The setting that names a server which stands in for the one that the scheme asks.
    pub fn server_setting(&self) -> Option<&str> {
        if let Self::SnsX509(scheme) = self { scheme.server_setting.as_deref() } else { None }
    }

    /// Makes what verifies by it. `key` is the setting that the keys come from, for the error; `server` is what
    /// [`Scheme::server_setting`] gives.
    ///
    /// # Errors
    /// A key cannot be one, or there is none.
    pub fn verifier(&self, key: &str, keys: Vec<Secret>, server: Option<&str>, common: &CommonSettings) -> Result<Verifier, SettingError> {
        if keys.is_empty() || keys.iter().any(Secret::is_empty) {
            return Err(SettingError::new(key, None, "is missing or empty, and nothing that comes in could be verified without it"));
        }
        let wrong = |right| SettingError::new(key, None, right);
        let read = match self {
            Self::Signed(scheme) => Read::Keys(keys.iter().map(|text| scheme.key(text)).collect::<Result<_, _>>().map_err(wrong)?),
            Self::Basic(_) => keys.iter().try_for_each(credentials::check_basic).map(|()| Read::Text).map_err(wrong)?,
            Self::SnsX509(_) => Read::Topics(Box::new(Topics::new(key, keys.clone(), server, common)?)),
            _ => Read::Text,
        };
        Ok(Verifier { scheme: self.clone(), keys, read })
    }
}

impl Verifier {
    /// The header without which nothing of a body has to be read, in lower case; None where the proof is elsewhere.
    pub fn proof(&self) -> Option<&str> {
        match &self.scheme {
            Scheme::Twilio(_) => Some(twilio::HEADER),
            Scheme::Plivo(scheme) => scheme.proof(),
            Scheme::VonageSig(_) => None,
            Scheme::JwtHmac(scheme) => Some(scheme.header()),
            Scheme::Signed(scheme) => scheme.signature.header(),
            Scheme::SnsX509(_) => Some(sns_x509::HEADER),
            Scheme::Basic(_) => Some(credentials::AUTHORIZATION),
            Scheme::Token(scheme) => scheme.source.header(),
        }
    }

    /// Verifies a request, and answers what it holds.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] whatever is wrong with it; [`Refusal::Unavailable`] where that cannot be said now.
    pub async fn verify<'r>(&self, request: &Request<'r>) -> Result<Verified<'r>, Refusal> {
        if let Read::Topics(topics) = &self.read {
            return topics.verify(request).await;
        }
        // Nothing else is ever said, so that nobody can feel their way.
        if self.is_right(request) == Some(true) {
            Ok(Verified::Body(Cow::Borrowed(request.body)))
        } else {
            Err(Refusal::Forbidden(NOT_RIGHT))
        }
    }

    /// None where something is missing.
    fn is_right(&self, request: &Request<'_>) -> Option<bool> {
        let reading = Reading::new(request);
        match (&self.scheme, &self.read) {
            (Scheme::Twilio(_), _) => twilio::verify(&reading, &self.keys),
            (Scheme::Plivo(scheme), _) => scheme.verify(&reading, &self.keys),
            (Scheme::VonageSig(scheme), _) => scheme.verify(&reading, &self.keys),
            (Scheme::JwtHmac(scheme), _) => scheme.verify(&reading, &self.keys),
            (Scheme::Signed(scheme), Read::Keys(keys)) => scheme.verify(&reading, keys),
            (Scheme::Basic(_), _) => credentials::verify_basic(&reading, &self.keys),
            (Scheme::Token(scheme), _) => scheme.verify(&reading, &self.keys),
            (Scheme::Signed(_) | Scheme::SnsX509(_), _) => None,
        }
    }
}

/// What whoever is refused is told.
pub const NOT_RIGHT: &str = "the signature does not fit this request";

/// Whether a time, in seconds since 1970, is near enough to now.
fn is_fresh(signed_at_s: i64, now: Timestamp, max_age_s: Option<u32>) -> bool {
    let age_s = (now.as_millis() / 1000).abs_diff(signed_at_s);
    age_s <= u64::from(max_age_s.unwrap_or(MAX_AGE_S))
}

/// Whether a definition's bound on an age can be one.
fn check_age(max_age_s: Option<u32>) -> Result<(), SettingError> {
    match max_age_s {
        Some(age) if !(1..=LONGEST_AGE_S).contains(&age) => {
            Err(SettingError::new("max_age_s", age.to_string(), format!("must be 1 to {LONGEST_AGE_S} seconds")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod stand_in;
