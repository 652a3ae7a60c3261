//! Watchbell as it is measured: the release program, with settings by environment and the receiver for all its providers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Client;
use tokio::process::Command;

use super::process::Process;
use super::provider::Provider;
use crate::clock::pause;
use crate::error::{Doing, Error};

pub const ADMIN_KEY: &str = "wb_bench_admin_of_the_load";
/// The stream and the subject of alerts, as Watchbell has them.
pub const SUBJECT: &str = "watchbell.events.alert";
/// A key that nobody else trusts; it signs what the receiver does not check.
const FCM_KEY: &str = include_str!("../../../crates/channels/src/providers/fcm/test_key.pem");

/// `WATCHBELL_…` variables by name.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Everything as by default, but for limits, which are those of accounts that nobody has, and bundling, which is off: what
    /// is measured is Watchbell, not what it is told to wait for.
    pub fn new(database_url: &str, nats_url: &str, provider: &Provider, in_flight: u32) -> Self {
        let base = format!("http://127.0.0.1:{}", provider.port);
        let smtp_port = provider.smtp_port.to_string();
        let token_url = format!("{base}/token");
        let account = serde_json::json!({
            "type": "service_account",
            "project_id": "bench",
            "private_key": FCM_KEY,
            "client_email": "bench@bench.iam.gserviceaccount.com",
            "token_uri": token_url,
        });
        let mut settings = Self::default();
        for (name, value) in [
            ("ADMIN_KEY", ADMIN_KEY),
            ("DATABASE__URL", database_url),
            ("NATS__URL", nats_url),
            ("LOG__LEVEL", "warn"),
            ("HTTP__PUBLIC_URL", "https://bell.bench.example"),
            ("HTTP__RATE_LIMIT__KEY_PER_MINUTE", "100000000"),
            ("HTTP__RATE_LIMIT__OWN_KEY_PER_MINUTE", "100000000"),
            ("BUNDLING__FIRST", "0"),
            ("PROVIDERS__TWILIO__BASE_URL", &base),
            ("PROVIDERS__TWILIO__ACCOUNT_SID", "ACbench"),
            ("PROVIDERS__TWILIO__AUTH_TOKEN", "bench-token"),
            ("PROVIDERS__TWILIO__SMS_FROM", "+15005550006"),
            ("PROVIDERS__TELEGRAM__BASE_URL", &base),
            ("PROVIDERS__TELEGRAM__TOKEN", "4711:bench"),
            ("PROVIDERS__TELEGRAM__BOT_NAME", "bench_bot"),
            ("PROVIDERS__TELEGRAM__WEBHOOK_SECRET", "bench-hook-secret"),
            ("PROVIDERS__FCM__BASE_URL", &base),
            ("PROVIDERS__FCM__TOKEN_URL", &token_url),
            ("PROVIDERS__FCM__SERVICE_ACCOUNT", &account.to_string()),
            ("PROVIDERS__WEBHOOK__SECRET", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
            ("PROVIDERS__WEBHOOK__ALLOW_PRIVATE", "true"),
            ("PROVIDERS__SMTP__HOST", "127.0.0.1"),
            ("PROVIDERS__SMTP__PORT", &smtp_port),
            ("PROVIDERS__SMTP__TLS", "none"),
            ("PROVIDERS__SMTP__FROM", "Watchbell <bell@bench.example>"),
        ] {
            settings.set(name, value);
        }
        for (channel, provider) in [("SMS", "TWILIO"), ("PUSH", "FCM"), ("TELEGRAM", "TELEGRAM"), ("WEBHOOK", "WEBHOOK"), ("EMAIL", "SMTP")]
        {
            settings
                .set(&format!("CHANNELS__{channel}__PROVIDERS"), &provider.to_lowercase())
                .set(&format!("LIMITS__RECIPIENT__{channel}"), "{ calls = 100000, per_s = 1 }")
                .set(&format!("PROVIDERS__{provider}__PER_SECOND"), "1000000")
                .set(&format!("PROVIDERS__{provider}__BURST"), "1000000")
                .set(&format!("PROVIDERS__{provider}__IN_FLIGHT"), &in_flight.to_string());
        }
        settings
    }

    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.insert(format!("WATCHBELL_{name}"), value.to_owned());
        self
    }
}

/// One process of it.
#[derive(Debug)]
pub struct Watchbell {
    pub process: Process,
    pub url: String,
    client: Client,
}

/// The release program.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    /// Where it runs and logs: a process in this folder finds no configuration of somebody's.
    dir: PathBuf,
}

impl Program {
    /// The program that the environment names.
    pub fn find(dir: &Path) -> Result<Self, Error> {
        let path = std::env::var_os("WATCHBELL_BENCH_BIN").map(PathBuf::from);
        let path = path.ok_or_else(|| Error::says("WATCHBELL_BENCH_BIN is not set; run this by `make bench`"))?;
        Ok(Self { path: path.canonicalize().doing("finding the watchbell program")?, dir: dir.to_owned() })
    }

    /// Starts `watchbell serve` with more arguments; it may not be ready yet.
    pub fn start(&self, settings: &Settings, arguments: &[&str]) -> Result<Watchbell, Error> {
        let port = free_port()?;
        let mut command = Command::new(&self.path);
        command.arg("serve").args(arguments).envs(&settings.0).env("WATCHBELL_HTTP__LISTEN", format!("127.0.0.1:{port}"));
        command.current_dir(&self.dir);
        let process = Process::start(command, &self.dir.join("watchbell.log"))?;
        let client = Client::builder().no_proxy().build().doing("making an HTTP client")?;
        Ok(Watchbell { process, url: format!("http://127.0.0.1:{port}"), client })
    }

    /// Has Watchbell make its tables in an empty database.
    pub async fn make_tables(&self, database_url: &str, provider: &Provider) -> Result<(), Error> {
        let settings = Settings::new(database_url, "", provider, 64);
        let mut watchbell = self.start(&settings, &["--roles", "api"])?;
        watchbell.ready().await?;
        watchbell.process.stop().await
    }
}

impl Watchbell {
    /// Waits until it says that it is ready: it has subscribed to the stream and sends.
    pub async fn ready(&mut self) -> Result<(), Error> {
        for _ in 0..12_000 {
            let answer = self.client.get(format!("{}/-/ready", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if self.process.has_ended() {
                return Err(Error::says("watchbell ended before it was ready; its log says why"));
            }
            pause(Duration::from_millis(5)).await;
        }
        Err(Error::says("watchbell was not ready within a minute"))
    }
}

fn free_port() -> Result<u16, Error> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").doing("finding a free port")?;
    listener.local_addr().map(|address| address.port()).doing("finding a free port")
}
