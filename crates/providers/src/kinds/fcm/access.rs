//! Google's access tokens for a service account: a signed assertion is exchanged for a token of an hour.

use std::fs;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;
use url::Url;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Secret, Timestamp};

use crate::http::{self, Http};
use crate::jwt::SigningKey;
use crate::settings::{self, SettingError};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// An assertion's life, in seconds: the longest that Google takes.
const ASSERTION_S: i64 = 3600;
/// A token is replaced this long before it ends, so that none ends on its way.
const MARGIN: Duration = Duration::from_mins(5);
/// After a failed exchange nobody asks again for this long: many messages wait on the same token.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// What of a service account's JSON is used.
#[derive(Debug, Deserialize)]
pub struct ServiceAccount {
    pub project_id: String,
    client_email: String,
    private_key: Secret,
    #[serde(default)]
    private_key_id: Option<String>,
    token_uri: String,
}

impl ServiceAccount {
    /// Reads the JSON, or the file of that name.
    pub fn read(text: &str) -> Result<Self, SettingError> {
        let wrong = |value: Option<String>, why: &str| {
            SettingError::new("service_account", value, format!("must be a Google service account's JSON, or the path of its file: {why}"))
        };
        let inline = text.trim_start().starts_with('{');
        // Only a path may be shown.
        let path = (!inline).then(|| text.to_owned());
        let json =
            if inline { text.to_owned() } else { fs::read_to_string(text).map_err(|error| wrong(path.clone(), &error.to_string()))? };
        // serde's own message could quote the key.
        let account: Self = serde_json::from_str(&json).map_err(|error| {
            let field = error.to_string().split('`').nth(1).unwrap_or("a field").to_owned();
            let why = if error.is_data() { format!("{field} is missing or no text") } else { "it is not JSON".to_owned() };
            wrong(path.clone(), &why)
        })?;
        account.key().map_err(|why| wrong(path, why))?;
        Ok(account)
    }

    pub fn token_url(&self, own: Option<&str>) -> Result<Url, SettingError> {
        settings::base_url("token_url", own.unwrap_or(&self.token_uri))
    }

    fn key(&self) -> Result<SigningKey, &'static str> {
        SigningKey::rs256_from_pem(self.private_key.expose()).ok_or("private_key is no RSA key of 2048 bits or more, as PKCS #8 in PEM")
    }

    /// The signed assertion (RFC 7523).
    fn assertion(&self, audience: &str, now: Timestamp) -> Option<String> {
        let issued_at = now.as_millis() / 1000;
        let claims = json!({
            "iss": self.client_email, "scope": SCOPE, "aud": audience, "iat": issued_at, "exp": issued_at + ASSERTION_S,
        });
        self.key().ok()?.token(self.private_key_id.as_deref(), &claims)
    }
}

/// The current token. The lock is held while one is fetched, so that one caller fetches and the others wait for it.
#[derive(Debug)]
pub struct Access {
    account: ServiceAccount,
    token_url: Url,
    http: Http,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    None,
    Token { token: Secret, until: Timestamp },
    Failed { report: Report, until: Timestamp },
}

#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    expires_in: u32,
}

impl Access {
    pub fn new(account: ServiceAccount, token_url: Url, http: Http) -> Self {
        Self { account, token_url, http, state: Mutex::new(State::None) }
    }

    /// A token that holds for some minutes yet. The error is the report of a message that cannot be sent without it: it has
    /// not been, so it never is `Unknown`.
    pub async fn token(&self, now: Timestamp) -> Result<Secret, Report> {
        let mut state = self.state.lock().await;
        match &*state {
            State::Token { token, until } if now < *until => return Ok(token.clone()),
            State::Failed { report, until } if now < *until => return Err(report.clone()),
            _ => {}
        }
        match self.fetch(now).await {
            Ok(granted) => {
                let life = Duration::from_secs(granted.expires_in.into()).saturating_sub(MARGIN);
                *state = State::Token { token: granted.access_token.clone(), until: now + life };
                Ok(granted.access_token)
            }
            Err(report) => {
                *state = State::Failed { report: report.clone(), until: now + PAUSE_AFTER_FAILURE };
                Err(report)
            }
        }
    }

    /// Drops a token that was refused, unless another caller has replaced it already.
    pub async fn forget(&self, refused: &Secret) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Token { token, .. } if token == refused) {
            *state = State::None;
        }
    }

    async fn fetch(&self, now: Timestamp) -> Result<Granted, Report> {
        let failed = |outcome, code: &str| Report::new(outcome, format!("token_{code}"));
        let passing = |code: &str| failed(Report::retry(None).outcome, code);
        let assertion = self.account.assertion(&self.account.token_uri, now).ok_or_else(|| failed(Outcome::ProviderDown, "key"))?;
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)];
        let answer = self.http.call(self.http.post(&self.token_url).form(&form)).await;
        let answer = answer.map_err(|report| passing(report.code.as_deref().unwrap_or_default()))?;
        if answer.status == 200 {
            return serde_json::from_value(answer.json()).map_err(|_| passing("broken_answer"));
        }
        let status = http::by_status(&answer, now);
        let code = status.code.unwrap_or_default();
        // invalid_grant (a revoked key, a wrong clock) and the like: nothing goes through until somebody mends it.
        let outcome = if matches!(status.outcome, Outcome::Retry { .. }) { status.outcome } else { Outcome::ProviderDown };
        Err(failed(outcome, &code))
    }
}
