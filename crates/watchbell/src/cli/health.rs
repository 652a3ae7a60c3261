//! `watchbell health`, for container and service checks.

use clap::Args;

use super::client::Server;
use super::{Error, output};

#[derive(Debug, Args)]
pub struct Health {
    #[command(flatten)]
    server: Server,
    /// Ask only whether the process is alive, not whether its database and NATS are there
    #[arg(long)]
    alive: bool,
}

impl Health {
    pub async fn run(self) -> Result<(), Error> {
        let path = if self.alive { "/-/healthy" } else { "/-/ready" };
        let answer = self.server.client()?.plain(path).await?;
        Ok(output::line(&output::tame(answer.trim()))?)
    }
}
