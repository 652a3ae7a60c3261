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
