//! Wires the roles of one process together and runs them until it is told to stop.

use std::collections::BTreeSet;

use watchbell_core::Channel;

use crate::config::{Config, Role};

/// Why a server could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("not wired yet")]
    NotWired,
}

/// Runs `roles`; a worker among them serves `channels`, all if empty.
pub async fn run(_config: Config, _roles: BTreeSet<Role>, _channels: BTreeSet<Channel>) -> Result<(), Error> {
    std::future::ready(Err(Error::NotWired)).await
}
