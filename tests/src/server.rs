//! A server in this process.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use watchbell::serve::{Error, Server};
use watchbell_core::Clock;
use watchbell_store::Store;

use crate::client::Client;
use crate::settings::{ADMIN_KEY, Settings};
use crate::wait;

/// All roles of a server, with an admin's client of it.
#[derive(Debug)]
pub struct Running {
    server: Server,
    pub api: Client,
}

impl Running {
    pub async fn start(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let config = settings.config();
        let roles = config.roles.clone();
        let server = Server::start(config, roles, BTreeSet::new(), clock, CancellationToken::new()).await?;
        let address = server.address.expect("a server with the api role listens");
        Ok(Self { api: Client::new(format!("http://{address}"), ADMIN_KEY), server })
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        &self.server.store
    }

    /// Stops it as SIGTERM would.
    pub async fn stop(self) {
        wait::within("the server to stop", self.server.stop()).await.unwrap();
    }
}
