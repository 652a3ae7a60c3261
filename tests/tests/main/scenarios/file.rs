//! A scenario file, as it is written. What its keys mean stands in `tests/scenarios/README.md`.

use std::collections::BTreeMap;

use serde::Deserialize;
use watchbell_core::Channel;
use watchbell_scheduler::{Escalation, FallbackEmail, Schedules};
use watchbell_store::throttle::{Bundling, RecipientRate};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub title: String,
    /// The sentence of the design that it shows.
    pub design: String,
    /// What the first time is; everything else counts from it.
    #[serde(default = "default_start")]
    pub start: String,
    /// How long after the last entry nothing more may happen.
    #[serde(default = "default_watch")]
    pub watch: String,
    #[serde(default)]
    pub settings: Settings,
    #[serde(default)]
    pub users: BTreeMap<String, User>,
    #[serde(default)]
    pub topics: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub categories: Categories,
    pub at: Vec<Entry>,
}

/// Categories by handle, with their default channels.
pub type Categories = BTreeMap<String, Vec<Channel>>;

/// A Friday morning, nine o'clock in Berlin.
fn default_start() -> String {
    "2026-11-20T08:00:00Z".to_owned()
}

fn default_watch() -> String {
    "26h".to_owned()
}

/// What differs from the defaults.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub fallback_email: FallbackEmail,
    pub duty_grace: Option<String>,
    pub alert_expiry: Option<String>,
    /// `fail` gives up what may have gone out.
    pub on_unknown: watchbell_channels::settings::OnUnknown,
    pub recipient: BTreeMap<Channel, RecipientRate>,
    pub account: BTreeMap<Channel, Account>,
    /// Off unless it is given, so that scenarios about other things may send more than three messages.
    pub bundling: Option<Bundling>,
    /// Channels with two providers: `sms` and `sms-2`.
    pub two_providers: Vec<Channel>,
    /// Channels with three.
    pub three_providers: Vec<Channel>,
    /// Channels without a provider.
    pub no_provider: Vec<Channel>,
    /// How a channel uses its providers, by their names.
    pub routes: BTreeMap<Channel, BTreeMap<String, watchbell_channels::settings::RouteSettings>>,
    /// The countries whose numbers a channel writes to.
    pub countries: BTreeMap<Channel, Vec<String>>,
    /// When the next provider takes over what was not confirmed.
    pub receipt_after: BTreeMap<Channel, String>,
    /// `[schedules]` and `[escalations]` of the configuration.
    pub schedules: Schedules,
    pub escalations: BTreeMap<String, Escalation>,
    pub heartbeat: Option<String>,
    pub lease: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub per_second: f64,
    pub burst: u32,
}

/// A user, or what changes of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    pub name: Option<String>,
    pub timezone: Option<String>,
    pub locale: Option<String>,
    /// `22:00-07:00`, or `none`.
    pub quiet_hours: Option<String>,
    /// ISO weekdays on which the quiet hours begin; every day unless told.
    pub quiet_days: Option<Vec<i8>>,
    /// `mobile: phone +4915112345678`, with `locked`, `blacklisted` or `primary` at the end. Unless told, an email and a phone.
    pub contacts: Option<Vec<String>>,
    pub devices: Vec<String>,
    pub rules: Vec<String>,
    /// `releases: email daily, push`.
    pub preferences: Vec<String>,
    /// `releases sms off`.
    pub switches: Vec<String>,
}

type ByUser<T> = BTreeMap<String, T>;

/// What happens at a time, and what is to be seen after it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub time: String,
    /// `stop` (SIGTERM), `kill` (SIGKILL), `start`.
    #[serde(default)]
    pub server: Option<String>,
    /// `{ "anna sms" = "retry then accepted" }`: from now on.
    #[serde(default)]
    pub answers: BTreeMap<String, String>,
    /// Users who are made, or changed.
    #[serde(default)]
    pub users: ByUser<User>,
    #[serde(default)]
    pub delete_users: Vec<String>,
    #[serde(default)]
    pub add_contacts: ByUser<Vec<String>>,
    #[serde(default)]
    pub change_contacts: ByUser<BTreeMap<String, String>>,
    #[serde(default)]
    pub contact_status: ByUser<BTreeMap<String, String>>,
    #[serde(default)]
    pub delete_contacts: ByUser<Vec<String>>,
    #[serde(default)]
    pub add_devices: ByUser<Vec<String>>,
    #[serde(default)]
    pub delete_devices: ByUser<Vec<String>>,
    #[serde(default)]
    pub add_rules: ByUser<Vec<String>>,
    #[serde(default)]
    pub change_rules: ByUser<BTreeMap<String, String>>,
    #[serde(default)]
    pub delete_rules: ByUser<Vec<String>>,
    #[serde(default)]
    pub add_members: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub remove_members: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub categories: Categories,
    #[serde(default)]
    pub alert: Option<toml::Table>,
    #[serde(default)]
    pub update: Option<toml::Table>,
    #[serde(default)]
    pub duty: Option<toml::Table>,
    #[serde(default)]
    pub subscription: Option<toml::Table>,
    /// Several events that come in one transaction, in this order.
    #[serde(default)]
    pub events: Vec<Event>,
    /// `anna sms delivered`, `anna voice not_answered`: for the last call of that user and channel.
    #[serde(default)]
    pub receipts: Vec<String>,
    /// `anna voice`: 1 is pressed in the last call of that user.
    #[serde(default)]
    pub presses: Vec<String>,
    /// Failed deliveries that are put back.
    #[serde(default)]
    pub replay: Vec<String>,

    /// Calls to providers at this time, all of them.
    #[serde(default)]
    pub sends: Vec<String>,
    /// What some deliveries are now.
    #[serde(default)]
    pub states: Vec<String>,
    /// How the attempts of a delivery ended, in order: `anna sms: Unknown, Accepted`.
    #[serde(default)]
    pub attempts: Vec<String>,
    /// Everybody who could not be reached by now, once for each event.
    #[serde(default)]
    pub unreachable: Option<Vec<String>>,
    /// What an event would plan for a user after all this.
    #[serde(default)]
    pub explain: Option<Explain>,
    /// Part of what was decided about the event.
    #[serde(default)]
    pub decision: Option<String>,
    /// Parts of what could not be used of the event.
    #[serde(default)]
    pub problems: Vec<String>,
    /// The event was known already.
    #[serde(default)]
    pub duplicate: bool,
}

/// A question, and its answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    pub user: String,
    #[serde(default)]
    alert: Option<toml::Table>,
    #[serde(default)]
    update: Option<toml::Table>,
    #[serde(default)]
    duty: Option<toml::Table>,
    #[serde(default)]
    subscription: Option<toml::Table>,
    /// All that would be planned, as `states` has it.
    pub steps: Vec<String>,
}

impl Explain {
    pub fn event(&self) -> Option<(&'static str, &toml::Table)> {
        let all = [("alert", &self.alert), ("update", &self.update), ("duty", &self.duty), ("subscription", &self.subscription)];
        all.into_iter().find_map(|(kind, data)| Some((kind, data.as_ref()?)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Event {
    Alert(toml::Table),
    Update(toml::Table),
    Duty(toml::Table),
    Subscription(toml::Table),
}

impl Entry {
    /// Its events with their kinds' names, those in `events` last.
    pub fn events(&self) -> Vec<(&'static str, &toml::Table)> {
        let single = [("alert", &self.alert), ("update", &self.update), ("duty", &self.duty), ("subscription", &self.subscription)];
        let several = self.events.iter().map(|event| match event {
            Event::Alert(data) => ("alert", data),
            Event::Update(data) => ("update", data),
            Event::Duty(data) => ("duty", data),
            Event::Subscription(data) => ("subscription", data),
        });
        single.into_iter().filter_map(|(kind, data)| Some((kind, data.as_ref()?))).chain(several).collect()
    }
}
