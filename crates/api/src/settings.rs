//! What the configuration says about the API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use watchbell_channels::render::Renderer;
use watchbell_channels::trial::ProviderTrials;
use watchbell_core::answer_key::AnswerKey;
use watchbell_core::contact::ContactKind;
use watchbell_core::contact_key::ContactKey;
use watchbell_core::decode::EventSettings;
use watchbell_core::network::Reach;
use watchbell_intake::Intake;
use watchbell_oidc::SignOn;
use watchbell_providers::inbound::{ChatLink, Inbound};
use watchbell_traces::Tracer;

use crate::limits::Rates;
use crate::metrics::MetricsSettings;
use crate::proxies::TrustedProxies;
use crate::watchbell::canary::CanarySender;

#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// How the world reaches this server, without a slash at the end; None: no signed callbacks.
    pub public_url: Option<String>,
    /// What links in errors lead to, without a slash at the end; None: the page `/errors` of this server.
    pub errors_url: Option<String>,
    pub body_limit_bytes: usize,
    /// How long a request's head, and then its body, may take to arrive.
    pub request_timeout: Duration,
    /// How often a stream says that it is still there.
    pub heartbeat: Duration,
    /// Requests of a key a minute on the ilert surface.
    pub key_per_minute: u32,
    /// On the OnCall surface.
    pub oncall_key_per_minute: u32,
    /// On the messaging and Notiflows surfaces.
    pub application_key_per_minute: u32,
    /// On Watchbell's own.
    pub own_key_per_minute: u32,
    /// Requests a minute of an address that need no key.
    pub address_per_minute: u32,
    /// Wrong keys and signatures a minute of an address that are told apart from too many.
    pub failures_per_minute: u32,
    /// Requests of one key that are worked on at once.
    pub requests_per_key: usize,
    /// Requests that read, and requests that change something, which are at the database at once.
    pub reads_at_once: usize,
    pub changes_at_once: usize,
    /// How long a request waits for its turn among those.
    pub turn_timeout: Duration,
    /// Streams that a user may have open.
    pub streams_per_user: usize,
    /// How long a browser is signed in, in seconds.
    pub session_s: i64,
    /// Connections that are kept open, and those of one address among them.
    pub connections: usize,
    pub connections_per_address: usize,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// How events are read.
    pub events: EventSettings,
    /// Where monitoring tools post, by name.
    pub intakes: Arc<BTreeMap<String, Intake>>,
    pub trusted_proxies: TrustedProxies,
    /// Where contacts that are URLs may lead beside the public internet, by kind; what their providers are set to.
    pub contact_reach: BTreeMap<ContactKind, Reach>,
    /// The same for browsers' push services.
    pub push_reach: Reach,
    /// What browsers subscribe to push messages with; None where none can.
    pub push_key: Option<String>,
    /// How users link a chat; None where nobody can.
    pub chat_link: Option<ChatLink>,
    /// Who reads what providers say, by their tables' names.
    pub inbound: BTreeMap<String, Arc<dyn Inbound>>,
    /// Words what is said to whoever answers, in their language.
    pub renderer: Arc<Renderer>,
    /// Tries the providers of the configuration; None where there are none.
    pub trials: Option<Arc<ProviderTrials>>,
    /// What contacts' own signing secrets are made from, by kind; others have none.
    pub contact_keys: BTreeMap<ContactKind, ContactKey>,
    /// What tokens of links and buttons are made with.
    pub answer_key: AnswerKey,
    /// Where spans are recorded.
    pub tracer: Tracer,
    /// By what people may sign in beside keys; None for nothing.
    pub sign_on: Option<Arc<SignOn>>,
    /// Who tells what this process counts; None where nobody does.
    pub metrics: Option<MetricsSettings>,
    /// Who sends canaries; None where nobody does.
    pub canary: Option<Arc<dyn CanarySender>>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            errors_url: None,
            body_limit_bytes: 1 << 20,
            request_timeout: Duration::from_secs(30),
            // Proxies cut connections that say nothing for a minute or half of one.
            heartbeat: Duration::from_secs(15),
            // The original's figures.
            key_per_minute: 120,
            oncall_key_per_minute: 300,
            application_key_per_minute: 6_000,
            own_key_per_minute: 60_000,
            address_per_minute: 700,
            failures_per_minute: 60,
            requests_per_key: 16,
            reads_at_once: 8,
            changes_at_once: 4,
            turn_timeout: Duration::from_secs(5),
            streams_per_user: 8,
            session_s: 7 * 86_400,
            connections: 1_024,
            connections_per_address: 256,
            write_timeout: Duration::from_secs(10),
            events: EventSettings::default(),
            intakes: Arc::default(),
            trusted_proxies: TrustedProxies::none(),
            contact_reach: BTreeMap::new(),
            push_reach: Reach::default(),
            push_key: None,
            chat_link: None,
            inbound: BTreeMap::new(),
            renderer: Arc::new(Renderer::built_in()),
            trials: None,
            contact_keys: BTreeMap::new(),
            answer_key: AnswerKey::new(&AnswerKey::fresh()),
            tracer: Tracer::default(),
            sign_on: None,
            metrics: None,
            canary: None,
        }
    }
}

impl ApiSettings {
    pub(crate) fn rates(&self) -> Rates {
        Rates {
            key: self.key_per_minute,
            oncall_key: self.oncall_key_per_minute,
            application_key: self.application_key_per_minute,
            own_key: self.own_key_per_minute,
            address: self.address_per_minute,
            failures: self.failures_per_minute,
        }
    }
}
