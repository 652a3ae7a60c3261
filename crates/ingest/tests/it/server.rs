//! A nats-server of the test's own, on a free loopback port, with a store that is gone with it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::harness::within;

pub struct NatsServer {
    dir: TempDir,
    pub port: u16,
    child: Option<Child>,
    log: watch::Sender<String>,
}

impl NatsServer {
    pub async fn start() -> Self {
        let mut server = Self::absent();
        server.up().await;
        server
    }

    /// Started with more configuration than a port and a store.
    pub async fn with_config(config: impl FnOnce(&Path) -> String) -> Self {
        let mut server = Self::absent();
        let config = config(server.dir.path());
        std::fs::write(server.config_file(), config).unwrap();
        server.up().await;
        server
    }

    /// Not started yet, but with a port that is free.
    pub fn absent() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("nats.conf"), "").unwrap();
        Self { dir, port, child: None, log: watch::Sender::default() }
    }

    fn config_file(&self) -> PathBuf {
        self.dir.path().join("nats.conf")
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Starts it, and returns when it accepts connections.
    pub async fn up(&mut self) {
        let program = std::env::var("WATCHBELL_TEST_NATS_SERVER").unwrap_or_else(|_| "nats-server".to_owned());
        let mut child = Command::new(&program)
            .args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream", "--store_dir"])
            .arg(self.dir.path().join("store"))
            .arg("--config")
            .arg(self.config_file())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("this test needs nats-server: {program} cannot be started ({error}); install it, or name it in WATCHBELL_TEST_NATS_SERVER"));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // A fresh one, as the last server's last lines may come late.
        self.log = watch::Sender::default();
        let log = self.log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                log.send_modify(|log| log.extend([&line, "\n"]));
            }
            log.send_modify(|log| log.push_str("ENDED\n"));
        });
        self.logged("Server is ready", 1).await;
        self.child = Some(child);
    }

    /// Waits until the server's log has so many lines with these words.
    pub async fn logged(&self, words: &str, count: usize) {
        let mut log = self.log.subscribe();
        let logged = log.wait_for(|log| log.contains("ENDED") || log.lines().filter(|line| line.contains(words)).count() >= count);
        let log = within(words, logged).await.unwrap().clone();
        assert!(!log.contains("ENDED"), "nats-server ended:\n{log}");
    }

    /// Lines of the log with these words, so far.
    pub fn count(&self, words: &str) -> usize {
        self.log.borrow().lines().filter(|line| line.contains(words)).count()
    }

    /// Ends it as a crash would.
    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    pub fn forget_store(&self) {
        std::fs::remove_dir_all(self.dir.path().join("store")).unwrap();
    }

    /// A client besides the one under test.
    pub async fn client(&self) -> async_nats::Client {
        async_nats::connect(self.url()).await.unwrap()
    }

    /// Publishes bytes that no proper client would send.
    pub async fn publish_raw(&self, subject: &[u8], headers: &[u8], payload: &[u8]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut command =
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\n".to_vec();
        command.extend(b"HPUB ");
        command.extend(subject);
        command.extend(format!(" {} {}\r\n", headers.len(), headers.len() + payload.len()).into_bytes());
        command.extend(headers);
        command.extend(payload);
        command.extend(b"\r\nPING\r\n");
        stream.write_all(&command).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        within("the raw publish to be taken", async {
            while let Some(line) = lines.next_line().await.unwrap() {
                assert!(!line.starts_with("-ERR"), "{line}");
                if line.starts_with("PONG") {
                    break;
                }
            }
        })
        .await;
    }
}
