//! A real Prometheus, of the machine's own, with an alert that a test has fire.

use std::path::PathBuf;
use std::process::Stdio;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::broker::free_port;
use crate::client::Client;
use crate::wait;

/// Ends with the test.
#[derive(Debug)]
pub struct Prometheus {
    _child: Child,
    dir: TempDir,
    client: Client,
}

impl Prometheus {
    /// Tells an Alertmanager of an alert that fires.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(alertmanager: &str) -> Self {
        let program = PathBuf::from(std::env::var_os("WATCHBELL_TEST_PROMETHEUS").expect("`make test` sets it: Prometheus' program"));
        let dir = TempDir::new().unwrap();
        let target = alertmanager.trim_start_matches("http://");
        let config = json!({
            "global": { "evaluation_interval": "1s" },
            "rule_files": [dir.path().join("rules.yml")],
            "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [target] }] }] },
        });
        // JSON is YAML.
        std::fs::write(dir.path().join("prometheus.yml"), config.to_string()).unwrap();
        write_rule(&dir, true);
        let port = free_port();
        let child = Command::new(&program)
            .arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--web.enable-lifecycle")
            .arg("--rules.alert.resend-delay=1s")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let prometheus = Self { _child: child, dir, client: Client::new(format!("http://127.0.0.1:{port}"), "") };
        wait::until("Prometheus to be ready", async || {
            prometheus.client.try_call(Method::GET, "/-/ready", &[], None).await.is_some_and(|answer| answer.status == 200)
        })
        .await;
        prometheus
    }

    /// From now on the alert fires no more.
    pub async fn recover(&self) {
        write_rule(&self.dir, false);
        let answer = self.client.try_call(Method::POST, "/-/reload", &[], None).await;
        assert_eq!(answer.map(|answer| answer.status.as_u16()), Some(200));
    }
}

fn write_rule(dir: &TempDir, fires: bool) {
    let rule = json!({
        "alert": "DiskFull",
        "expr": if fires { "vector(1)" } else { "vector(1) == 0" },
        "labels": { "severity": "critical", "instance": "db1" },
        "annotations": { "summary": "db1 has no room" },
    });
    std::fs::write(dir.path().join("rules.yml"), json!({ "groups": [{ "name": "g", "rules": [rule] }] }).to_string()).unwrap();
}
