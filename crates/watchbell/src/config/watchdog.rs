//! `[watchdog]`: who is told when Watchbell itself is ill.

use serde::Deserialize;
use watchbell_core::contact::{ContactKind, parse_e164, parse_target};
use watchbell_core::network::Reach;
use watchbell_core::{Channel, Secret};

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watchdog {
    /// May hold a token. Empty: nobody is called.
    url: Secret,
    pub every_s: u32,
    contacts: Vec<String>,
    pub high_late_s: u32,
}

/// Where an operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchdogContact {
    pub channel: Channel,
    pub target: Secret,
}

impl Watchdog {
    /// What is called as long as all is well.
    pub fn url(&self) -> Option<url::Url> {
        url::Url::parse(self.url.expose()).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    }

    pub fn contacts(&self) -> Vec<WatchdogContact> {
        self.contacts.iter().filter_map(|text| read(text)).collect()
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let url = self.url.is_empty() || self.url().is_some();
        at.check(url, "url", "must be an http:// or https:// URL such as https://hc-ping.com/UUID, or empty");
        at.check((10..=86_400).contains(&self.every_s), "every_s", "must be 10 to 86400");
        at.check((1..=86_400).contains(&self.high_late_s), "high_late_s", "must be 1 to 86400");
        let contacts = self.contacts.iter().all(|text| read(text).is_some());
        at.check(
            contacts,
            "contacts",
            "must be a list of a channel and an address each, such as [\"sms:+4930123456\", \"email:ops@example.org\"]",
        );
    }
}

/// `sms:+4930123456`.
fn read(text: &str) -> Option<WatchdogContact> {
    let (channel, target) = text.split_once(':')?;
    let channel: Channel = channel.parse().ok()?;
    let target = match ContactKind::for_channel(channel)? {
        ContactKind::Phone => parse_e164(target).ok()?.0,
        // Operators say themselves which of their hosts they mean.
        kind => parse_target(kind, target, &Reach::default()).ok()?,
    };
    Some(WatchdogContact { channel, target: Secret::new(target) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_a_channel_and_what_it_sends_to() {
        let found = |text| read(text).map(|contact| (contact.channel, contact.target.expose().to_owned()));
        assert_eq!(found("sms:+4930 123456"), Some((Channel::Sms, "+4930123456".to_owned())));
        assert_eq!(found("email:ops@example.org"), Some((Channel::Email, "ops@example.org".to_owned())));
        for wrong in ["ops@example.org", "sms:ops@example.org", "push:x", "in_app:1", "pigeon:x", "email:", ""] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
