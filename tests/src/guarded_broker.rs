//! nats-servers as `deploy/nats.conf` sets them up, with its accounts and users: one, or a cluster of three.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::{ConnectOptions, Event, jetstream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::broker::free_port;
use crate::settings::Settings;
use crate::wait;

/// Each user's, in these tests.
const PASSWORD: &str = "a-password-of-the-tests";

/// They end with this value, their stores as well.
#[derive(Debug)]
pub struct GuardedNats {
    folder: TempDir,
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    name: String,
    port: u16,
    child: Option<Child>,
}

impl GuardedNats {
    pub async fn single() -> Self {
        Self::start(1).await
    }

    pub async fn cluster() -> Self {
        Self::start(3).await
    }

    async fn start(size: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let passwords = ["WATCHBELL", "PUBLISHER", "READER"].map(|user| format!("{user}_PASSWORD: \"{PASSWORD}\"\n"));
        std::fs::write(folder.path().join("nats-passwords.conf"), passwords.concat()).unwrap();
        let shipped = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nats.conf")).unwrap();
        let routes: Vec<(u16, String)> = (0..size).map(|_| free_port()).map(|port| (port, format!("nats://127.0.0.1:{port}"))).collect();
        let all = json!(routes.iter().map(|(_, url)| url).collect::<Vec<_>>());
        let mut nats = Self { folder, servers: Vec::new() };
        for (number, (route, _)) in routes.iter().enumerate() {
            let name = format!("nats-{number}");
            let cluster = if size > 1 {
                format!("cluster {{ name: watchbell, listen: \"127.0.0.1:{route}\", routes: {all} }}")
            } else {
                String::new()
            };
            let configuration = format!("{shipped}\nserver_name: {name}\n{cluster}\n");
            std::fs::write(nats.folder.path().join(format!("{name}.conf")), configuration).unwrap();
            nats.servers.push(Server { name, port: free_port(), child: None });
            nats.up(number).await;
        }
        nats
    }

    /// Starts one, and returns when it takes connections.
    pub async fn up(&mut self, number: usize) {
        let program = std::env::var("WATCHBELL_TEST_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let server = &mut self.servers[number];
        let child = Command::new(&program)
            .arg("--config")
            .arg(self.folder.path().join(format!("{}.conf", server.name)))
            .args(["--addr", "127.0.0.1", "--port", &server.port.to_string(), "--store_dir"])
            .arg(self.folder.path().join(&server.name))
            .arg("--log")
            .arg(self.folder.path().join(format!("{}.log", server.name)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("this test needs nats-server: {program} cannot be started: {error}"));
        server.child = Some(child);
        let port = server.port;
        wait::until("nats-server to take connections", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    }

    /// Ends one as a crash would; its store stays.
    pub async fn kill(&mut self, number: usize) {
        self.servers[number].child.take().unwrap().kill().await.unwrap();
    }

    /// All servers, as `nats.url` takes them.
    pub fn url(&self) -> String {
        self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.port)).collect::<Vec<_>>().join(",")
    }

    /// Has Watchbell use them, by its own user.
    pub fn configure(&self, settings: &mut Settings) {
        settings.set("NATS__URL", &self.url()).set("NATS__USER", "watchbell").set("NATS__PASSWORD", PASSWORD);
        settings.set("NATS__REPLICAS", &self.servers.len().to_string());
    }

    /// Who is logged in as one of the users.
    pub async fn login(&self, user: &str) -> Guest {
        let refusals = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&refusals);
        let options = ConnectOptions::with_user_and_password(user.to_owned(), PASSWORD.to_owned()).event_callback(move |event| {
            if let Event::ServerError(error) = event {
                heard.lock().unwrap().push(error.to_string().to_lowercase());
            }
            std::future::ready(())
        });
        let servers: Vec<String> = self.url().split(',').map(str::to_owned).collect();
        Guest { client: options.connect(servers).await.unwrap(), refusals }
    }

    /// Which of the servers leads the stream.
    pub async fn leader(&self) -> usize {
        let context = jetstream::new(self.login("watchbell").await.client);
        let leader = wait::answer("the stream to have a leader", async || {
            let mut stream = context.get_stream("WATCHBELL").await.ok()?;
            stream.info().await.ok()?.cluster.as_ref()?.leader.clone()
        })
        .await;
        self.servers.iter().position(|server| server.name == leader).unwrap()
    }
}

/// A connection, and what it was refused.
#[derive(Debug)]
pub struct Guest {
    pub client: async_nats::Client,
    refusals: Arc<Mutex<Vec<String>>>,
}

impl Guest {
    /// Publishes plain JSON, and tries until the stream has it: the same id is the same event.
    pub async fn publish(&self, kind: &str, id: &str, data: &Value) {
        let mut data = data.clone();
        data["id"] = id.into();
        wait::answer("the stream to take an event", async || {
            let asked = self.client.request(format!("watchbell.events.{kind}"), data.to_string().into());
            let answer = tokio::time::timeout(Duration::from_secs(2), asked).await.ok()?.ok()?;
            let answer: Value = serde_json::from_slice(&answer.payload).ok()?;
            (answer["stream"] == "WATCHBELL").then_some(())
        })
        .await;
    }

    /// Tries to publish where that is not this user's, and waits until it has been refused.
    pub async fn cannot_publish(&self, subject: &'static str) {
        self.client.publish_with_reply(subject, "_INBOX.of.somebody", "{}".into()).await.unwrap();
        self.is_refused("publish", subject).await;
    }

    /// Likewise, where it may not listen.
    pub async fn cannot_subscribe(&self, subject: &'static str) {
        let _subscriber = self.client.subscribe(subject).await.unwrap();
        self.is_refused("subscription", subject).await;
    }

    async fn is_refused(&self, what: &str, subject: &str) {
        let words = format!("{what} to \"{}\"", subject.to_lowercase());
        wait::until(&format!("the server to refuse a {words}"), async || {
            self.refusals.lock().unwrap().iter().any(|refusal| refusal.contains(&words))
        })
        .await;
        self.refusals.lock().unwrap().clear();
    }
}
