//! What the configuration says about a channel, beside which providers serve it.

use serde::Deserialize;

/// What becomes of a message whose sending ended as `Unknown`; a channel's setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Sent again, once, marked as a possible double.
    #[default]
    Resend,
    /// Given up: for those who prefer a loss to a double.
    Fail,
}

/// How a channel uses one of its providers.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteSettings {
    /// The part of the channel's messages that go through it first, more than 0 and at most 1, so that it is known to work.
    pub share: Option<f64>,
    /// What the phone numbers begin with that it takes, such as `+49`; empty: it takes what the others do not.
    pub prefixes: Vec<String>,
    /// Calls that it may make by this channel in a calendar day, in UTC.
    pub max_per_day: Option<u32>,
}
