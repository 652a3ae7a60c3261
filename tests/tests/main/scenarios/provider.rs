//! The provider of every channel: answers as the scenario says, and remembers every call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use watchbell_channels::provider::{Address, Outgoing, Provider};
use watchbell_core::outcome::Report;
use watchbell_core::{Channel, Clock, DeliveryId, Timestamp};

use super::answers::Script;
use super::clock::WatchedClock;

/// A call, as it is compared.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Timestamp,
    pub delivery: DeliveryId,
    pub user: String,
    pub channel: Channel,
    pub label: String,
    /// Everything that the message says, in all its lengths.
    pub text: String,
    pub answer: String,
}

/// What the providers of one scenario share; it outlives the server's restarts.
#[derive(Debug, Default)]
pub struct World {
    pub script: Script,
    pub calls: Vec<Call>,
    /// Whose an address is, and what the scenario calls it.
    pub addresses: HashMap<String, (String, String)>,
}

pub type SharedWorld = Arc<Mutex<World>>;

pub fn lock(world: &SharedWorld) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub struct Recorder {
    pub name: String,
    pub world: SharedWorld,
    pub clock: WatchedClock,
}

fn address(to: &Address) -> String {
    match to {
        Address::Email(text) | Address::Phone(text) | Address::Telegram(text) => text.clone(),
        Address::Device { token, .. } => token.expose().to_owned(),
        Address::Inbox { user_id, .. } => user_id.to_string(),
        Address::Other(text) => text.expose().to_owned(),
    }
}

#[async_trait]
impl Provider for Recorder {
    async fn send(&self, message: &Outgoing) -> Report {
        let now = self.clock.now();
        let answer = {
            let mut world = lock(&self.world);
            let to = address(&message.to);
            let (user, label) = world.addresses.get(&to).cloned().unwrap_or_else(|| ("somebody".to_owned(), to));
            let channel = message.channel.as_str();
            let answer = world.script.next([&format!("{user} {channel} to {label}"), &format!("{user} {channel}"), &self.name, channel]);
            let content = &message.content;
            let text = [&content.subject, &content.text, &content.short, &content.speech].map(String::as_str).join("\n");
            let call = Call {
                at: now,
                delivery: message.delivery_id.clone(),
                user,
                channel: message.channel,
                label,
                text,
                answer: answer.name.clone(),
            };
            world.calls.push(call);
            answer
        };
        match answer.takes_ms {
            Some(0) => {}
            Some(ms) => self.clock.sleep_until(now.plus_ms(ms)).await,
            None => std::future::pending().await,
        }
        answer.report(self.clock.now())
    }
}
