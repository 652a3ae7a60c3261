//! Who somebody is, by what an OpenID Connect provider says: the authorization code flow with PKCE, and a nonce in the ID token.
//!
//! [`Attempt`] is one browser's way there and back: a secret that the browser keeps, from which state, nonce and PKCE verifier are
//! derived, so that the server keeps nothing. [`SignOn`] knows the provider: its discovery document and keys are read when somebody
//! signs in, kept for an hour, and read anew when a token is signed by a key that is not among them. Whatever is asked of the provider is
//! bounded in time.
//!
//! What a provider answers is never shown or logged as it is: [`SignOnError`] says in our own words what is wrong.

mod attempt;
mod identity;
mod provider;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use url::Url;
use watchbell_core::access::Role;
use watchbell_core::{Clock, Secret, Timestamp};
use watchbell_providers::http::Http;

pub use attempt::Attempt;
pub use identity::Identity;
use provider::Provider;

/// How long a step of signing in may take, with all that is asked of the provider for it.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the provider is believed to be as it was.
const KNOWN_FOR: Duration = Duration::from_hours(1);
/// What is younger is not read anew, whoever signs tokens with keys that nobody knows.
const NEWS_AFTER: Duration = Duration::from_secs(10);

/// What the operator says about the provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Exactly as its discovery document says it.
    pub issuer: String,
    pub client_id: String,
    /// None for a public client.
    pub client_secret: Option<Secret>,
    /// Beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that says which role somebody has.
    pub role_claim: String,
    /// The values that give each role; `*` is everybody's.
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Whether a user is made of somebody who is none.
    pub create_users: bool,
    /// What the page calls it.
    pub label: String,
}

impl Settings {
    /// The most that any of these values gives.
    pub fn role_of(&self, identity: &Identity) -> Option<Role> {
        let gives = |role: &Role| {
            let values = self.roles.get(role).into_iter().flatten();
            values.into_iter().any(|value| value == "*" || identity.role_values.contains(value))
        };
        [Role::Admin, Role::Reader, Role::User].into_iter().find(gives)
    }
}

/// Why somebody could not sign in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignOnError {
    /// The provider cannot be reached, or is not what it should be.
    #[error("the identity provider does not work: {0}")]
    Unavailable(&'static str),
    /// What it says does not let this browser in.
    #[error("the identity provider's answer is not taken: {0}")]
    Refused(&'static str),
}

/// The provider, as far as it is known.
pub struct SignOn {
    pub settings: Settings,
    http: Http,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<(Arc<Provider>, Timestamp)>>,
}

impl std::fmt::Debug for SignOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignOn").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

impl SignOn {
    /// Asks nobody anything yet.
    pub fn new(settings: Settings, http: Http, clock: Arc<dyn Clock>) -> Self {
        Self { settings, http, clock, known: Mutex::default() }
    }

    /// Where the browser goes to sign in; it comes back to `redirect`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn begin(&self, attempt: &Attempt, redirect: &Url) -> Result<Url, SignOnError> {
        let begun = async { self.provider(KNOWN_FOR).await?.authorize_url(&self.settings, attempt, redirect) };
        tokio::time::timeout(WITHIN, begun).await.unwrap_or(Err(SLOW))
    }

    /// Who came back with a code.
    ///
    /// # Errors
    /// `Unavailable`; `Refused` where the code or the token is not what belongs to this attempt.
    pub async fn finish(&self, attempt: &Attempt, redirect: &Url, code: &Secret) -> Result<Identity, SignOnError> {
        let finished = async {
            let provider = self.provider(KNOWN_FOR).await?;
            let token = provider.exchange(&self.http, attempt, redirect, code).await?;
            match provider.verify(&token, &self.settings, attempt, self.clock.now()) {
                Err(provider::NotVerified::UnknownKey) => {
                    let anew = self.provider(NEWS_AFTER).await?;
                    anew.verify(&token, &self.settings, attempt, self.clock.now()).map_err(Into::into)
                }
                verified => verified.map_err(Into::into),
            }
        };
        tokio::time::timeout(WITHIN, finished).await.unwrap_or(Err(SLOW))
    }

    /// The provider as it was within that time. One reads it for all who wait.
    async fn provider(&self, within: Duration) -> Result<Arc<Provider>, SignOnError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some((provider, _)) = known.as_ref().filter(|(_, at)| now - *at < within) {
            return Ok(Arc::clone(provider));
        }
        let provider = Arc::new(Provider::discover(&self.settings, &self.http).await?);
        *known = Some((Arc::clone(&provider), now));
        Ok(provider)
    }
}

const SLOW: SignOnError = SignOnError::Unavailable("it did not answer in time");
