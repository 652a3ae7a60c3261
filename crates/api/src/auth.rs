//! Who calls, and what they may: the one place for every surface.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::RngExt;
use rand::distr::Alphanumeric;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use watchbell_core::access::{Caller, Role};
use watchbell_core::{Secret, UserId};
use watchbell_store::access::{Actor, AdminKey, ApiKey};
use watchbell_store::{Store, StoreError};

use crate::problem::{Kind, Problem};
use crate::session::{self, Head, Session};
use crate::state::Api;

/// How a surface's clients send their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Bearer KEY`, or HTTP Basic with the key as password.
    BearerOrBasic,
    /// `Authorization: KEY`.
    Raw,
    /// `x-notiflows-api-key: pk_…` and `x-notiflows-secret-key: sk_…`.
    KeyPair,
}

/// What a client sent of its key.
struct Presented {
    key: Secret,
    /// The public part of a pair.
    public: Option<Secret>,
}

impl Credentials {
    fn read(self, headers: &HeaderMap) -> Option<Presented> {
        let text = |name: &str| headers.get(name).map(HeaderValue::to_str)?.ok().map(str::trim).filter(|text| !text.is_empty());
        if self == Self::KeyPair {
            let (public, key) = (text("x-notiflows-api-key")?, text("x-notiflows-secret-key")?);
            return Some(Presented { key: Secret::new(key), public: Some(Secret::new(public)) });
        }
        self.read_authorization(text(AUTHORIZATION.as_str())?).map(|key| Presented { key, public: None })
    }

    fn read_authorization(self, value: &str) -> Option<Secret> {
        match self {
            Self::KeyPair => None,
            Self::Raw => Some(Secret::new(value)),
            Self::BearerOrBasic => {
                let (scheme, rest) = value.split_once(' ')?;
                let rest = rest.trim();
                if scheme.eq_ignore_ascii_case("bearer") {
                    return Some(Secret::new(rest));
                }
                if !scheme.eq_ignore_ascii_case("basic") {
                    return None;
                }
                let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
                // A user name has no colon, a password may.
                pair.split_once(':').map(|(_, password)| Secret::new(password))
            }
        }
    }
}

/// Finds out who calls, from which address.
///
/// # Errors
/// `Unauthenticated` without a key, or with one that nobody has; `TooMany` where the address sent too many of those.
pub(crate) async fn authenticate(
    api: &Api,
    credentials: Credentials,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<Authenticated, Problem> {
    let presented = credentials.read(headers).filter(|presented| !presented.key.is_empty()).ok_or_else(|| {
        let form = match credentials {
            Credentials::BearerOrBasic => "send the header Authorization: Bearer KEY",
            Credentials::Raw => "send the key in the header Authorization",
            Credentials::KeyPair => "send both parts of the pair in the headers x-notiflows-api-key and x-notiflows-secret-key",
        };
        Problem::new(Kind::Unauthenticated, format!("no API key; {form}"))
    })?;
    presented.check(api, address).await
}

/// Finds out who calls: by a key as a surface's clients send theirs, or else by the session of a browser. Where a pair is asked for, no
/// session will do.
///
/// # Errors
/// As [`authenticate`] and [`session::resume`].
pub(crate) async fn caller(
    api: &Api,
    credentials: Credentials,
    head: Head<'_>,
    address: IpAddr,
) -> Result<(Authenticated, Option<Session>), Problem> {
    let headers = head.headers();
    let has_key = credentials == Credentials::KeyPair || credentials.read(headers).is_some();
    match session::presented(headers).filter(|_| !has_key) {
        Some(id) => session::resume(api, head, &id, address).await.map(|(caller, session)| (caller, Some(session))),
        None => authenticate(api, credentials, headers, address).await.map(|caller| (caller, None)),
    }
}

/// Finds out whose a key is that no header of a surface's own carries.
///
/// # Errors
/// As [`authenticate`].
pub(crate) async fn holder(api: &Api, key: &Secret, address: IpAddr) -> Result<Authenticated, Problem> {
    Presented { key: key.clone(), public: None }.check(api, address).await
}

impl Presented {
    async fn check(&self, api: &Api, address: IpAddr) -> Result<Authenticated, Problem> {
        let hash = hash_key(&self.key);
        let _turn = if api.known_keys.has(&hash) { None } else { Some(api.gates.stranger().await?) };
        let found = api.store.key_by_hash(&hash).await?;
        match found {
            Some((key, kept)) if bool::from(kept.as_bytes().ct_eq(hash.as_bytes())) && self.is_of(&key) => {
                if let Some(expired_at) = key.expires_at.filter(|_| key.is_over(api.clock.now())) {
                    api.known_keys.forget(&hash);
                    let over = format!("this API key has expired, at {expired_at}; an admin can make another one");
                    return Err(api.limits.failed(
                        address,
                        "an API key that has expired was presented",
                        Problem::new(Kind::Unauthenticated, over),
                    ));
                }
                api.known_keys.add(hash);
                api.key_uses.note(key.id, address);
                Ok(Authenticated(Caller { key_id: key.id, role: key.role, user_id: key.user_id, intake: key.intake }, address))
            }
            _ => {
                api.known_keys.forget(&hash);
                api.refusals.note(address);
                let unknown = Problem::new(Kind::Unauthenticated, "unknown API key");
                Err(api.limits.failed(address, "an API key that nobody has was presented", unknown))
            }
        }
    }

    /// Whether the public part is this key's. A pair is taken as a pair only, and where one is asked for nothing else is.
    fn is_of(&self, key: &ApiKey) -> bool {
        match (&self.public, &key.public_key) {
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
            (Some(sent), Some(kept)) => bool::from(sent.expose().as_bytes().ct_eq(kept.as_bytes())),
        }
    }
}

/// The caller, as the surface's layer found them, and the address that they called from.
#[derive(Clone, Debug)]
pub struct Authenticated(pub Caller, pub IpAddr);

impl FromRequestParts<Api> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        // Missing only if a route stands outside its surface's layer.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Kind::Unauthenticated, "no API key"))
    }
}

/// What a caller wants to do to something of a user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Read,
    Change,
}

impl Authenticated {
    pub fn actor(&self) -> Actor {
        Actor::Key { id: self.0.key_id, address: Some(self.1) }
    }

    pub fn is_admin(&self) -> bool {
        self.0.role == Role::Admin
    }

    /// # Errors
    /// `Forbidden` when the key may not do that to this user.
    pub fn check_user(&self, user: UserId, intent: Intent) -> Result<(), Problem> {
        let may = match intent {
            Intent::Read => self.0.may_read_user(user),
            Intent::Change => self.0.may_change_user(user),
        };
        if may { Ok(()) } else { Err(self.refusal()) }
    }

    /// Whether the key sees everybody, or only its own user.
    pub fn sees_everybody(&self) -> bool {
        matches!(self.0.role, Role::Admin | Role::Reader)
    }

    /// # Errors
    /// `Forbidden` unless the key is an admin's.
    pub fn check_admin(&self) -> Result<(), Problem> {
        if self.is_admin() { Ok(()) } else { Err(Problem::forbidden("this needs an admin key")) }
    }

    /// # Errors
    /// `Forbidden` unless the key may read everything.
    pub fn check_reads_all(&self) -> Result<(), Problem> {
        if self.sees_everybody() { Ok(()) } else { Err(Problem::forbidden("this needs an admin or a reader key")) }
    }

    /// # Errors
    /// `Forbidden` unless the key may publish events.
    pub fn check_publisher(&self) -> Result<(), Problem> {
        match &self.0.intake {
            _ if self.0.may_publish() => Ok(()),
            Some(intake) => Err(Problem::forbidden(format!("this key is for the intake {intake} alone"))),
            None => Err(Problem::forbidden("this needs a publisher or an admin key")),
        }
    }

    /// # Errors
    /// `Forbidden` unless the key may report by this intake.
    pub fn check_intake(&self, intake: &str) -> Result<(), Problem> {
        if self.0.may_report_by(intake) { Ok(()) } else { self.check_publisher() }
    }

    /// Says no in words that are the same whether or not what was asked for is there.
    pub(crate) fn refusal(&self) -> Problem {
        Problem::forbidden(match self.0.role {
            Role::Admin => "this key may not do that",
            Role::User => "a user key reaches only its own user",
            Role::Publisher => "a publisher key may only publish events",
            Role::Reader => "a reader key changes nothing",
        })
    }
}

/// Hex SHA-256: what is kept of keys and of one-time tokens.
pub fn hash_key(key: &Secret) -> String {
    hex::encode(Sha256::digest(key.expose().as_bytes()))
}

/// A new key: `wb_` and 256 random bits.
pub fn new_key() -> Secret {
    Secret::new(format!("wb_{}", random_text::<32>()))
}

/// A new key for a publisher: 32 letters and digits, 190 random bits. PagerDuty's clients take no other for a routing key.
pub fn new_publisher_key() -> Secret {
    Secret::new(rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect::<String>())
}

/// A new key pair: `pk_…`, which is no secret, and `sk_…`, which is.
pub fn new_key_pair() -> (String, Secret) {
    (format!("pk_{}", random_text::<16>()), Secret::new(format!("sk_{}", random_text::<32>())))
}

/// So many random bytes as base64url.
pub(crate) fn random_text<const N: usize>() -> String {
    let bytes: [u8; N] = rand::rng().random();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Makes sure that there is an admin key: the configured one, which takes the place of the one configured before; or, where
/// there is none at all, a new one, which is answered so that it can be shown, once.
///
/// # Errors
/// The database's.
pub async fn bootstrap_admin_key(store: &dyn Store, configured: Option<&Secret>) -> Result<Option<Secret>, StoreError> {
    const NAME: &str = "first admin";
    let key = configured.cloned().unwrap_or_else(new_key);
    let outcome = store.ensure_admin_key(NAME, &hash_key(&key), configured.is_some()).await?;
    if outcome == AdminKey::Deleted {
        tracing::warn!("admin_key is a key that was deleted: it opens nothing; take it out of the configuration, or set another one");
    }
    Ok(Some(key).filter(|_| configured.is_none() && outcome == AdminKey::Made))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn keys_are_read_from_each_form() {
        let basic = format!("Basic {}", STANDARD.encode("anna@org:wb_x:y"));
        let table = [
            (Credentials::BearerOrBasic, "Bearer wb_x", Some("wb_x")),
            (Credentials::BearerOrBasic, "bearer  wb_x ", Some("wb_x")),
            (Credentials::BearerOrBasic, basic.as_str(), Some("wb_x:y")),
            (Credentials::BearerOrBasic, "Basic ???", None),
            (Credentials::BearerOrBasic, "Digest wb_x", None),
            (Credentials::BearerOrBasic, "wb_x", None),
            (Credentials::Raw, "wb_x", Some("wb_x")),
            (Credentials::Raw, "Bearer wb_x", Some("Bearer wb_x")),
        ];
        for (credentials, header, key) in table {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, header.parse().unwrap());
            let read = credentials.read(&headers).map(|presented| presented.key);
            assert_eq!(read.as_ref().map(Secret::expose), key, "{header}");
        }
    }

    #[test]
    fn new_keys_have_their_form() {
        let key = new_key();
        assert!(key.expose().starts_with("wb_"));
        assert_eq!(key.expose().len(), 3 + 43);
        assert_ne!(key, new_key());
        assert_eq!(hash_key(&Secret::new("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
