//! What the configuration says about a provider: what every kind has in common here, the rest in the provider's own file.
//!
//! The configuration reads a table such as `[providers.twilio]`, resolves its `…_file` keys and hands the rest here. What
//! is wrong comes back as a [`SettingError`] that names the key, the value unless it could be a secret, and what would be
//! right; the configuration adds the file and the table.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use url::Url;
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::Reach;
pub use watchbell_core::setting::SettingError;
use watchbell_core::{Channel, Clock, channel, setting};

use crate::inbound::{ChatLink, Inbound};
use crate::provider::{AccountLimit, Provider};
use crate::registry::{self, Kind};

/// The keys that every provider's table may have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommonSettings {
    /// Calls a second, for each of the provider's channels; the kind's default otherwise. As the next two.
    pub per_second: Option<f64>,
    pub burst: Option<u32>,
    pub in_flight: Option<usize>,
    /// Seconds until a call is given up.
    pub timeout_s: Option<f64>,
    /// PEM file of certificate authorities that are trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
}

/// [`CommonSettings`]' keys; the rest of a table belongs to the kind.
pub const COMMON_KEYS: [&str; 5] = ["per_second", "burst", "in_flight", "timeout_s", "ca_file"];

/// Until a call is given up, unless the settings say otherwise. Twilio, FCM and Telegram answer within a second or two.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl CommonSettings {
    pub fn timeout(&self) -> Duration {
        self.timeout_s.map_or(DEFAULT_TIMEOUT, Duration::from_secs_f64)
    }

    fn check(&self) -> Result<(), SettingError> {
        let wrong = |key: &str, value: String, message: &str| Err(SettingError::new(key, value, message));
        match self {
            Self { per_second: Some(rate), .. } if !(*rate > 0.0 && *rate <= 1e6) => {
                wrong("per_second", rate.to_string(), "must be more than 0 and at most 1000000")
            }
            Self { burst: Some(0), .. } => wrong("burst", "0".to_owned(), "must be 1 or more"),
            Self { in_flight: Some(count @ (0 | 10_001..)), .. } => wrong("in_flight", count.to_string(), "must be 1 to 10000"),
            Self { timeout_s: Some(seconds), .. } if !(*seconds >= 0.05 && *seconds <= 300.0) => {
                wrong("timeout_s", seconds.to_string(), "must be 0.05 to 300 seconds")
            }
            _ => Ok(()),
        }
    }
}

/// A kind's settings behind the registry: what is left of a [`registry::ProviderKind`] once its type is forgotten.
pub(crate) trait Configured: Send + Sync + std::fmt::Debug {
    fn channels(&self) -> &'static [Channel];
    fn service(&self) -> Option<&str>;
    fn limit(&self, channel: Channel) -> AccountLimit;
    fn check(&self, common: &CommonSettings) -> Result<(), SettingError>;
    fn check_channel(&self, channel: Channel) -> Result<(), SettingError>;
    fn exposed(&self) -> Vec<SettingError>;
    fn build(&self, name: &str, common: &CommonSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError>;
    fn inbound(&self, name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError>;
    fn contact_reach(&self) -> Option<Reach>;
    fn contact_key(&self) -> Option<ContactKey>;
    fn chat_link(&self) -> Option<ChatLink>;
    fn push_key(&self) -> Option<String>;
}

/// One provider's table, read.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    pub kind: &'static Kind,
    pub common: CommonSettings,
    own: Arc<dyn Configured>,
}

impl ProviderSettings {
    /// Reads a table. Unknown keys, keys of another kind and values of a wrong type are errors.
    pub fn read(mut table: Map<String, Value>) -> Result<Self, SettingError> {
        let names = || channel::join(&registry::kinds().iter().map(|kind| kind.name).collect::<Vec<_>>());
        let kind = match table.remove("kind") {
            Some(Value::String(name)) => registry::kind(&name)
                .ok_or_else(|| SettingError::new("kind", name, format!("no such kind of provider; one of {}", names())))?,
            Some(_) => return Err(SettingError::new("kind", None, format!("must be one of {}", names()))),
            None => return Err(SettingError::new("kind", None, format!("is missing; one of {}", names()))),
        };
        let common: Map<String, Value> = COMMON_KEYS.iter().filter_map(|key| table.remove_entry(*key)).collect();
        let common = from_table(common)?;
        let own = kind.read(table)?;
        Ok(Self { kind, common, own })
    }

    /// Whether everything in it can be used, files included.
    pub fn validate(&self) -> Result<(), SettingError> {
        self.common.check()?;
        self.own.check(&self.common)
    }

    /// What it can deliver: what its kind can, or its definition says.
    pub fn channels(&self) -> &'static [Channel] {
        self.own.channels()
    }

    /// What is behind it, where a definition says so: "Vonage SMS API".
    pub fn service(&self) -> Option<&str> {
        self.own.service()
    }

    pub fn serves(&self, channel: Channel) -> bool {
        self.channels().contains(&channel)
    }

    /// Whether a channel can use this provider. The error's key is `kind` where the kind cannot, else the key that is missing.
    pub fn validate_channel(&self, channel: Channel) -> Result<(), SettingError> {
        if self.serves(channel) {
            return self.own.check_channel(channel);
        }
        let able = channel::join(&registry::kinds_for(channel).map(|kind| kind.name).collect::<Vec<_>>());
        Err(SettingError::new("kind", self.kind.name.to_owned(), format!("cannot serve the channel {channel}; {able} can")))
    }

    /// Secrets that are sent in the clear beyond this machine: no error, but somebody should know.
    pub fn exposed(&self) -> Vec<SettingError> {
        self.own.exposed()
    }

    /// The rate limit of the account for one of its channels.
    pub fn account_limit(&self, channel: Channel) -> AccountLimit {
        let default = self.own.limit(channel);
        AccountLimit {
            per_second: self.common.per_second.unwrap_or(default.per_second),
            burst: self.common.burst.unwrap_or(default.burst),
            in_flight: self.common.in_flight.unwrap_or(default.in_flight),
            timeout: self.common.timeout(),
        }
    }

    /// What reads what the provider says, as the table `name`; None where it says nothing.
    pub fn inbound(&self, name: &str) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        self.own.inbound(name, &self.common)
    }

    /// Where addresses that users name may lead; None where only the service's own are called.
    pub fn contact_reach(&self) -> Option<Reach> {
        self.own.contact_reach()
    }

    /// What contacts' own signing secrets are made from, where they have any.
    pub fn contact_key(&self) -> Option<ContactKey> {
        self.own.contact_key()
    }

    /// How users link a chat, where they do it by opening a link.
    pub fn chat_link(&self) -> Option<ChatLink> {
        self.own.chat_link()
    }

    /// What browsers subscribe to push messages with, where they do.
    pub fn push_key(&self) -> Option<String> {
        self.own.push_key()
    }

    pub(crate) fn build(&self, name: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        self.validate()?;
        self.own.build(name, &self.common, clock)
    }
}

impl<'de> Deserialize<'de> for ProviderSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::read(Map::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Reads a struct and says which key is wrong.
pub(crate) fn from_table<T: DeserializeOwned>(table: Map<String, Value>) -> Result<T, SettingError> {
    Ok(setting::read(Value::Object(table))?)
}

/// Reads a base URL: http or https, with a host, and nothing after the path.
pub(crate) fn base_url(key: &str, text: &str) -> Result<Url, SettingError> {
    let wrong = || SettingError::new(key, text.to_owned(), "must be an http or https URL such as https://api.example.org");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let clean = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && clean { Ok(url) } else { Err(wrong()) }
}

/// What is wrong with a URL that a secret is sent to: others on the way can read it.
pub(crate) fn exposed_by(key: &str, text: &str) -> Option<SettingError> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http")?;
    let right = "sends its secret in the clear to another machine; use https, or a proxy on this one";
    (!is_loopback(url.host_str()?)).then(|| SettingError::new(key, text.to_owned(), right))
}

/// Whether a host is this machine, by its name or address alone.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_local = |address: std::net::IpAddr| address.to_canonical().is_loopback();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_local)
}

/// An error unless the text has something in it and no control characters or spaces.
pub(crate) fn token(key: &str, text: &str) -> Result<(), SettingError> {
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(SettingError::new(key, None, "must be given, without spaces or line ends"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use serde_json::json;

    use super::*;

    fn read(table: Value) -> Result<ProviderSettings, SettingError> {
        let Value::Object(table) = table else { unreachable!("a table") };
        let settings = ProviderSettings::read(table)?;
        settings.validate()?;
        Ok(settings)
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let sid = "AC00000000000000000000000000000000";
        let table = [
            (json!({"kind": "sandbox", "token": "x"}), "`token`: no such key; there are none"),
            (json!({"kind": "sandbox", "per_second": 0}), "`per_second` = `0`: must be more than 0 and at most 1000000"),
            (json!({"kind": "sandbox", "burst": 0}), "`burst` = `0`: must be 1 or more"),
            (json!({"kind": "sandbox", "in_flight": 0}), "`in_flight` = `0`: must be 1 to 10000"),
            (json!({"kind": "sandbox", "timeout_s": 0}), "`timeout_s` = `0`: must be 0.05 to 300 seconds"),
            (json!({"kind": "sandbox", "burst": "many"}), "`burst`: must be u32"),
            (json!({"kind": "telegram"}), "`token`: is missing"),
            // A secret of the wrong type is not shown either.
            (json!({"kind": "telegram", "token": 12_345_678}), "`token`: must be a string"),
            (
                json!({"kind": "twilio", "account_sid": sid, "auth_token": "t", "sms_from": "+15005550006", "base_url": "ftp://x"}),
                "`base_url` = `ftp://x`: must be an http or https URL such as https://api.example.org",
            ),
        ];
        for (settings, error) in table {
            assert_eq!(read(settings.clone()).unwrap_err().to_string(), error, "{settings}");
        }
        let error = |settings| read(settings).unwrap_err().to_string();
        assert!(error(json!({})).starts_with("`kind`: is missing; one of twilio, vonage-voice, telnyx-voice, smtp, "));
        assert!(
            error(json!({"kind": "twillio"}))
                .starts_with("`kind` = `twillio`: no such kind of provider; one of twilio, vonage-voice, telnyx-voice, ")
        );
    }

    #[test]
    fn secrets_that_others_can_read_are_told() {
        let twilio =
            |base: &str| json!({"kind": "twilio", "account_sid": "AC1", "auth_token": "t", "sms_from": "+15005550006", "base_url": base});
        let smtp = |host: &str, tls: &str, user: bool| {
            let mut table = json!({"kind": "smtp", "host": host, "tls": tls, "from": "bell@example.org"});
            if user {
                (table["username"], table["password"]) = (json!("u"), json!("p"));
            }
            table
        };
        let table = [
            (twilio("https://api.twilio.com"), None),
            (twilio("http://127.0.0.1:8081"), None),
            (twilio("http://[::1]/x"), None),
            (twilio("http://localhost:1"), None),
            (twilio("http://gateway.example.org"), Some("base_url")),
            (twilio("http://10.0.0.7:8080"), Some("base_url")),
            (json!({"kind": "telegram", "token": "1:a", "bot_name": "b", "base_url": "http://bot.example.org"}), Some("base_url")),
            (json!({"kind": "slack", "token": "xoxb-1", "base_url": "http://slack.example.org"}), Some("base_url")),
            (json!({"kind": "slack", "hooks_url": "http://slack.example.org"}), Some("hooks_url")),
            (smtp("mail.example.org", "none", true), Some("tls")),
            (smtp("mail.example.org", "none", false), None),
            (smtp("mail.example.org", "starttls", true), None),
            (smtp("127.0.0.1", "none", true), None),
            (smtp("::1", "none", true), None),
            (json!({"kind": "sandbox"}), None),
        ];
        for (settings, key) in table {
            let exposed = read(settings.clone()).unwrap().exposed();
            assert_eq!(exposed.first().map(|error| error.key.as_str()), key, "{settings}");
            assert!(exposed.iter().all(|error| !error.to_string().contains("xoxb")));
        }
    }

    #[test]
    fn a_channel_needs_a_kind_and_a_sender_that_serve_it() {
        let twilio = read(json!({"kind": "twilio", "account_sid": "AC1", "auth_token": "t", "sms_from": "+15005550006"})).unwrap();
        assert_eq!(twilio.validate_channel(Channel::Sms), Ok(()));
        let error = |channel| twilio.validate_channel(channel).unwrap_err().to_string();
        assert_eq!(error(Channel::Voice), "`voice_from`: is missing, and the channel voice needs it");
        assert_eq!(
            error(Channel::Email),
            "`kind` = `twilio`: cannot serve the channel email; smtp, sandbox, ses, sendgrid, mailgun, postmark, http can"
        );
    }

    #[test]
    fn limits_of_the_kind_hold_unless_overridden() {
        let plain = read(json!({"kind": "telegram", "token": "1:a", "bot_name": "b"})).unwrap();
        assert_eq!(plain.account_limit(Channel::Telegram).burst, 30);
        let own = read(json!({"kind": "telegram", "token": "1:a", "bot_name": "b", "per_second": 5, "burst": 2, "timeout_s": 3})).unwrap();
        let limit = own.account_limit(Channel::Telegram);
        assert!((limit.per_second - 5.0).abs() < f64::EPSILON);
        assert_eq!((limit.burst, limit.timeout), (2, Duration::from_secs(3)));
        assert!(!format!("{own:?}").contains("1:a"));
    }
}
