//! `watchbell demo`: a whole server in this process with a demo team and a small story, told as it happens.
//!
//! Everything goes the way it goes for real: the team is loaded through the REST API, the events are published over NATS, and
//! what happened is read from the deliveries API. Only the providers are sandboxes, which record and never send. A second run
//! on the same folder finds its team and key again and tells the story anew.

mod commands;
mod key;
mod nats;
mod story;
mod team;
mod telegram;
mod watch;

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use watchbell_core::{Channel, Clock, Secret, SystemClock};
use watchbell_ingest::NatsSettings;

use super::client::{Client, Server};
use super::{client, output};
use crate::config::{Config, Invalid};
use crate::{serve, telemetry};

/// Where the demo listens unless told otherwise; the next free port if another program has it.
const PORTS: std::ops::Range<u16> = 8080..8180;

#[derive(Debug, Args)]
pub struct Demo {
    /// The folder for the database and the admin key, made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Why the demo cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {source}")]
    Data { path: String, source: std::io::Error },
    #[error("{0}")]
    Config(#[from] Invalid),
    #[error("no free port on 127.0.0.1 from {} to {}; name one by WATCHBELL_HTTP__LISTEN", PORTS.start, PORTS.end - 1)]
    NoPort,
    #[error("{0}")]
    Serve(#[from] serve::Error),
    #[error("no loopback port to listen on: {0}")]
    Bot(std::io::Error),
    #[error("the server crashed: {0}")]
    Crashed(#[from] tokio::task::JoinError),
    #[error("the server does not become ready: {0}")]
    NotReady(client::Error),
    #[error("the demo team cannot be loaded: {0}")]
    Team(client::Error),
    #[error("{0}")]
    Nats(#[from] nats::Error),
    #[error("the deliveries cannot be read: {0}")]
    Watch(client::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
}

impl Demo {
    pub async fn run(self) -> Result<(), super::Error> {
        Ok(self.show().await?)
    }

    async fn show(self) -> Result<(), Error> {
        watchbell_store::private::folder(&self.data).map_err(|source| Error::Data { path: self.data.display().to_string(), source })?;
        let key = key::kept_in(&self.data)?;
        let bot = telegram::BotApi::start().await.map_err(Error::Bot)?;
        let config = self.config(&key, &bot)?;
        nats::check(&config.nats)?;
        telemetry::start(&config.log);
        let url = format!("http://{}", config.http.listen);
        let client = Server::new(url.clone(), key.clone()).client().map_err(Error::NotReady)?;
        let events = config.nats.clone();
        let mut server = tokio::spawn(serve::run(config.clone(), config.roles.clone(), config.worker.channels.clone()));
        tokio::select! {
            // Ctrl-C, SIGTERM, or it could not start.
            ended = &mut server => Ok(ended??),
            failed = tell(client, events, bot, url, key) => failed,
        }
    }

    /// The defaults, what the environment says of NATS, HTTP and logs, and a sandbox for every channel.
    fn config(&self, key: &Secret, bot: &telegram::BotApi) -> Result<Config, Error> {
        let kept = |name: &str| ["NATS__", "HTTP__", "LOG__"].iter().any(|section| name.starts_with(&format!("WATCHBELL_{section}")));
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(kept)).collect();
        let given = |name: &str| variables.iter().any(|(given, value)| given == name && !value.is_empty());
        let mut wanted = vec![("WATCHBELL_ADMIN_KEY".to_owned(), OsString::from(key.expose()))];
        if !given("WATCHBELL_HTTP__LISTEN") {
            wanted.push(("WATCHBELL_HTTP__LISTEN".to_owned(), free_address()?.into()));
        }
        if !given("WATCHBELL_LOG__LEVEL") {
            // The story is what there is to read; what goes wrong still shows.
            wanted.push(("WATCHBELL_LOG__LEVEL".to_owned(), "warn".into()));
        }
        let mut database = OsString::from("sqlite://");
        database.push(self.data.join("watchbell.db"));
        wanted.push(("WATCHBELL_DATABASE__URL".to_owned(), database));
        wanted.push(("WATCHBELL_PROVIDERS__SANDBOX__KIND".to_owned(), "sandbox".into()));
        for channel in Channel::ALL.iter().filter(|channel| **channel != Channel::InApp) {
            let channel = channel.as_str().to_ascii_uppercase();
            wanted.push((format!("WATCHBELL_CHANNELS__{channel}__PROVIDERS"), "sandbox".into()));
        }
        // Only to link a chat: messages go to the sandbox.
        for (key, value) in [("TOKEN", "1:demo"), ("BOT_NAME", "watchbell_demo_bot"), ("BASE_URL", bot.url())] {
            wanted.push((format!("WATCHBELL_PROVIDERS__TELEGRAM__{key}"), value.into()));
        }
        variables.extend(wanted.into_iter().map(|(name, value)| (name.into(), value)));
        Ok(Config::load(None, variables)?)
    }
}

fn free_address() -> Result<String, Error> {
    // Released at once; that somebody else takes it before the server does is for the server to say.
    let port = PORTS.clone().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).ok_or(Error::NoPort)?;
    if port != PORTS.start {
        output::line(&format!("Port {} is taken; this demo listens on {port}.", PORTS.start))?;
    }
    Ok(format!("127.0.0.1:{port}"))
}

/// Loads the team, publishes the story and prints what happens, without end.
async fn tell(client: Client, events: NatsSettings, bot: telegram::BotApi, url: String, key: Secret) -> Result<(), Error> {
    answers(&client, "/-/healthy").await?;
    let publisher = nats::Publisher::connect(&events).await?;
    answers(&client, "/-/ready").await?;
    let team = team::load(&client, &bot).await.map_err(Error::Team)?;
    output::line(&team.introduction())?;
    let mut watch = watch::Watch::new(client);
    story::tell(&publisher, &team, &mut watch).await?;
    output::line(&commands::text(&url, &key, &team))?;
    loop {
        watch.show_for(Duration::from_hours(1)).await?;
    }
}

/// Waits, within reason, for the server to answer well there.
async fn answers(client: &Client, path: &str) -> Result<(), Error> {
    let clock = SystemClock;
    let until = clock.now().plus_s(30);
    loop {
        match client.plain(path).await {
            Ok(_) => return Ok(()),
            Err(error) if clock.now() > until => return Err(Error::NotReady(error)),
            Err(_) => clock.sleep(Duration::from_millis(50)).await,
        }
    }
}
