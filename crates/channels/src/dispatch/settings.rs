//! How a worker is set up.

use std::sync::Arc;
use std::time::Duration;

use watchbell_core::Channel;
use watchbell_core::answer_key::AnswerKey;
use watchbell_store::Retries;
use watchbell_traces::Tracer;

use crate::provider::{AccountLimit, Provider};
use crate::settings::{OnUnknown, RouteSettings};

/// How the worker role of one process works.
#[derive(Debug)]
pub struct DispatchSettings {
    /// Shown to operators: which process holds a lease.
    pub process_name: String,
    pub roles: String,
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// How long a worker session lasts after its last heartbeat.
    pub lease: Duration,
    /// How long calls in flight may take after the worker was told to stop.
    pub drain: Duration,
    pub retries: Retries,
    /// `http.public_url`, for receipts and key presses.
    pub callback_base: Option<String>,
    /// What tokens of links and buttons are made with.
    pub answer_key: AnswerKey,
    pub tracer: Tracer,
    /// Whether messages that were sent say so, once somebody has answered.
    pub edit_messages: bool,
    /// Whether nothing is sent: what is due ends as suppressed.
    pub shadow: bool,
    /// Look for due deliveries at least so often, in case a wake-up from another process was missed; None where there is no other
    /// process.
    pub recheck: Option<Duration>,
    pub channels: Vec<ChannelRoute>,
}

/// A channel that this worker serves, with its providers in order of preference.
#[derive(Clone, Debug)]
pub struct ChannelRoute {
    pub channel: Channel,
    pub providers: Vec<ProviderRoute>,
    pub on_unknown: OnUnknown,
    /// The countries whose phone numbers are written to (ISO 3166 alpha-2); empty: all.
    pub countries: Vec<String>,
    /// How long a provider that tells what became of a message has for that, before the next one takes over; None: for ever.
    pub receipt_after: Option<Duration>,
}

impl ChannelRoute {
    /// Providers without anything said about how they are used.
    pub fn new(channel: Channel, providers: Vec<ProviderRoute>, on_unknown: OnUnknown) -> Self {
        Self { channel, providers, on_unknown, countries: Vec::new(), receipt_after: None }
    }
}

/// A provider as one channel uses it.
#[derive(Clone, Debug)]
pub struct ProviderRoute {
    pub name: String,
    pub provider: Arc<dyn Provider>,
    pub limit: AccountLimit,
    pub settings: RouteSettings,
}
