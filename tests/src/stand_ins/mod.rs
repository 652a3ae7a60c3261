//! Stand-ins for the providers, and one record of all that reached them.

pub mod chats;
mod fcm;
pub mod http;
mod script;
pub mod service;
pub mod smtp;
mod sockets;

use std::collections::BTreeMap;

use tokio::sync::watch;
use watchbell_core::{Channel, Timestamp};

use crate::settings::{Settings, WEBHOOK_SECRET};
use crate::wait;
pub use fcm::{rsa_key, service_account};
pub use http::{HttpStandIn, Request};
pub use script::{Act, Then};
pub use service::ServiceStandIn;
pub use smtp::SmtpStandIn;

/// What the stand-ins expect callers to know.
pub const TWILIO_SID: &str = "ACe2e0123456789";
pub const TWILIO_TOKEN: &str = "e2e-twilio-token";
pub const TELEGRAM_TOKEN: &str = "4711:e2e-telegram-token";
pub const FCM_ACCESS_TOKEN: &str = "e2e-access-token";
pub const SMTP_USER: &str = "watchbell";
pub const SMTP_PASSWORD: &str = "e2e-smtp-password";

/// A message that reached a provider, whatever that answered.
#[derive(Clone, Debug)]
pub struct Sent {
    /// By the machine's clock.
    pub at: Timestamp,
    pub channel: Channel,
    /// As the provider was told: a number, a mail address, a chat, a device's token.
    pub to: String,
    /// Everything that the recipient would see or hear.
    pub text: String,
    /// The caller showed the right credentials.
    pub authorized: bool,
    /// The provider took it, or would have, had the caller lived to see it.
    pub accepted: bool,
    /// Watchbell's id of it, where the message carries it.
    pub delivery: Option<String>,
}

impl Sent {
    pub fn is(&self, channel: Channel, to: &str) -> bool {
        self.channel == channel && self.to == to
    }
}

/// Everything that reached the stand-ins, in order.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    sent: watch::Sender<Vec<Sent>>,
}

impl Outbox {
    pub(crate) fn add(&self, sent: Sent) {
        self.sent.send_modify(|all| all.push(sent));
    }

    pub fn all(&self) -> Vec<Sent> {
        self.sent.borrow().clone()
    }

    pub fn len(&self) -> usize {
        self.sent.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that match, so far.
    pub fn matching(&self, matches: impl Fn(&Sent) -> bool) -> Vec<Sent> {
        self.sent.borrow().iter().filter(|sent| matches(sent)).cloned().collect()
    }

    /// Waits until `count` messages match, and answers them.
    pub async fn expect(&self, count: usize, what: &str, matches: impl Fn(&Sent) -> bool) -> Vec<Sent> {
        let mut seen = self.sent.subscribe();
        let enough = seen.wait_for(|all| all.iter().filter(|sent| matches(sent)).count() >= count);
        let waited = tokio::time::timeout(wait::PATIENCE, enough).await.map(drop);
        let found = self.matching(&matches);
        assert!(
            waited.is_ok() && found.len() == count,
            "{count} × {what} expected, {} came; all that came: {:#?}",
            found.len(),
            self.all()
        );
        found
    }

    /// Waits until there are at least so many messages in all.
    pub async fn reaches(&self, count: usize) {
        let mut seen = self.sent.subscribe();
        wait::within(&format!("{count} messages"), seen.wait_for(|all| all.len() >= count)).await.unwrap();
    }

    /// How many messages went out for each (channel, address, text).
    pub fn counts(&self) -> BTreeMap<(Channel, String, String), usize> {
        let mut counts = BTreeMap::new();
        for sent in self.sent.borrow().iter() {
            *counts.entry((sent.channel, sent.to.clone(), sent.text.clone())).or_default() += 1;
        }
        counts
    }
}

/// All providers of a test.
#[derive(Debug)]
pub struct StandIns {
    pub http: HttpStandIn,
    pub smtp: SmtpStandIn,
    pub outbox: Outbox,
}

impl StandIns {
    pub async fn start() -> Self {
        let outbox = Outbox::default();
        Self { http: HttpStandIn::start(outbox.clone()).await, smtp: SmtpStandIn::start(outbox.clone()).await, outbox }
    }

    /// Makes them the providers of all six channels.
    pub fn configure(&self, settings: &mut Settings) {
        let base = self.http.url();
        settings
            .set("PROVIDERS__TWILIO__BASE_URL", &base)
            .set("PROVIDERS__TWILIO__ACCOUNT_SID", TWILIO_SID)
            .set("PROVIDERS__TWILIO__AUTH_TOKEN", TWILIO_TOKEN)
            .set("PROVIDERS__TWILIO__SMS_FROM", "+15005550006")
            .set("PROVIDERS__TWILIO__VOICE_FROM", "+15005550007")
            .set("PROVIDERS__TWILIO__WHATSAPP_FROM", "+15005550008")
            .set("PROVIDERS__TWILIO__PER_SECOND", "100000")
            .set("PROVIDERS__TWILIO__BURST", "100000")
            .set("PROVIDERS__TELEGRAM__BASE_URL", &base)
            .set("PROVIDERS__TELEGRAM__TOKEN", TELEGRAM_TOKEN)
            .set("PROVIDERS__TELEGRAM__BOT_NAME", "e2e_bot")
            .set("PROVIDERS__TELEGRAM__WEBHOOK_SECRET", WEBHOOK_SECRET)
            .set("PROVIDERS__TELEGRAM__PER_SECOND", "100000")
            .set("PROVIDERS__TELEGRAM__BURST", "100000")
            .set("PROVIDERS__FCM__BASE_URL", &base)
            .set("PROVIDERS__FCM__TOKEN_URL", &format!("{base}/token"))
            .set("PROVIDERS__FCM__SERVICE_ACCOUNT", &fcm::service_account())
            .set("PROVIDERS__SMTP__HOST", "127.0.0.1")
            .set("PROVIDERS__SMTP__PORT", &self.smtp.port().to_string())
            .set("PROVIDERS__SMTP__TLS", "none")
            .set("PROVIDERS__SMTP__USERNAME", SMTP_USER)
            .set("PROVIDERS__SMTP__PASSWORD", SMTP_PASSWORD)
            .set("PROVIDERS__SMTP__FROM", "Watchbell <bell@example.org>")
            .set("PROVIDERS__SMTP__PER_SECOND", "100000")
            .set("PROVIDERS__SMTP__BURST", "100000");
        for (channel, provider) in
            [("EMAIL", "smtp"), ("SMS", "twilio"), ("VOICE", "twilio"), ("WHATSAPP", "twilio"), ("PUSH", "fcm"), ("TELEGRAM", "telegram")]
        {
            settings.set(&format!("CHANNELS__{channel}__PROVIDERS"), provider);
        }
    }
}
