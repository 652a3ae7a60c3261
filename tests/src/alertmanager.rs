//! A real Alertmanager, of the machine's own, with a configuration that a test writes.

use std::path::PathBuf;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::broker::free_port;
use crate::client::Client;
use crate::wait;

/// Ends with the test.
#[derive(Debug)]
pub struct Alertmanager {
    _child: Child,
    _dir: TempDir,
    client: Client,
}

impl Alertmanager {
    /// # Panics
    /// It does not start.
    pub async fn start(config: &Value) -> Self {
        Self::start_at(free_port(), config).await
    }

    /// The same, on a port that is known before.
    pub async fn start_at(port: u16, config: &Value) -> Self {
        let program = PathBuf::from(std::env::var_os("WATCHBELL_TEST_ALERTMANAGER").expect("`make test` sets it: Alertmanager's program"));
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("alertmanager.yml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).unwrap();
        let child = Command::new(&program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let alertmanager = Self { _child: child, _dir: dir, client: Client::new(format!("http://127.0.0.1:{port}"), "") };
        wait::until("Alertmanager to be ready", async || {
            alertmanager.client.try_call(Method::GET, "/-/ready", &[], None).await.is_some_and(|answer| answer.status == 200)
        })
        .await;
        alertmanager
    }

    pub fn url(&self) -> &str {
        self.client.base()
    }

    /// What its API says.
    pub async fn get(&self, path: &str) -> Value {
        self.client.get(path).await.expect(200)
    }

    /// Says, as Prometheus does, that an alert fires; or, with the time of its end, that it does no more.
    pub async fn tell(&self, labels: &Value, annotations: &Value, ends_at: Option<&str>) {
        let mut alert = json!({ "labels": labels, "annotations": annotations });
        if let Some(ends_at) = ends_at {
            alert["endsAt"] = ends_at.into();
        }
        let (headers, body) = ([("content-type", "application/json")], json!([alert]).to_string());
        let answer = self.client.try_call(Method::POST, "/api/v2/alerts", &headers, Some(body)).await;
        assert_eq!(answer.map(|answer| answer.status.as_u16()), Some(200));
    }
}
