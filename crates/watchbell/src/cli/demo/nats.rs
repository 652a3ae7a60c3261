//! Publishing the story's events as any program would: CloudEvents in binary form, acknowledged by JetStream.

use std::time::Duration;

use async_nats::{ConnectOptions, HeaderMap, jetstream};
use serde_json::Value;
use watchbell_core::{Clock, SystemClock};

use crate::config::Nats;

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the demo publishes over NATS, and nats.url is empty: set WATCHBELL_NATS__URL, or use `make run`, which starts a server")]
    Off,
    #[error("no NATS server answers at {url}: {why} (WATCHBELL_NATS__URL names another; `make run` starts one)")]
    Unreachable { url: String, why: String },
    #[error("nats.creds cannot be used: {0}")]
    Credentials(std::io::Error),
    #[error("the event could not be published: {0}")]
    Publish(String),
}

#[derive(Debug)]
pub struct Publisher {
    jetstream: jetstream::Context,
    clock: SystemClock,
}

impl Publisher {
    /// Connects with the same settings as the server itself.
    pub async fn connect(nats: &Nats) -> Result<Self, Error> {
        let servers = nats.servers();
        if servers.is_empty() {
            return Err(Error::Off);
        }
        let client = options(nats)?.connect(servers.clone()).await;
        let client = client.map_err(|error| Error::Unreachable { url: servers.join(", "), why: error.to_string() })?;
        Ok(Self { jetstream: jetstream::new(client), clock: SystemClock })
    }

    /// Publishes one event of a kind (`alert`, `update`, …) and waits until the stream has it.
    pub async fn publish(&self, kind: &str, id: &str, data: &Value) -> Result<(), Error> {
        let subject = format!("watchbell.events.{kind}");
        let mut headers = HeaderMap::new();
        headers.insert("ce-specversion", "1.0");
        headers.insert("ce-id", id);
        headers.insert("ce-source", "/watchbell/demo");
        headers.insert("ce-type", subject.as_str());
        headers.insert("ce-time", self.clock.now().to_string().as_str());
        headers.insert("content-type", "application/json");
        let sent = self.jetstream.publish_with_headers(subject, headers, data.to_string().into()).await;
        let stored = sent.map_err(|error| Error::Publish(error.to_string()))?.await;
        stored.map(drop).map_err(|error| Error::Publish(error.to_string()))
    }
}

fn options(nats: &Nats) -> Result<ConnectOptions, Error> {
    let mut options =
        ConnectOptions::new().name("watchbell demo").connection_timeout(Duration::from_secs(5)).require_tls(nats.tls_required);
    if !nats.user.is_empty() {
        options = options.user_and_password(nats.user.clone(), nats.password.expose().to_owned());
    }
    if !nats.token.is_empty() {
        options = options.token(nats.token.expose().to_owned());
    }
    if !nats.nkey.is_empty() {
        options = options.nkey(nats.nkey.expose().to_owned());
    }
    if !nats.creds.is_empty() {
        options = options.credentials(nats.creds.expose()).map_err(Error::Credentials)?;
    }
    if let Some(path) = nats.tls_ca_file() {
        options = options.add_root_certificates(path.to_owned());
    }
    Ok(options)
}
