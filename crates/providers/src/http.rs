//! The one HTTP client of the providers: how it is built, and what it means when a call fails on the way.
//!
//! What could not be connected was not sent, so it is tried again. Once a connection stands, the request may have been
//! written before the failure shows, so the outcome is unknown, unless a whole status line came back: that is an answer,
//! even if its body breaks off.

mod answer;
mod connect;
mod payload;
mod request;
pub mod sigv4;
pub(crate) mod web_socket;

use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;
use url::Url;
use watchbell_core::outcome::{Outcome, Report};

use crate::address_guard::{self, AddressGuard};
use crate::gate::Gate;
use crate::provider::Outgoing;
use crate::settings::{CommonSettings, SettingError};
use crate::tls;
pub use answer::{Answer, by_status, id, is_passing, number, text};
use connect::Connector;
use payload::Payload;
pub use request::Request;

/// The longest that connecting (name, TCP, TLS) may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections are closed before the services close them (Twilio's, Google's and Telegram's edges keep them for a minute or
/// more), so that a request is not written into a connection that is just going away.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// More of an answer is not read. The services answer with one or two kilobytes.
const LARGEST_BODY: usize = 64 * 1024;
/// The same of what was asked for: a list of some dozen messages.
const LARGEST_LIST: usize = 512 * 1024;

/// Between two questions over an HTTP/2 connection in use whether the service is still there, and until it must have answered:
/// all messages share the connection, so a dead one must not live long.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A client with pooled connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<Connector, Payload>,
    /// For the whole call.
    timeout: Duration,
    /// A success is one even if its text breaks off.
    is_status_enough: bool,
    /// More of what is asked for is not read.
    largest_list: usize,
}

impl Http {
    /// Speaks HTTP/1.1. Asks the proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), for https alone: in
    /// clear text only gateways next door are spoken to.
    ///
    /// # Errors
    /// The CA file cannot be used.
    pub fn new(common: &CommonSettings) -> Result<Self, SettingError> {
        let connector = Connector::open(Matcher::from_env(), tls::client_config(common.ca_file.as_deref())?, connect_within(common));
        Ok(Self::with(common, connector, &mut builder()))
    }

    /// For services that speak HTTP/2 alone; in clear text without asking first, which is for stand-ins.
    pub fn http2(common: &CommonSettings) -> Result<Self, SettingError> {
        let mut tls = tls::client_config(common.ca_file.as_deref())?;
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let connector = Connector::open(Matcher::from_env(), tls, connect_within(common));
        let mut builder = builder();
        builder.http2_only(true).http2_keep_alive_interval(PING_INTERVAL).http2_keep_alive_timeout(PING_TIMEOUT);
        Ok(Self::with(common, connector, &mut builder))
    }

    /// For servers that users name: a name leads only where the guard permits.
    pub(crate) fn guarded(common: &CommonSettings, guard: AddressGuard) -> Result<Self, SettingError> {
        let connector = Connector::guarded(guard, tls::client_config(common.ca_file.as_deref())?, connect_within(common));
        Ok(Self { is_status_enough: true, ..Self::with(common, connector, &mut builder()) })
    }

    /// The same for texts of which the whole counts, up to that many bytes.
    pub(crate) fn whole(self, largest_list: usize) -> Self {
        Self { is_status_enough: false, largest_list, ..self }
    }

    fn with(common: &CommonSettings, connector: Connector, builder: &mut legacy::Builder) -> Self {
        Self { client: builder.build(connector), timeout: common.timeout(), is_status_enough: false, largest_list: LARGEST_LIST }
    }

    pub fn request(&self, method: Method, url: &Url) -> Request {
        Request::new(method, url)
    }

    pub fn post(&self, url: &Url) -> Request {
        Request::new(Method::POST, url)
    }

    pub fn put(&self, url: &Url) -> Request {
        Request::new(Method::PUT, url)
    }

    pub fn delete(&self, url: &Url) -> Request {
        Request::new(Method::DELETE, url)
    }

    pub fn patch(&self, url: &Url) -> Request {
        Request::new(Method::PATCH, url)
    }

    pub fn get(&self, url: &Url) -> Request {
        Request::new(Method::GET, url)
    }

    /// Hands a message over, if it is still wanted when the connection stands; redirections are not followed. The error is the
    /// report of what failed on the way.
    pub async fn hand_over(&self, message: &Outgoing, request: Request) -> Result<Answer, Report> {
        self.call_through(message.gate.clone(), request).await
    }

    /// The same for a call that hands no message over.
    pub async fn call(&self, request: Request) -> Result<Answer, Report> {
        self.call_through(Gate::default(), request).await
    }

    async fn call_through(&self, gate: Gate, request: Request) -> Result<Answer, Report> {
        let Some(request) = request.build(gate) else { return Err(Report::new(Outcome::BadMessage, "request".to_owned())) };
        let most = if *request.method() == Method::GET { self.largest_list } else { LARGEST_BODY };
        let end = Instant::now() + self.timeout;
        let answered = tokio::time::timeout_at(end, self.client.request(request)).await;
        let (head, mut incoming) = answered.map_err(|_| timed_out())?.map_err(|error| failed(&error))?.into_parts();
        let status = head.status.as_u16();
        let mut body = Vec::new();
        match tokio::time::timeout_at(end, read(&mut incoming, &mut body, most)).await.unwrap_or(Err("timeout")) {
            Ok(()) => {}
            // A refusal stands, whatever became of its text. What says that it was taken must say it to the end, where the
            // text says more than the status.
            Err(_) if status >= 400 || self.is_status_enough => {}
            Err(code) => return Err(Report::new(Outcome::Unknown, code.to_owned())),
        }
        Ok(Answer { status, headers: head.headers, body })
    }
}

/// Half of all the time there is at most, so that it ends as "could not connect", which says that nothing was sent.
fn connect_within(common: &CommonSettings) -> Duration {
    CONNECT_TIMEOUT.min(common.timeout() / 2)
}

fn builder() -> legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE_TIMEOUT).pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    // Bodies are small: one buffer is written faster than two.
    builder.http1_writev(false);
    builder
}

async fn read(incoming: &mut Incoming, body: &mut Vec<u8>, most: usize) -> Result<(), &'static str> {
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| "broken_answer")?;
        let Some(chunk) = frame.data_ref() else { continue };
        if body.len() + chunk.len() > most {
            return Err("long_answer");
        }
        body.extend_from_slice(chunk);
    }
    Ok(())
}

fn timed_out() -> Report {
    Report::new(Outcome::Unknown, "timeout".to_owned())
}

/// What a failure on the way means. The error's text is dropped: it may hold an address.
fn failed(error: &legacy::Error) -> Report {
    if let Some(refused) = address_guard::refusal(error) {
        refused
    } else if error.is_connect() {
        // Names, TCP and TLS: the connector's own errors, all before the first byte of the request.
        Report::retry("connect".to_owned())
    } else {
        Report::new(Outcome::Unknown, "broken_connection".to_owned())
    }
}

/// Puts path segments after a base URL's own path.
pub fn join(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    // Fails only for URLs without a host, which settings do not let through.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// `{base}/callbacks/{segments}?delivery={id}`: where the service shall report to.
pub fn callback(base: &str, segments: &[&str], delivery: &str) -> String {
    let mut url = callback_place(base, segments);
    url.push_str("?delivery=");
    encode(&mut url, delivery);
    url
}

/// `{base}/callbacks/{segments}`, where what is reported says itself which message it is about.
pub fn callback_place(base: &str, segments: &[&str]) -> String {
    let mut url = String::with_capacity(base.len() + 100);
    url.extend([base.trim_end_matches('/'), "/callbacks"]);
    for segment in segments {
        url.push('/');
        encode(&mut url, segment);
    }
    url
}

/// Adds a value as a part of a URL: in its path or query, where it stands for nothing but itself.
pub(crate) fn encode(url: &mut String, value: &str) {
    url.extend(utf8_percent_encode(value, ENCODED));
}

/// Everything but what RFC 3986 calls unreserved.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Waits for a call no longer than `limit`; None when it took longer.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, call).await.ok()
}

#[cfg(test)]
mod tests;
