//! A nats-server of the test's own, and a publisher as any program would be one.

use std::net::TcpListener;
use std::process::Stdio;

use async_nats::jetstream::consumer::Info;
use async_nats::{HeaderMap, jetstream};
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{OnceCell, watch};
use watchbell_core::Timestamp;

use crate::wait;

/// The CloudEvents source of all events that [`Nats::publish`] publishes.
pub const SOURCE: &str = "/tests/monitoring";

/// The consumers that a process has, one a kind.
const CONSUMERS: [&str; 4] = ["watchbell-alert", "watchbell-update", "watchbell-duty", "watchbell-subscription"];

/// A nats-server with JetStream on a loopback port. It ends with this value, its store as well.
#[derive(Debug)]
pub struct Nats {
    store: TempDir,
    port: u16,
    child: Option<Child>,
    client: OnceCell<async_nats::Client>,
}

impl Nats {
    pub async fn start() -> Self {
        let mut nats = Self::absent();
        nats.up().await;
        nats
    }

    /// A server that is not running yet.
    pub fn absent() -> Self {
        Self { store: tempfile::tempdir().unwrap(), port: free_port(), child: None, client: OnceCell::new() }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it, and returns when it accepts connections.
    pub async fn up(&mut self) {
        let program = std::env::var("WATCHBELL_TEST_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let mut child = Command::new(&program)
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream", "--store_dir"])
            .arg(self.store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("this test needs nats-server: {program} cannot be started ({error}); install it, or name it in WATCHBELL_TEST_NATS_SERVER")
            });
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (said, mut log) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                said.send_modify(|log| log.extend([&line, "\n"]));
            }
        });
        let ready = log.wait_for(|log| log.contains("Server is ready"));
        // When the server ends, so does its log.
        let is_ready = wait::within("nats-server to be ready", ready).await.is_ok();
        assert!(is_ready, "nats-server ended:\n{}", log.borrow().as_str());
        self.child = Some(child);
    }

    /// Ends it as a crash would; its store stays.
    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// A client that comes back by itself when the server does.
    pub async fn client(&self) -> &async_nats::Client {
        self.client.get_or_init(async || async_nats::connect(self.url()).await.unwrap()).await
    }

    /// Publishes a CloudEvent in binary mode and waits until the stream has it.
    pub async fn publish(&self, kind: &str, id: &str, time: Timestamp, data: &Value) {
        self.send(kind, binary(kind, id, time), data).await;
    }

    /// Publishes many CloudEvents and waits until the stream has them all.
    pub async fn publish_all(&self, kind: &str, events: impl IntoIterator<Item = (String, Value)>) {
        let events = futures::stream::iter(events);
        events.for_each_concurrent(256, async |(id, data)| self.publish(kind, &id, wait::now(), &data).await).await;
    }

    /// Publishes a CloudEvent in structured mode.
    pub async fn publish_structured(&self, kind: &str, id: &str, time: Timestamp, data: &Value) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/cloudevents+json; charset=utf-8");
        self.send(kind, headers, &structured(kind, id, time, data)).await;
    }

    /// Publishes plain JSON with an `id`.
    pub async fn publish_plain(&self, kind: &str, id: &str, data: &Value) {
        let mut data = data.clone();
        data["id"] = id.into();
        self.send(kind, HeaderMap::new(), &data).await;
    }

    async fn send(&self, kind: &str, headers: HeaderMap, payload: &Value) {
        let context = jetstream::new(self.client().await.clone());
        let subject = format!("watchbell.events.{kind}");
        // The stream is Watchbell's to make, so it may not be there yet.
        wait::answer("the stream to take an event", async || {
            let sent = context.publish_with_headers(subject.clone(), headers.clone(), payload.to_string().into()).await.ok()?;
            sent.await.ok()
        })
        .await;
    }

    /// What the server knows of a consumer, if there is one.
    async fn consumer(&self, name: &str) -> Option<Info> {
        let stream = jetstream::new(self.client().await.clone()).get_stream("WATCHBELL").await.ok()?;
        stream.consumer_info(name).await.ok()
    }

    /// Whether everything that was published has been taken and acknowledged.
    pub async fn is_drained(&self) -> bool {
        for name in CONSUMERS {
            if !self.consumer(name).await.is_some_and(|info| info.num_pending == 0 && info.num_ack_pending == 0) {
                return false;
            }
        }
        true
    }
}

/// The headers of a CloudEvent in binary mode.
pub fn binary(kind: &str, id: &str, time: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id);
    headers.insert("ce-source", SOURCE);
    headers.insert("ce-type", format!("watchbell.events.{kind}").as_str());
    headers.insert("ce-time", time.to_string().as_str());
    headers.insert("content-type", "application/json");
    headers
}

/// A CloudEvent in structured mode.
pub fn structured(kind: &str, id: &str, time: Timestamp, data: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": format!("watchbell.events.{kind}"),
        "time": time.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    })
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
