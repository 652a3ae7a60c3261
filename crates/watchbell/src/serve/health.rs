//! What `/-/ready` and the channels' page say about this process and its configuration.

use watchbell_api::{ChannelStatus, Health, ProviderStatus};
use watchbell_ingest::Connection;

use crate::config::{Config, ProviderSettings};

#[derive(Debug)]
pub struct ProcessHealth {
    broker: Option<Connection>,
    channels: Vec<ChannelStatus>,
    providers: Vec<ProviderStatus>,
}

impl ProcessHealth {
    pub fn new(config: &Config, broker: Option<Connection>) -> Self {
        let status =
            |name: &String, settings: &ProviderSettings| ProviderStatus { name: name.clone(), kind: settings.kind.name.to_owned() };
        let provider = |name: &String| Some(status(name, config.providers.get(name)?));
        let channels = config
            .channels
            .iter()
            .map(|(channel, settings)| ChannelStatus {
                channel: *channel,
                providers: settings.providers.iter().filter_map(provider).collect(),
            })
            .collect();
        let providers = config.providers.iter().map(|(name, settings)| status(name, settings)).collect();
        Self { broker, channels, providers }
    }
}

impl Health for ProcessHealth {
    fn nats_connected(&self) -> Option<bool> {
        self.broker.as_ref().map(Connection::is_connected)
    }

    fn channels(&self) -> Vec<ChannelStatus> {
        self.channels.clone()
    }

    fn providers(&self) -> Vec<ProviderStatus> {
        self.providers.clone()
    }
}
