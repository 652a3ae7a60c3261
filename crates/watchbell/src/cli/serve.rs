//! `watchbell serve`.

use std::path::PathBuf;

use clap::Args;
use watchbell_core::Channel;

use super::Error;
use crate::config::{Config, Role};
use crate::telemetry;

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    file: ConfigFile,
    /// What this process does, separated by commas; all by default
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    roles: Vec<Role>,
    /// Channels that a worker serves, separated by commas; all by default
    #[arg(long, value_delimiter = ',', value_name = "CHANNELS")]
    channels: Vec<Channel>,
    /// Plan, explain and show everything, and send nothing
    #[arg(long)]
    shadow: bool,
}

/// The configuration file that some commands take.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// A file with the settings that differ from the defaults
    #[arg(long = "config", value_name = "FILE", env = "WATCHBELL_CONFIG")]
    path: Option<PathBuf>,
}

impl ConfigFile {
    pub fn load(&self) -> Result<Config, Error> {
        // An empty WATCHBELL_CONFIG is none.
        let path = self.path.as_deref().filter(|path| !path.as_os_str().is_empty());
        Ok(Config::load(path, std::env::vars_os())?)
    }
}

impl Serve {
    pub async fn run(self) -> Result<(), Error> {
        let mut config = self.file.load()?;
        config.shadow |= self.shadow;
        telemetry::start(&config.log);
        let roles = if self.roles.is_empty() { config.roles.clone() } else { self.roles.into_iter().collect() };
        let channels = if self.channels.is_empty() { config.worker.channels.clone() } else { self.channels.into_iter().collect() };
        Ok(crate::serve::run(config, roles, channels).await?)
    }
}
