//! What `/-/ready` and the channels' page say about this process. Whether a provider works is known to the workers that call it:
//! a process without that role shows every provider as working.

use watchbell_api::{ChannelStatus, Health, ProviderStatus};
use watchbell_channels::dispatch::{BreakerState, ProviderStates};
use watchbell_ingest::Connection;

use crate::config::Config;

#[derive(Debug)]
pub struct ProcessHealth {
    broker: Option<Connection>,
    channels: Vec<ChannelStatus>,
    states: ProviderStates,
}

impl ProcessHealth {
    pub fn new(config: &Config, broker: Option<Connection>, states: ProviderStates) -> Self {
        let provider = |name: &String| {
            let settings = config.providers.get(name)?;
            Some(ProviderStatus { name: name.clone(), kind: settings.kind.name.to_owned(), is_up: true })
        };
        let channels = config
            .channels
            .iter()
            .map(|(channel, settings)| ChannelStatus {
                channel: *channel,
                providers: settings.providers.iter().filter_map(provider).collect(),
            })
            .collect();
        Self { broker, channels, states }
    }
}

impl Health for ProcessHealth {
    fn nats_connected(&self) -> Option<bool> {
        self.broker.as_ref().map(Connection::is_connected)
    }

    fn channels(&self) -> Vec<ChannelStatus> {
        let mut channels = self.channels.clone();
        for status in &mut channels {
            for provider in &mut status.providers {
                provider.is_up = self.states.get(status.channel, &provider.name) == BreakerState::Closed;
            }
        }
        channels
    }
}
