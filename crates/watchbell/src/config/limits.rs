//! `[limits]`: how fast one recipient may be written to, and how much one user may have.

use std::collections::BTreeMap;

use serde::Deserialize;
use watchbell_core::Channel;
use watchbell_store::Quotas;
pub use watchbell_store::throttle::RecipientRate as Rate;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Messages to one recipient. A channel that is not named has no limit.
    #[serde(deserialize_with = "super::channels::by_channel")]
    pub recipient: BTreeMap<Channel, Rate>,
    pub user: Quotas,
}

impl Limits {
    pub fn validate(&self, at: &mut Section<'_>) {
        let mut of_user = at.inner("user");
        let Quotas { contacts, devices, rules, telegram_links } = self.user;
        for (name, most) in [("contacts", contacts), ("devices", devices), ("rules", rules), ("telegram_links", telegram_links)] {
            of_user.check((1..=10_000).contains(&most), name, "must be 1 to 10000");
        }
        let mut at = at.inner("recipient");
        for (channel, rate) in &self.recipient {
            let mut at = at.inner(channel.as_str());
            at.check(rate.calls >= 1, "calls", "must be 1 or more; to turn a channel off, take its providers away");
            at.check((1..=86_400).contains(&rate.per_s), "per_s", "must be 1 to 86400");
        }
    }
}
