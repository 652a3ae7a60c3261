//! A service on a loopback port that answers as it is told and remembers what it was sent.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use watchbell_core::event::Priority;
use watchbell_core::{Channel, DeliveryId, EventId, Secret, Timestamp, UserId};

use crate::gate::Gate;
use crate::provider::{About, Address, AnswerOffer, Content, Outgoing, Told};
use crate::settings::CommonSettings;

/// What is done with one request.
pub enum Act {
    /// Answers with that status, headers (whole lines) and body.
    Answer(u16, &'static str, String),
    /// Writes just that, and closes.
    Raw(&'static str),
    /// Reads the request and never answers.
    Silent,
    /// Reads the request and closes its own side.
    HalfClose,
    /// Closes what it accepted without reading.
    CloseUnread,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: String,
    /// As text; what is none is replaced.
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Seen {
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

pub struct StandIn {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    is_silent: bool,
}

impl StandIn {
    /// Answers the requests in the order of `acts`; after the last one connections are closed unread.
    pub async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let acts: VecDeque<_> = acts.into_iter().collect();
        let is_silent = acts.iter().any(|act| matches!(act, Act::Silent));
        let acts = Arc::new(Mutex::new(acts));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn({
            let seen = Arc::clone(&seen);
            let connections = Arc::clone(&connections);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(serve(stream, Arc::clone(&acts), Arc::clone(&seen)));
                }
            }
        });
        Self { url, seen, connections, is_silent }
    }

    pub fn base(&self) -> Url {
        Url::parse(&self.url).unwrap()
    }

    pub fn common(&self) -> CommonSettings {
        common(self.is_silent)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The one request that came.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

async fn serve(mut stream: TcpStream, acts: Arc<Mutex<VecDeque<Act>>>, seen: Arc<Mutex<Vec<Seen>>>) {
    loop {
        if matches!(acts.lock().unwrap().front(), None | Some(Act::CloseUnread)) {
            acts.lock().unwrap().pop_front();
            return;
        }
        let Some(request) = read_request(&mut stream).await else { return };
        seen.lock().unwrap().push(request);
        let act = acts.lock().unwrap().pop_front();
        match act {
            Some(Act::Answer(status, headers, body)) => {
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Some(Act::Raw(bytes)) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Some(Act::HalfClose) => {
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            Some(Act::Silent) => {
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            Some(Act::CloseUnread) | None => return,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let headers = headers.to_lowercase();
        let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        // In bytes: as text, one that is none becomes three.
        let body_at = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        if bytes.len() - body_at >= length {
            // Header values with capitals (credentials) are compared as they came.
            let as_sent = head.split_once("\r\n").map_or("", |(_, headers)| headers).to_owned();
            return Some(Seen { line: line.to_owned(), headers: as_sent, body: body.to_owned(), bytes: bytes[body_at..].to_vec() });
        }
    }
}

/// Serves TLS with a certificate that is its own authority.
pub fn tls_acceptor(made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> tokio_rustls::TlsAcceptor {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// How long a client waits for a service that will stay silent.
const SHORT: Duration = Duration::from_millis(200);
/// And for one that answers: the machine may be busy.
const LONG: Duration = Duration::from_secs(20);

/// The settings for a service that stays silent at some point, or never does.
pub fn common(is_silent: bool) -> CommonSettings {
    let timeout = if is_silent { SHORT } else { LONG };
    CommonSettings { timeout_s: Some(timeout.as_secs_f64()), ..CommonSettings::default() }
}

/// A message such as the worker makes.
pub fn outgoing(channel: Channel, to: Address) -> Outgoing {
    Outgoing {
        delivery_id: DeliveryId("01KAFX8M00ABCDEFGHJKMNPQRS".to_owned()),
        channel,
        to,
        content: Content {
            subject: "[HIGH] Disk full on db-1".to_owned(),
            text: "Disk full on db-1\n\nhttps://alerts.example.org/7".into(),
            html: "<p>Disk full on db-1</p>".to_owned(),
            short: "HIGH: Disk full on db-1".into(),
            speech: "High priority alert. Disk full on <db> & co.".into(),
            menu: "Press 1 to accept the alert.".to_owned(),
            url: Some("https://alerts.example.org/7".to_owned()),
            open: "Open".to_owned(),
            locale: "en".to_owned(),
        },
        answer: None,
        trace: None,
        unsubscribe_url: None,
        told: Told { id: UserId(7), name: "Anna".to_owned() },
        about: About {
            kind: "alert",
            event_id: EventId("01KAFX8M00EVENT".to_owned()),
            alert_id: Some("A-7".to_owned()),
            round: Some(1),
            duty_id: None,
            status: None,
            priority: Some(Priority::High),
            category: None,
            labels: serde_json::from_str(r#"{"host":"db-1"}"#).unwrap(),
        },
        members: Vec::new(),
        attempt: 2,
        urgent: true,
        critical: false,
        thread: Some("alert:A-7".to_owned()),
        expires_at: Some(at("2026-11-20T09:00:00Z")),
        now: at("2026-11-20T08:00:00Z"),
        callback_base: Some("https://bell.example.org/wb".into()),
        gate: Gate::default(),
    }
}

/// How it can be answered.
pub fn offer() -> AnswerOffer {
    let token = "dGhlIHRva2VuIG9mIGEgZGVsaXZlcnksIDMyIGJ5dGU";
    AnswerOffer {
        token: Secret::new(token),
        url: Some(format!("https://bell.example.org/wb/a/{token}")),
        code: "A7".to_owned(),
        accept: "I have it".to_owned(),
        resolve: "Resolved".to_owned(),
        decline: "Not me".to_owned(),
    }
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}
