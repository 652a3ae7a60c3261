//! Matrix: a bot's account on a homeserver writes to rooms, and hears reactions and replies there.
//!
//! The homeserver knows each message by the delivery's id (its transaction), so one whose call had no answer is sent again without
//! becoming two. Rooms that are encrypted are refused: what is written there could be read by nobody, or by everybody but them.

mod classify;
mod inbound;
mod message;
mod rooms;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret, Timestamp};

use crate::http::{self, Http, Request};
use crate::inbound::Inbound;
use crate::provider::{AccountLimit, Address, Edit, EditOutcome, Found, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{self, CommonSettings, DEFAULT_TIMEOUT, SettingError};
use crate::thread;
use rooms::Rooms;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The homeserver's, without `/_matrix`.
    pub base_url: String,
    /// The bot's access token.
    pub token: Secret,
}

impl ProviderKind for Settings {
    const NAME: &'static str = "matrix";
    const CHANNELS: &'static [Channel] = &[Channel::Matrix];

    /// Homeservers set their own; Synapse's for an account is 0.2 a second, which has to be lifted for a bot.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 10.0, burst: 10, in_flight: 16, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, _common: &CommonSettings) -> Result<(), SettingError> {
        settings::base_url("base_url", &self.base_url)?;
        settings::token("token", self.token.expose())
    }

    fn exposed(&self) -> Vec<SettingError> {
        settings::exposed_by("base_url", &self.base_url).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(Matrix { rooms: Rooms::default(), server: Homeserver::new(self, common)? }))
    }

    fn inbound(&self, _name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        Ok(Some(Arc::new(inbound::Sync::new(self, common)?)))
    }
}

/// The homeserver, as the bot's account sees it.
#[derive(Debug)]
struct Homeserver {
    http: Http,
    base: Url,
    token: Secret,
}

impl Homeserver {
    fn new(settings: &Settings, common: &CommonSettings) -> Result<Self, SettingError> {
        let base = settings::base_url("base_url", &settings.base_url)?;
        Ok(Self { http: Http::new(common)?, base, token: settings.token.clone() })
    }

    /// Below `/_matrix/client/v3`.
    fn url(&self, path: &[&str]) -> Url {
        http::join(&self.base, &[&["_matrix", "client", "v3"], path].concat())
    }

    fn get(&self, url: &Url) -> Request {
        self.http.get(url).bearer_auth(self.token.expose())
    }

    fn post(&self, path: &[&str], body: &Value) -> Request {
        self.http.post(&self.url(path)).bearer_auth(self.token.expose()).json(body)
    }

    /// What puts a message into a room. The same transaction gives the same event, however often it is asked for.
    fn put(&self, room: &str, transaction: &str, event: &Value) -> Request {
        let url = self.url(&["rooms", room, "send", "m.room.message", transaction]);
        self.http.put(&url).bearer_auth(self.token.expose()).json(event)
    }
}

#[derive(Debug)]
struct Matrix {
    server: Homeserver,
    rooms: Rooms,
}

#[async_trait]
impl Provider for Matrix {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Other(target) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let room = match self.rooms.find(&self.server, target.expose(), message.now).await {
            Ok(room) => room,
            Err(report) => return report,
        };
        let request = self.server.put(&room, message.delivery_id.as_str(), &message::body(message));
        match self.server.http.hand_over(message, request).await {
            // What is said there comes from the room, whatever it was called when it was written to.
            Ok(answer) => Report { moved_to: Some(room).filter(|room| room != target.expose()), ..classify::posted(&answer, message.now) },
            Err(report) => report,
        }
    }

    /// There is nothing to ask: sending it again gives the event that was made before, if one was.
    fn can_look_up(&self, _channel: Channel) -> bool {
        true
    }

    async fn look_up(&self, _message: &Outgoing, _since: Timestamp) -> Option<Vec<Found>> {
        Some(Vec::new())
    }

    async fn edit(&self, edit: &Edit) -> EditOutcome {
        let Address::Other(target) = &edit.to else { return EditOutcome::Cannot };
        let room = match self.rooms.find(&self.server, target.expose(), edit.now).await {
            Ok(room) => room,
            Err(Report { outcome: Outcome::BadAddress, .. }) => return EditOutcome::Cannot,
            Err(report) => return EditOutcome::Failed(report),
        };
        // One of its own for each text: else the homeserver would take the second edit for the first one again.
        let transaction = format!("{}-{}", edit.delivery_id, thread::digest(&edit.note));
        match self.server.http.call(self.server.put(&room, &transaction, &message::edited(edit))).await {
            Ok(answer) => match classify::posted(&answer, edit.now) {
                Report { outcome: Outcome::Accepted { .. }, .. } => EditOutcome::Done,
                Report { outcome: Outcome::BadAddress | Outcome::BadMessage, .. } => EditOutcome::Cannot,
                report => EditOutcome::Failed(report),
            },
            Err(report) => EditOutcome::Failed(report),
        }
    }
}
