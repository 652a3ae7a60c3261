//! What every handler has at hand.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use watchbell_channels::inline::EventIntake;
use watchbell_core::{Channel, Clock};
use watchbell_store::Store;

use crate::callbacks::Helped;
use crate::gates::Gates;
use crate::key_uses::KeyUses;
use crate::known_keys::KnownKeys;
use crate::limits::Limits;
use crate::readiness::Readiness;
use crate::refusals::Refusals;
use crate::settings::ApiSettings;
use crate::watchbell::{Follower, LastOverview};

/// What the binary knows about the process beyond the database.
pub trait Health: Send + Sync + fmt::Debug {
    /// None where NATS is not configured.
    fn nats_connected(&self) -> Option<bool>;

    /// Every channel, also those without a provider.
    fn channels(&self) -> Vec<ChannelStatus>;

    /// Every provider of the configuration, also those that no channel uses.
    fn providers(&self) -> Vec<ProviderStatus>;
}

/// A channel and who serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    pub channel: Channel,
    /// In the order in which they are tried; empty when nothing can be sent by this channel.
    pub providers: Vec<ProviderStatus>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderStatus {
    /// The name of its table in the configuration.
    pub name: String,
    pub kind: String,
}

/// The state of every route; clones share it.
#[derive(Clone)]
pub struct Api(Arc<ApiState>);

/// What [`Api`] derefs to.
pub struct ApiState {
    pub store: Arc<dyn Store>,
    /// The way in for events, the same as for those that come over NATS.
    pub intake: Arc<EventIntake>,
    pub clock: Arc<dyn Clock>,
    pub health: Arc<dyn Health>,
    pub settings: ApiSettings,
    pub(crate) limits: Limits,
    pub(crate) gates: Gates,
    pub(crate) known_keys: KnownKeys,
    pub(crate) readiness: Readiness,
    pub(crate) refusals: Refusals,
    pub(crate) key_uses: KeyUses,
    pub(crate) helped: Helped,
    pub(crate) follower: Follower,
    pub(crate) overview: LastOverview,
}

impl Api {
    pub fn new(
        store: Arc<dyn Store>,
        intake: Arc<EventIntake>,
        clock: Arc<dyn Clock>,
        health: Arc<dyn Health>,
        settings: ApiSettings,
    ) -> Self {
        let (limits, gates) = (Limits::new(&settings.rates(), &clock), Gates::new(&settings));
        let (known_keys, readiness, helped) = (KnownKeys::default(), Readiness::default(), Helped::default());
        let refusals = Refusals::new(store.clone(), clock.clone());
        let key_uses = KeyUses::new(store.clone(), clock.clone());
        let (follower, overview) = (Follower::default(), LastOverview::default());
        Self(Arc::new(ApiState {
            store,
            intake,
            clock,
            health,
            settings,
            limits,
            gates,
            known_keys,
            readiness,
            refusals,
            key_uses,
            helped,
            follower,
            overview,
        }))
    }
}

impl Deref for Api {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.0
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState").field("settings", &self.settings).finish_non_exhaustive()
    }
}
