//! Delivers nothing: takes every message of every channel. For trying Watchbell out.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use watchbell_core::outcome::Report;
use watchbell_core::{Channel, Clock};

use crate::provider::{AccountLimit, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {}

impl ProviderKind for Settings {
    const NAME: &'static str = "sandbox";
    const CHANNELS: &'static [Channel] = Channel::ALL;

    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 1e6, burst: 10_000, in_flight: 1_024, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        Ok(())
    }

    fn build(&self, _name: &str, _common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Sandbox))
    }
}

#[derive(Debug)]
struct Sandbox;

#[async_trait]
impl Provider for Sandbox {
    async fn send(&self, message: &Outgoing) -> Report {
        Report::accepted(format!("sandbox-{}", message.delivery_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::stand_in::outgoing;
    use crate::provider::Address;

    #[tokio::test]
    async fn it_takes_everything() {
        let message = outgoing(Channel::Sms, Address::Phone("+4915112345678".to_owned()));
        assert_eq!(Sandbox.send(&message).await, Report::accepted(format!("sandbox-{}", message.delivery_id)));
    }
}
