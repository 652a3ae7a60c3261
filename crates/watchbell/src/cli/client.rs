//! The HTTP client of the commands that ask a running server.

use std::time::Duration;

use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use watchbell_core::Secret;

use super::output;

/// Which server to ask, and as whom.
#[derive(Clone, Debug, Args)]
pub struct Server {
    /// The server's address
    #[arg(long, value_name = "URL", env = "WATCHBELL_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key
    #[arg(long, value_name = "KEY", env = "WATCHBELL_KEY", hide_env_values = true, value_parser = secret)]
    key: Option<Secret>,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature that clap calls")]
pub fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Why the server's answer is not there, or is no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is not the address of a server; one such as http://127.0.0.1:8080 is needed")]
    Url(String),
    #[error("no server answers at {url}: {why}")]
    Unreachable { url: String, why: String },
    #[error("an API key is needed: --key or WATCHBELL_KEY")]
    NoKey,
    #[error("the API key has characters that no header can hold; was it cut, or quoted twice?")]
    Unsayable,
    #[error("the server refuses this API key ({0})")]
    Refused(String),
    #[error("the server is asked too often; it wants {retry_s} s of quiet")]
    TooOften { retry_s: u64 },
    #[error("the server answers {status}: {message}")]
    Status { status: StatusCode, message: String },
    #[error("the server answers the query with: {0}")]
    Query(String),
    #[error("the answer cannot be read; is {0} the right address?")]
    Answer(String),
}

impl Server {
    pub fn new(url: String, key: Secret) -> Self {
        Self { url, key: Some(key) }
    }

    pub fn client(&self) -> Result<Client, Error> {
        let wrong = || Error::Url(self.url.clone());
        let url = reqwest::Url::parse(&self.url).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(wrong)?;
        // A long poll or a big page takes seconds, never longer.
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).connect_timeout(Duration::from_secs(5));
        let http = http
            .tls_backend_preconfigured(tls())
            .build()
            .map_err(|error| Error::Unreachable { url: self.url.clone(), why: root_cause(&error) })?;
        Ok(Client { http, base: url.as_str().trim_end_matches('/').to_owned(), key: self.key.clone(), scheme: "Bearer " })
    }

    /// For other systems, where something else stands before the key.
    pub fn client_with(&self, scheme: &'static str) -> Result<Client, Error> {
        Ok(Client { scheme, ..self.client()? })
    }
}

/// The certificates that are compiled in decide whom to trust, as for providers, so that a machine without any will do.
fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

/// Speaks to one server with one key.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<Secret>,
    /// What stands before the key.
    scheme: &'static str,
}

impl Client {
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Error> {
        self.read(self.send(Method::GET, path, query, None).await?).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)], body: Option<&Value>) -> Result<T, Error> {
        self.read(self.send(Method::POST, path, query, body).await?).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Error> {
        self.read(self.send(Method::DELETE, path, query, None).await?).await
    }

    /// For requests whose answer is empty, or of no interest.
    pub async fn call(&self, method: Method, path: &str, query: &[(&str, String)], body: Option<&Value>) -> Result<(), Error> {
        self.send(method, path, query, body).await.map(drop)
    }

    /// A page that is for everyone, as text.
    pub async fn plain(&self, path: &str) -> Result<String, Error> {
        let request = self.http.get(format!("{}{path}", self.base));
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            response.text().await.map_err(|error| self.unreachable(&error))
        } else {
            Err(refusal(response).await)
        }
    }

    async fn send(&self, method: Method, path: &str, query: &[(&str, String)], body: Option<&Value>) -> Result<Response, Error> {
        let key = self.key.as_ref().filter(|key| !key.is_empty()).ok_or(Error::NoKey)?;
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.base)).map_err(|_| Error::Url(self.base.clone()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut authorization = HeaderValue::try_from(format!("{}{}", self.scheme, key.expose())).map_err(|_| Error::Unsayable)?;
        authorization.set_sensitive(true);
        let mut request = self.http.request(method, url).header(AUTHORIZATION, authorization);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Error> {
        response.json().await.map_err(|error| if error.is_timeout() { self.unreachable(&error) } else { Error::Answer(self.base.clone()) })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        Error::Unreachable { url: self.base.clone(), why: root_cause(error) }
    }
}

/// What a server's limit is counted in, where it does not say how long it lasts.
const A_MINUTE_S: u64 = 60;

/// The server's own words, in whichever of the surfaces' error forms they come.
async fn refusal(response: Response) -> Error {
    let status = response.status();
    let retry_s = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(A_MINUTE_S);
    let text = response.text().await.unwrap_or_default();
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    let said =
        ["/message", "/detail", "/error/message", "/error", "/errors/0/message"].iter().find_map(|place| body.pointer(place)?.as_str());
    let message = output::tame(said.unwrap_or_else(|| text.lines().next().unwrap_or_default()));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Refused(message),
        StatusCode::TOO_MANY_REQUESTS => Error::TooOften { retry_s },
        _ => Error::Status { status, message },
    }
}

/// The innermost of an error's causes: "Connection refused" says more than "error sending request".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    /// A lone `.` or `..` would be another path, so dots are encoded as well.
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');
    utf8_percent_encode(text, ENCODED).to_string()
}
