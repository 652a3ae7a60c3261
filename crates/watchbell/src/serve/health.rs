//! What `/-/ready` and the channels' page say about this process and its configuration.

use watchbell_api::{ChannelStatus, Health, ProviderStatus};
use watchbell_ingest::Connection;

use crate::config::Config;

#[derive(Debug)]
pub struct ProcessHealth {
    broker: Option<Connection>,
    channels: Vec<ChannelStatus>,
}

impl ProcessHealth {
    pub fn new(config: &Config, broker: Option<Connection>) -> Self {
        let provider = |name: &String| {
            let settings = config.providers.get(name)?;
            Some(ProviderStatus { name: name.clone(), kind: settings.kind.name.to_owned() })
        };
        let channels = config
            .channels
            .iter()
            .map(|(channel, settings)| ChannelStatus {
                channel: *channel,
                providers: settings.providers.iter().filter_map(provider).collect(),
            })
            .collect();
        Self { broker, channels }
    }
}

impl Health for ProcessHealth {
    fn nats_connected(&self) -> Option<bool> {
        self.broker.as_ref().map(Connection::is_connected)
    }

    fn channels(&self) -> Vec<ChannelStatus> {
        self.channels.clone()
    }
}
