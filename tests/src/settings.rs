//! A process's settings as `WATCHBELL_…` variables: a server in this process reads them as a real one does.

use std::collections::BTreeMap;
use std::ffi::OsString;

use watchbell::config::Config;

/// The admin key of every server under test.
pub const ADMIN_KEY: &str = "wb_e2e_admin_of_the_tests";
/// Where providers would send receipts; the messages name it, so that a delivery can be told from its message.
pub const PUBLIC_URL: &str = "https://bell.example.org";
/// What Telegram would send with each update.
pub const WEBHOOK_SECRET: &str = "e2e-hook-secret";

/// Variables by name, such as `WATCHBELL_HTTP__LISTEN`.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// What all servers under test have in common. Limits on recipients and bundling are out of the way: their own tests
    /// set them.
    pub fn new(database_url: &str, nats_url: &str) -> Self {
        let mut settings = Self::default();
        settings
            .set("ADMIN_KEY", ADMIN_KEY)
            .set("DATABASE__URL", database_url)
            .set("NATS__URL", nats_url)
            .set("HTTP__LISTEN", "127.0.0.1:0")
            .set("HTTP__PUBLIC_URL", PUBLIC_URL)
            .set("HTTP__RATE_LIMIT__KEY_PER_MINUTE", "1000000")
            .set("HTTP__RATE_LIMIT__OWN_KEY_PER_MINUTE", "1000000")
            .set("BUNDLING__FIRST", "0")
            // A test's clock stands in March 2026, and the broker's does not: events are as old as that.
            .set("EVENTS__MAX_AGE_S", "315360000");
        for channel in ["SMS", "VOICE", "WHATSAPP", "TELEGRAM", "EMAIL", "PUSH"] {
            settings.set(&format!("LIMITS__RECIPIENT__{channel}"), "{ calls = 100000, per_s = 1 }");
        }
        settings
    }

    /// Sets `WATCHBELL_{name}`.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.insert(format!("WATCHBELL_{name}"), value.to_owned());
        self
    }

    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.0.remove(&format!("WATCHBELL_{name}"));
        self
    }

    pub fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> + '_ {
        self.0.iter().map(|(name, value)| (name.into(), value.into()))
    }

    pub fn config(&self) -> Config {
        Config::load(None, self.variables()).unwrap_or_else(|invalid| panic!("the test's settings are wrong:\n{invalid}"))
    }
}
