//! The provider of every channel: answers as the scenario says, and remembers every call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use watchbell_core::outcome::Report;
use watchbell_core::{Channel, Clock, DeliveryId, Timestamp};
use watchbell_providers::provider::{Address, Found, Outgoing, Provider};

use super::answers::{Answer, Script};
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
    /// Who was called.
    pub provider: String,
    /// Its id of the message, if it takes it.
    pub message_id: String,
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
        let began = self.clock.now();
        let to = address(&message.to);
        let (user, label, answer) = {
            let mut world = lock(&self.world);
            let (user, label) = world.addresses.get(&to).cloned().unwrap_or_else(|| ("somebody".to_owned(), to));
            let channel = message.channel.as_str();
            let whom = [&format!("{user} {channel} to {label}"), &format!("{user} {channel}"), self.name.as_str(), channel];
            let answer = world.script.next(&whom);
            (user, label, answer)
        };
        if answer.connects_ms > 0 {
            self.clock.sleep_until(began.plus_ms(answer.connects_ms)).await;
        }
        if !self.clock.awake(message.gate.opens()).await {
            return Report::retry(None);
        }
        let now = self.clock.now();
        let content = &message.content;
        let message_id = format!("message-{}", lock(&self.world).calls.len() + 1);
        lock(&self.world).calls.push(Call {
            at: now,
            delivery: message.delivery_id.clone(),
            user,
            channel: message.channel,
            label,
            text: [&content.subject, &*content.text, &*content.short, &*content.speech].join("\n"),
            answer: answer.name.clone(),
            provider: self.name.clone(),
            message_id: message_id.clone(),
        });
        self.take(&answer, now).await;
        answer.report(self.clock.now(), message_id)
    }

    /// What the scenario's `receipts` say, it says.
    fn has_receipts(&self, _channel: Channel) -> bool {
        true
    }

    /// Can tell where the scenario says what.
    fn can_look_up(&self, _channel: Channel) -> bool {
        lock(&self.world).script.has(&self.look_up_key())
    }

    async fn look_up(&self, message: &Outgoing, _since: Timestamp) -> Option<Vec<Found>> {
        let answer = lock(&self.world).script.next(&[&self.look_up_key()]);
        self.take(&answer, self.clock.now()).await;
        match answer.name.as_str() {
            "nothing" => Some(Vec::new()),
            "unknown" => None,
            _ => {
                let message_id = format!("of {}", message.delivery_id);
                Some(vec![Found { report: answer.report(self.clock.now(), message_id.clone()), message_id }])
            }
        }
    }
}

impl Recorder {
    fn look_up_key(&self) -> String {
        format!("look-up {}", self.name)
    }

    /// Lets the time pass that an answer takes.
    async fn take(&self, answer: &Answer, since: Timestamp) {
        match answer.takes_ms {
            Some(0) => {}
            Some(ms) => self.clock.sleep_until(since.plus_ms(ms)).await,
            None => std::future::pending().await,
        }
    }
}
