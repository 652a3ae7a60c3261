//! What is asked of a server.

use std::fmt::{self, Display};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Uri};
use serde::Serialize;
use url::Url;
use watchbell_core::Timestamp;

use super::payload::Payload;
use super::sigv4;
use crate::gate::Gate;

const AGENT: &str = concat!("watchbell/", env!("CARGO_PKG_VERSION"));

/// A request that is being put together. What cannot be written into one is said by the call, not here.
#[must_use]
pub struct Request {
    method: Method,
    uri: Option<Uri>,
    headers: HeaderMap,
    body: Bytes,
    is_wrong: bool,
}

/// Nothing of it belongs in a log: a URL may hold a token.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request(…)")
    }
}

impl Request {
    /// To a URL; a user and password in it become a header.
    pub(super) fn new(method: Method, url: &Url) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let request = Self { method, uri: None, headers, body: Bytes::new(), is_wrong: false };
        if url.username().is_empty() && url.password().is_none() {
            return Self { uri: url.as_str().parse().ok(), ..request };
        }
        let mut bare = url.clone();
        // Fails only for URLs without a host, which are no http URLs.
        let _ = (bare.set_username(""), bare.set_password(None));
        let decoded =
            |text: &str| watchbell_core::decode::percent_decode(text).map_or_else(|| text.to_owned(), std::borrow::Cow::into_owned);
        let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        Self { uri: bare.as_str().parse().ok(), ..request }.secret_header(AUTHORIZATION, basic(&user, &password))
    }

    pub fn header(self, name: &'static str, value: impl Display) -> Self {
        let value = HeaderValue::try_from(value.to_string());
        self.with(HeaderName::from_static(name), value.ok())
    }

    /// A header that may hold a secret.
    pub fn named_header(self, name: &HeaderName, value: String) -> Self {
        self.secret_header(name.clone(), value)
    }

    pub fn bearer_auth(self, token: &str) -> Self {
        self.secret_header(AUTHORIZATION, format!("Bearer {token}"))
    }

    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.secret_header(AUTHORIZATION, basic(user, password))
    }

    pub fn json(self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.with(CONTENT_TYPE, Some(HeaderValue::from_static("application/json"))).body(body),
            Err(_) => Self { is_wrong: true, ..self },
        }
    }

    pub fn form<V: AsRef<str>>(self, fields: &[(&str, V)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(512));
        form.extend_pairs(fields);
        self.with(CONTENT_TYPE, Some(HeaderValue::from_static("application/x-www-form-urlencoded"))).body(form.finish())
    }

    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Signs all that was put into it so far, body included, as Amazon asks ([`sigv4`]).
    pub fn sigv4(self, credentials: &sigv4::Credentials, now: Timestamp) -> Self {
        let Some(url) = self.uri.as_ref().and_then(|uri| Url::parse(&uri.to_string()).ok()) else { return Self { is_wrong: true, ..self } };
        let date = sigv4::date(now);
        let token = credentials.session_token.as_ref().map(|token| token.expose().to_owned());
        let mut request = self.header("x-amz-date", &date);
        if let Some(token) = &token {
            request = request.secret_header(HeaderName::from_static("x-amz-security-token"), token.clone());
        }
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        // What proxies and the client may change on the way is not signed.
        let is_signed = |name: &str| name == "content-type" || name.starts_with("x-amz-");
        let given = request.headers.iter().filter(|(name, _)| is_signed(name.as_str()));
        let given = given.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers: Vec<_> = given.chain([("host", host.as_str())]).collect();
        let authorization = sigv4::authorization(credentials, request.method.as_str(), &url, &headers, &request.body, &date);
        request.secret_header(AUTHORIZATION, authorization)
    }

    fn secret_header(self, name: HeaderName, value: String) -> Self {
        let value = HeaderValue::try_from(value).map(|mut value| {
            value.set_sensitive(true);
            value
        });
        self.with(name, value.ok())
    }

    fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        match value {
            Some(value) => drop(self.headers.insert(name, value)),
            None => self.is_wrong = true,
        }
        self
    }

    /// None where something could not be written.
    pub(super) fn build(self, gate: Gate) -> Option<http::Request<Payload>> {
        if self.is_wrong {
            return None;
        }
        let mut request = http::Request::new(Payload::new(self.body, gate));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri?;
        *request.headers_mut() = self.headers;
        Some(request)
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
