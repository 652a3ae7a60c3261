//! `watchbell check-config`.

use clap::Args;
use watchbell_core::channel::join;

use super::serve::ConfigFile;
use super::{Error, output};
use crate::config::{Config, nats_servers, unserved};

#[derive(Debug, Args)]
pub struct CheckConfig {
    #[command(flatten)]
    file: ConfigFile,
}

impl CheckConfig {
    pub fn run(self) -> Result<(), Error> {
        match self.file.load() {
            Ok(config) => Ok(output::line(&summary(&config))?),
            Err(Error::Config(invalid)) => {
                // The problems are this command's answer, each a line that a script can read.
                output::line(&invalid.to_string())?;
                Err(Error::Told)
            }
            Err(error) => Err(error),
        }
    }
}

fn summary(config: &Config) -> String {
    let mut lines = vec!["configuration is fine".to_owned()];
    for (channel, settings) in config.channels.iter().filter(|(_, settings)| !settings.providers.is_empty()) {
        let provider = |name: &String| match config.providers.get(name) {
            Some(provider) if provider.kind.name != name => match provider.service() {
                Some(service) => format!("{name} ({}: {service})", provider.kind.name),
                None => format!("{name} ({})", provider.kind.name),
            },
            _ => name.clone(),
        };
        let providers: Vec<_> = settings.providers.iter().map(provider).collect();
        lines.push(format!("  {channel}: {}", providers.join(", then ")));
    }
    let off = unserved(&config.channels);
    if !off.is_empty() {
        lines.push(format!("  without a provider, so nothing is sent there: {}", join(&off)));
    }
    let used = |name: &&String| config.channels.values().any(|channel| channel.providers.contains(name));
    let idle: Vec<_> = config.providers.keys().filter(|name| !used(name)).collect();
    if !idle.is_empty() {
        lines.push(format!("  providers that no channel uses: {}", join(&idle)));
    }
    for (name, error) in config.exposed() {
        lines.push(format!("  warning: providers.{name}.{}: {}", error.key, error.wrong));
    }
    if nats_servers(&config.nats).is_empty() {
        lines.push("  NATS is off: events come over HTTP only".to_owned());
    }
    if let Some(problem) = crate::serve::store_options(config, &config.roles).problem() {
        lines.push(format!("  {problem}"));
    }
    if config.http.public_url().is_none() {
        lines.push("  http.public_url is empty: providers cannot report what became of a message".to_owned());
    }
    lines.join("\n")
}
