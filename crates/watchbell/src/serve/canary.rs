//! Canaries: events of Watchbell's own that go the whole way, so that somebody notices when it is broken while nothing else happens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use watchbell_api::watchbell::canary::{CanaryError, CanarySender};
use watchbell_channels::inline::EventIntake;
use watchbell_core::decode::{EventSettings, from_nats};
use watchbell_core::event::Original;
use watchbell_core::ids::{UserRef, uuid};
use watchbell_core::{Clock, UserId, canary, error_chain};
use watchbell_ingest::{Connection, Message};
use watchbell_store::access::Actor;
use watchbell_store::directory::NewUser;
use watchbell_store::{Store, StoreError};

use super::watchdog::first;

const SUBJECT: &str = "watchbell.events.subscription";

/// Sends canaries by the way that events come.
pub struct Canaries {
    pub store: Arc<dyn Store>,
    pub intake: Arc<EventIntake>,
    pub clock: Arc<dyn Clock>,
    /// None where events come over HTTP only.
    pub broker: Option<Connection>,
}

impl fmt::Debug for Canaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canaries").finish_non_exhaustive()
    }
}

#[async_trait]
impl CanarySender for Canaries {
    async fn send(&self) -> Result<UserId, CanaryError> {
        let user = self.user().await?;
        let event = json!({
            "specversion": "1.0",
            "id": uuid(),
            "source": "watchbell/canary",
            "type": SUBJECT,
            // By the clock that says how long it took.
            "time": self.clock.now().to_string(),
            "data": {
                "title": "Canary",
                "message": "An event of Watchbell's own: it reaches nobody.",
                "users": [canary::USER],
                "category": canary::CATEGORY,
            },
        });
        let payload = event.to_string().into_bytes();
        let Some(broker) = &self.broker else {
            let original = Original { subject: SUBJECT.to_owned(), headers: Vec::new(), payload, received_at: self.clock.now() };
            let event = from_nats(original, &EventSettings::default()).map_err(|rejected| StoreError::Corrupt(rejected.detail))?;
            self.intake.accept(&[event], None).await?;
            return Ok(user);
        };
        if broker.deliver(SUBJECT, vec![Message { payload, trace: None }]).await { Ok(user) } else { Err(CanaryError::Nats) }
    }
}

impl Canaries {
    /// The canary's user, made with the first one.
    async fn user(&self) -> Result<UserId, StoreError> {
        let name = UserRef::Name(canary::USER.to_owned());
        if let Some(user) = self.store.user(&name).await? {
            return Ok(user.id);
        }
        let new = NewUser { username: canary::USER.to_owned(), external_id: Some(canary::USER.to_owned()), ..NewUser::default() };
        match self.store.create_user(Actor::System, new).await {
            Ok(user) => Ok(user.id),
            // Another process was quicker.
            Err(error) => self.store.user(&name).await?.map(|user| user.id).ok_or(error),
        }
    }

    /// Sends one every `every`, as long as this process is the first of those that live; until `stop`.
    pub async fn run(self: Arc<Self>, process: String, every: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep(every) => {}
            }
            match self.store.overview().await {
                Ok(overview) if first(&overview, "scheduler") == Some(process.as_str()) => {
                    if let Err(error) = self.send().await {
                        tracing::warn!(error = error_chain(&error), "a canary could not be sent");
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error = error_chain(&error), "a canary could not be sent"),
            }
        }
    }
}
