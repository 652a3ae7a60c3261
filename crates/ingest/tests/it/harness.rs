//! What the tests share: settings, a running [`Ingest`], bounded waiting, and a clock whose waits are short.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use watchbell_core::{Clock, SystemClock, Timestamp};
use watchbell_ingest::{Connection, Ingest, NatsSettings};

use crate::server::NatsServer;
use crate::sink::TestSink;

/// Nothing here takes so long, not even on a machine that builds something else meanwhile.
const LONG: Duration = Duration::from_mins(1);

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Asks until the answer is yes.
pub async fn until<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    within(what, async {
        while !ask().await {
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The right time, but waits fifty times shorter.
#[derive(Debug)]
pub struct HastyClock;

#[async_trait]
impl Clock for HastyClock {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.sleep(at - self.now()).await;
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration / 50).await;
    }
}

pub fn settings(server: &NatsServer) -> NatsSettings {
    NatsSettings { url: server.url(), ..NatsSettings::default() }
}

/// A process's consumers, running.
pub struct Running {
    pub sink: Arc<TestSink>,
    pub connection: Connection,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn start(settings: &NatsSettings) -> Self {
        Self::start_with(settings, TestSink::default()).await
    }

    pub async fn start_with(settings: &NatsSettings, sink: TestSink) -> Self {
        // Shown when a test fails, or with RUST_LOG and --nocapture.
        let _ = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_test_writer().try_init();
        let sink = Arc::new(sink);
        let connection = Connection::open(settings).await.unwrap();
        let stop = CancellationToken::new();
        let ingest =
            Ingest::new(connection.clone(), settings, watchbell_core::decode::EventSettings::default(), sink.clone(), Arc::new(HastyClock));
        let task = tokio::spawn(ingest.run(stop.clone()));
        Self { sink, connection, stop, task }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        within("the consumers to stop", self.task).await.unwrap();
    }
}

/// What the server knows of a consumer, if there is one.
pub async fn consumer(client: &async_nats::Client, name: &str) -> Option<Info> {
    let stream = async_nats::jetstream::new(client.clone()).get_stream("WATCHBELL").await.ok()?;
    stream.consumer_info(name).await.ok()
}

/// Waits until everything of a consumer was delivered and acknowledged, `events` in all.
pub async fn all_acknowledged(client: &async_nats::Client, name: &str, events: u64) {
    until("every event to be acknowledged", || async {
        consumer(client, name)
            .await
            .is_some_and(|info| info.num_ack_pending == 0 && info.num_pending == 0 && info.delivered.stream_sequence >= events)
    })
    .await;
}

pub async fn stream_exists(client: &async_nats::Client) {
    until("the stream", || async { consumer(client, "watchbell-alert").await.is_some() }).await;
}

/// An alert with this id, as plain JSON.
pub fn alert(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","alertId":"{id}","priority":"HIGH","summary":"disk full","responders":[7]}}"#).into_bytes()
}

/// Publishes to the stream, and waits until that has it.
pub async fn publish(client: &async_nats::Client, subject: &str, payload: impl Into<Vec<u8>>) {
    let context = async_nats::jetstream::new(client.clone());
    context.publish(subject.to_owned(), payload.into().into()).await.unwrap().await.unwrap();
}
