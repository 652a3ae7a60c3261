//! The configuration: the built-in defaults, a file and variables, laid over each other, read into types and checked.
//!
//! `config/default.toml` is the reference; it is compiled in and complete, so the types here have no defaults of their own.
//! Everything that is wrong is told at once, each problem in one line that names the place, the key, the value (unless it is a
//! secret) and what would be right.
//!
//! To add a section: its table in `default.toml`, a file here with its type and `validate`, a field in [`Config`].

mod answers;
mod bundling;
mod calendars;
mod canary;
mod channels;
mod database;
mod events;
mod http;
pub mod intake;
mod layers;
mod lease;
mod limits;
mod log;
mod masking;
mod messaging;
mod metrics;
mod nats;
mod oidc;
mod problem;
mod providers;
mod read;
mod retention;
mod retry;
mod roles;
mod scheduler;
mod schedules;
mod secrets;
mod templates;
mod traces;
mod variables;
mod verification;
mod watchdog;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;
use watchbell_core::decode::EventSettings;
use watchbell_core::event::{Priorities, Priority};
use watchbell_core::{Channel, Secret};
use watchbell_ingest::NatsSettings;
use watchbell_scheduler::{Escalation, Schedules};

pub use self::answers::Answers;
pub use self::bundling::Bundling;
pub use self::calendars::{CalendarFrom, CalendarSettings};
pub use self::canary::Canary;
pub use self::channels::{ChannelSettings, unserved};
pub use self::database::Database;
pub use self::events::Events;
pub use self::http::{Http, RateLimit};
pub use self::lease::Lease;
pub use self::limits::{Limits, Rate};
pub use self::log::{Log, LogFormat};
pub use self::messaging::Messaging;
pub use self::metrics::Metrics;
pub use self::nats::servers as nats_servers;
pub use self::oidc::Oidc;
pub use self::problem::{Invalid, Problem};
pub use self::providers::ProviderSettings;
pub use self::retention::Retention;
pub use self::retry::Retry;
pub use self::roles::Role;
pub use self::scheduler::{FallbackEmail, Scheduler};
pub use self::templates::Templates;
pub use self::traces::Traces;
pub use self::verification::Verification;
pub use self::watchdog::{Watchdog, WatchdogContact};
pub use self::worker::Worker;
pub use watchbell_channels::settings::OnUnknown;
pub use watchbell_providers::settings::SettingError;

use self::layers::Layers;
use self::problem::Findings;

/// The commented defaults, as `config/default.toml` has them.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// The shortest admin key taken, in characters: random letters and digits of that length have more than 100 bits.
const LEAST_ADMIN_KEY: usize = 20;

/// Everything that can be set. Values are those that `validate` has seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub roles: BTreeSet<Role>,
    /// Empty: the first key is made up and printed.
    pub admin_key: Secret,
    /// Whether nothing is sent.
    pub shadow: bool,
    pub http: Http,
    pub oidc: Oidc,
    pub database: Database,
    pub nats: NatsSettings,
    pub events: Events,
    /// Words for how urgent something is, in lower case.
    pub priorities: BTreeMap<String, Priority>,
    pub scheduler: Scheduler,
    pub schedules: Schedules,
    /// By name.
    #[serde(default)]
    pub escalations: BTreeMap<String, Escalation>,
    /// By name.
    #[serde(default)]
    pub calendars: BTreeMap<String, CalendarSettings>,
    pub retry: Retry,
    pub lease: Lease,
    pub worker: Worker,
    pub retention: Retention,
    pub bundling: Bundling,
    pub limits: Limits,
    pub verification: Verification,
    pub answers: Answers,
    pub messaging: Messaging,
    pub metrics: Metrics,
    pub watchdog: Watchdog,
    pub canary: Canary,
    pub traces: Traces,
    pub templates: Templates,
    pub log: Log,
    /// By the names that stand in their URLs.
    #[serde(default)]
    pub intake: BTreeMap<String, watchbell_intake::Settings>,
    #[serde(deserialize_with = "channels::by_channel")]
    pub channels: BTreeMap<Channel, ChannelSettings>,
    /// By the names that channels use for them.
    #[serde(skip)]
    pub providers: BTreeMap<String, ProviderSettings>,
}

impl Config {
    /// Reads the defaults, then `file`, then those of `variables` that begin with `WATCHBELL_`.
    ///
    /// # Errors
    /// Everything that is wrong, wherever it was given.
    pub fn load(file: Option<&Path>, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Invalid> {
        let mut findings = Findings::default();
        let mut layers = Layers::new(defaults()?);
        if let Some(path) = file {
            add_file(&mut layers, path)?;
        }
        variables::apply(&mut layers, variables, &mut findings);
        secrets::read_files(&mut layers, &mut findings);
        providers::infer_kinds(&mut layers);
        let given = layers.clone();
        providers::find_definitions(&mut layers);
        let providers = providers::read_all(&mut layers, &mut findings);
        let mut config = read::read::<Self>(&mut layers, &mut findings);
        if let Some(config) = &mut config {
            config.providers = providers;
            config.validate(&given, &mut findings);
        }
        let problems = findings.into_problems(&given);
        config.filter(|_| problems.is_empty()).ok_or(Invalid { problems })
    }

    /// How events are read.
    pub fn event_settings(&self) -> EventSettings {
        EventSettings { max_age_s: self.events.max_age_s(), priorities: Priorities::new(self.priorities.clone()) }
    }

    /// Secrets that providers' settings send in the clear beyond this machine, by the provider's name.
    pub fn exposed(&self) -> Vec<(&str, SettingError)> {
        let all = self.providers.iter();
        all.flat_map(|(name, settings)| settings.exposed().into_iter().map(move |error| (name.as_str(), error))).collect()
    }

    fn validate(&self, given: &Layers, findings: &mut Findings) {
        let mut top = findings.section(&[]);
        top.check(!self.roles.is_empty(), "roles", "must name one or more of api, ingest, scheduler, worker");
        // It travels in a header, and opens everything to whoever guesses it.
        let key = self.admin_key.expose();
        let is_printable = key.bytes().all(|byte| byte.is_ascii_graphic());
        let is_long = key.is_empty() || key.len() >= LEAST_ADMIN_KEY;
        top.check(
            is_printable && is_long,
            "admin_key",
            "must be at least 20 printable ASCII characters without spaces, such as `openssl rand -hex 24` prints",
        );
        self.http.validate(&mut findings.section(&["http"]));
        self.oidc.validate(&mut findings.section(&["oidc"]));
        self.database.validate(&mut findings.section(&["database"]));
        nats::validate(&self.nats, &mut findings.section(&["nats"]));
        self.events.validate(&mut findings.section(&["events"]));
        self.scheduler.validate(&mut findings.section(&["scheduler"]));
        schedules::validate(&self.schedules, &self.escalations, findings);
        calendars::validate(&self.calendars, findings);
        self.retry.validate(&mut findings.section(&["retry"]));
        self.lease.validate(&mut findings.section(&["lease"]));
        self.worker.validate(&mut findings.section(&["worker"]));
        self.retention.validate(&mut findings.section(&["retention"]));
        bundling::validate(&self.bundling, &mut findings.section(&["bundling"]));
        self.limits.validate(&mut findings.section(&["limits"]));
        verification::validate(&self.verification, &mut findings.section(&["verification"]));
        self.answers.validate(&mut findings.section(&["answers"]));
        self.messaging.validate(&mut findings.section(&["messaging"]));
        self.metrics.validate(&mut findings.section(&["metrics"]));
        self.canary.validate(&mut findings.section(&["canary"]));
        self.traces.validate(&mut findings.section(&["traces"]));
        self.watchdog.validate(&mut findings.section(&["watchdog"]));
        self.templates.validate(&mut findings.section(&["templates"]));
        self.log.validate(&mut findings.section(&["log"]));
        intake::validate(&self.intake, findings);
        channels::validate(&self.channels, findings);
        providers::validate_use(&self.channels, &self.providers, given, findings);
    }
}

fn defaults() -> Result<toml::Table, Invalid> {
    DEFAULTS.parse().map_err(|error: toml::de::Error| one("default.toml", error.message().to_owned()))
}

fn add_file(layers: &mut Layers, path: &Path) -> Result<(), Invalid> {
    let name = path.display().to_string();
    let text = std::fs::read(path).map_err(|error| one(&name, format!("the configuration file cannot be read: {error}")))?;
    let text = String::from_utf8(text).map_err(|_| one(&name, "the configuration file is not UTF-8".to_owned()))?;
    layers.add_file(&name, &text).map_err(|mistakes| Invalid {
        problems: mistakes
            .into_iter()
            .map(|(line, message)| Problem { place: format!("{name}:{line}"), key: String::new(), value: None, sentence: message })
            .collect(),
    })
}

fn one(place: &str, sentence: String) -> Invalid {
    Invalid { problems: vec![Problem { place: place.to_owned(), key: String::new(), value: None, sentence }] }
}

#[cfg(test)]
mod tests;
