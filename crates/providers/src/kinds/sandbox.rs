//! Delivers nothing: takes every message of every channel, and remembers the last ones. For trying Watchbell out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Deserialize;
use watchbell_core::outcome::Report;
use watchbell_core::{Channel, Clock};

use crate::gate::Gate;
use crate::provider::{AccountLimit, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError};

/// Messages that are remembered; older ones are forgotten.
const REMEMBERED: usize = 1_000;

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
        Ok(Arc::new(Sandbox::default()))
    }
}

#[derive(Debug, Default)]
pub struct Sandbox {
    messages: Mutex<VecDeque<Outgoing>>,
}

impl Sandbox {
    /// The last messages, oldest first.
    pub fn messages(&self) -> Vec<Outgoing> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[async_trait]
impl Provider for Sandbox {
    async fn send(&self, message: &Outgoing) -> Report {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() == REMEMBERED {
            messages.pop_front();
        }
        // Whoever keeps the gate ends with the call.
        messages.push_back(Outgoing { gate: Gate::default(), ..message.clone() });
        Report::accepted(format!("sandbox-{}", message.delivery_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Address;
    use crate::kinds::stand_in::outgoing;

    #[tokio::test]
    async fn it_takes_everything_and_remembers_the_last() {
        let sandbox = Sandbox::default();
        let mut message = outgoing(Channel::Sms, Address::Phone("+4915112345678".to_owned()));
        for at in 0..=REMEMBERED {
            message.delivery_id.0 = at.to_string();
            assert_eq!(sandbox.send(&message).await, Report::accepted(format!("sandbox-{at}")));
        }
        let kept = sandbox.messages();
        assert_eq!((kept.len(), kept[0].delivery_id.as_str()), (REMEMBERED, "1"));
        assert!(!format!("{sandbox:?}").contains("+49"));
    }
}
