//! `[channels.…]`: which providers serve a channel, and how each of them is used.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};
use watchbell_channels::settings::{OnUnknown, RouteSettings};
use watchbell_core::{Channel, contact};

use super::problem::{Findings, Section, closest};

/// One channel's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Names of `[providers.…]`, the preferred first.
    #[serde(default)]
    pub providers: Vec<String>,
    /// What to do when a request was written and no answer came.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// Seconds that a provider with receipts has to say that a message arrived, before the next one takes over; 0: for ever.
    #[serde(default)]
    pub receipt_after_s: u32,
    /// ISO 3166 alpha-2: the numbers of these countries are written to; empty: all are.
    #[serde(default)]
    pub countries: Vec<String>,
    /// How the providers are used, by their names.
    #[serde(default)]
    pub routes: BTreeMap<String, RouteSettings>,
}

/// The longest prefix of a number: `+` and all of its digits.
const LONGEST_PREFIX: usize = 16;
/// Neither is a receipt waited for so briefly that no network could bring it, nor for longer than any alert matters.
const RECEIPT_AFTER_S: std::ops::RangeInclusive<u32> = 10..=86_400;

/// Checks what is said about how channels use their providers.
pub fn validate(channels: &BTreeMap<Channel, ChannelSettings>, findings: &mut Findings) {
    for (channel, settings) in channels {
        let mut at = findings.section(&["channels", channel.as_str()]);
        let is_phone = contact::ContactKind::for_channel(*channel) == Some(contact::ContactKind::Phone);
        let after = settings.receipt_after_s;
        at.check(
            after == 0 || RECEIPT_AFTER_S.contains(&after),
            "receipt_after_s",
            format!("must be {} to {}, or 0 for never", RECEIPT_AFTER_S.start(), RECEIPT_AFTER_S.end()),
        );
        at.check(
            settings.countries.is_empty() || is_phone,
            "countries",
            "is for sms, voice and whatsapp: other addresses are of no country",
        );
        if let Some(wrong) = settings.countries.iter().find(|country| !contact::is_country(country)) {
            at.wrong("countries", format!("{wrong} is no country: it must be two capital letters such as DE or US (ISO 3166 alpha-2)"));
        }
        let shares: f64 = settings.routes.values().filter_map(|route| route.share).sum();
        for (name, route) in &settings.routes {
            let mut at = at.inner("routes");
            if settings.providers.contains(name) {
                validate_route(route, is_phone, &mut at.inner(name));
                at.check(shares <= 1.0 || route.share.is_none(), &format!("{name}.share"), "and the other shares are more than 1 together");
            } else {
                at.wrong(name, unused(name, &settings.providers));
            }
        }
    }
}

fn validate_route(route: &RouteSettings, is_phone: bool, at: &mut Section<'_>) {
    if let Some(share) = route.share {
        at.check(share > 0.0 && share <= 1.0, "share", "must be more than 0 and at most 1, such as 0.1 for a tenth of all messages");
    }
    at.check(route.prefixes.is_empty() || is_phone, "prefixes", "is for sms, voice and whatsapp: other addresses are no phone numbers");
    let is_prefix = |prefix: &String| {
        let digits = prefix.strip_prefix('+').unwrap_or_default();
        prefix.len() <= LONGEST_PREFIX && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let Some(wrong) = route.prefixes.iter().find(|prefix| !is_prefix(prefix)) {
        at.wrong("prefixes", format!("{wrong:?} begins no number: it must be + and digits, such as \"+49\" or \"+1\""));
    }
}

fn unused(name: &str, providers: &[String]) -> String {
    match closest(name, providers.iter().map(String::as_str)) {
        Some(close) => format!("is none of this channel's providers; did you mean {close}?"),
        None if providers.is_empty() => "is none of this channel's providers: it has none".to_owned(),
        None => format!("is none of this channel's providers, which are {}", providers.join(", ")),
    }
}

/// The channels that no provider serves; in-app messages need none.
pub fn unserved(channels: &BTreeMap<Channel, ChannelSettings>) -> Vec<Channel> {
    let unserved = channels.iter().filter(|(channel, settings)| **channel != Channel::InApp && settings.providers.is_empty());
    unserved.map(|(channel, _)| *channel).collect()
}

/// What a table by channel may have for keys.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| Channel::ALL.iter().map(|channel| channel.as_str()).collect());

/// A channel's name as the key of a table. Read as a text, so that an error can name the key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name(Channel);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::unknown_field(&text, &NAMES))
    }
}

/// Reads a table whose keys are channels.
pub fn by_channel<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<BTreeMap<Channel, T>, D::Error> {
    let table = BTreeMap::<Name, T>::deserialize(from)?;
    Ok(table.into_iter().map(|(Name(channel), value)| (channel, value)).collect())
}
