//! `[metrics]`: who may read what is counted, and where.

use serde::Deserialize;

use super::http::is_listen_address;
use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Empty: no listener of its own.
    listen: String,
    /// Whether the API's listener shows them to who has no key.
    pub open: bool,
}

impl Metrics {
    /// `host:port` of a listener for nothing else.
    pub fn listen(&self) -> Option<&str> {
        Some(self.listen.as_str()).filter(|listen| !listen.is_empty())
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let listen = self.listen().is_none_or(is_listen_address);
        at.check(listen, "listen", "must be an address and a port such as 127.0.0.1:9464, or empty");
    }
}
