//! A real Alertmanager, of the machine's own, with a configuration that a test writes.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::broker::free_port;
use crate::wait;

/// Ends with the test.
#[derive(Debug)]
pub struct Alertmanager {
    _child: Child,
    _dir: TempDir,
    http: reqwest::Client,
    base: String,
}

impl Alertmanager {
    /// # Panics
    /// It does not start.
    pub async fn start(config: &Value) -> Self {
        let program = PathBuf::from(std::env::var_os("WATCHBELL_TEST_ALERTMANAGER").expect("`make test` sets it: Alertmanager's program"));
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("alertmanager.yml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).unwrap();
        let port = free_port();
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
        let alertmanager = Self { _child: child, _dir: dir, http: reqwest::Client::new(), base: format!("http://127.0.0.1:{port}") };
        wait::until("Alertmanager to be ready", async || {
            let answer = alertmanager.http.get(format!("{}/-/ready", alertmanager.base)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        alertmanager
    }

    /// Says, as Prometheus does, that an alert fires; or, with the time of its end, that it does no more.
    pub async fn tell(&self, labels: &Value, annotations: &Value, ends_at: Option<&str>) {
        let mut alert = json!({ "labels": labels, "annotations": annotations });
        if let Some(ends_at) = ends_at {
            alert["endsAt"] = ends_at.into();
        }
        let answer = self.http.post(format!("{}/api/v2/alerts", self.base)).body(json!([alert]).to_string());
        let answer = answer.header("content-type", "application/json").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}
