//! Mail over SMTP: to a relay, with or without TLS, over connections that are kept.
//!
//! lettre writes the messages. The protocol is spoken here, as a client may believe nothing but the code of an answer: a relay
//! whose text is no UTF-8 has taken the mail all the same.
//!
//! A mail that ended before its final dot was written has not been taken, and is tried again. After the dot only the
//! server's answer says whether it was taken, so without one the outcome is unknown.

mod classify;
mod connection;
mod mail;
mod pool;
mod reply;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use serde::Deserialize;
use watchbell_core::outcome::{Outcome, Report};
use watchbell_core::{Channel, Clock, Secret};

use crate::gate::Gate;
use crate::http::within;
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::registry::ProviderKind;
use crate::settings::{CommonSettings, DEFAULT_TIMEOUT, SettingError, is_loopback};
use classify::{Failure, Stage, classify};
use connection::{Connector, Wire};
use mail::Mail;
use pool::Pool;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// In the clear: for a relay on the same machine.
    None,
    /// Upgraded after the greeting (port 587); a server without STARTTLS is refused.
    #[default]
    Starttls,
    /// From the first byte (port 465).
    Implicit,
}

impl Tls {
    fn default_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::Starttls => 587,
            Self::Implicit => 465,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub host: String,
    /// By `tls` unless given: 25, 587 or 465.
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Secret,
    /// `Watchbell <watchbell@example.org>`.
    pub from: String,
}

impl Settings {
    /// With an internationalised domain in its ASCII form, as recipients have it.
    fn sender(&self) -> Result<Mailbox, SettingError> {
        let right = "must be a mail address such as Watchbell <watchbell@example.org>";
        let wrong = || SettingError::new("from", self.from.clone(), right);
        let Mailbox { name, email } = self.from.parse().map_err(|_| wrong())?;
        Ok(Mailbox { name, email: mail::address(email.as_ref()).ok_or_else(wrong)? })
    }

    fn connector(&self, ca_file: Option<&PathBuf>) -> Result<Connector, SettingError> {
        let port = self.port.unwrap_or(self.tls.default_port());
        Connector::new(self, port, self.sender()?.email.domain(), ca_file.map(PathBuf::as_path))
    }
}

impl ProviderKind for Settings {
    const NAME: &'static str = "smtp";
    const CHANNELS: &'static [Channel] = &[Channel::Email];

    /// A relay says itself when it is too much (421, 450, 451); these figures only keep a small one alive.
    fn limit(_channel: Channel) -> AccountLimit {
        AccountLimit { per_second: 100.0, burst: 100, in_flight: 16, timeout: DEFAULT_TIMEOUT }
    }

    fn check(&self, common: &CommonSettings) -> Result<(), SettingError> {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
        if self.host.is_empty() || !self.host.chars().all(named) {
            return Err(SettingError::new("host", self.host.clone(), "must be a host name or address, without scheme or port"));
        }
        if self.port == Some(0) {
            return Err(SettingError::new("port", "0".to_owned(), "must be 1 to 65535"));
        }
        if self.username.is_some() == self.password.is_empty() {
            let (missing, given) = if self.password.is_empty() { ("password", "username") } else { ("username", "password") };
            return Err(SettingError::new(missing, None, format!("is missing, as {given} is given")));
        }
        self.connector(common.ca_file.as_ref())?;
        Ok(())
    }

    fn exposed(&self) -> Vec<SettingError> {
        let is_exposed = self.tls == Tls::None && self.username.is_some() && !is_loopback(&self.host);
        let right = "sends the password in the clear to another machine; use \"starttls\" or \"implicit\"";
        is_exposed.then(|| SettingError::new("tls", "none".to_owned(), right)).into_iter().collect()
    }

    fn build(&self, _name: &str, common: &CommonSettings, clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        let most_idle = common.in_flight.unwrap_or(Self::limit(Channel::Email).in_flight);
        Ok(Arc::new(Smtp {
            from: self.sender()?,
            pool: Pool::new(self.connector(common.ca_file.as_ref())?, most_idle, clock),
            timeout: common.timeout(),
        }))
    }
}

#[derive(Debug)]
struct Smtp {
    from: Mailbox,
    pool: Arc<Pool>,
    timeout: Duration,
}

#[async_trait]
impl Provider for Smtp {
    async fn send(&self, message: &Outgoing) -> Report {
        let Address::Email(to) = &message.to else {
            return Report::new(Outcome::BadMessage, "address_kind".to_owned());
        };
        let mail = match mail::compose(&self.from, to, message) {
            Ok(mail) => mail,
            Err(report) => return report,
        };
        // The connection on which the body is being written, to be asked how far that came if time runs out.
        let body_on = OnceLock::new();
        match within(self.timeout, self.deliver(&mail, &message.gate, &body_on)).await {
            Some(Ok(queued_as)) => Report::accepted(queued_as),
            Some(Err(failure)) => classify(&failure),
            None => {
                let was_written = body_on.get().is_some_and(|wire: &Arc<Wire>| wire.body_was_written());
                classify(&Failure::timeout(was_written))
            }
        }
    }
}

impl Smtp {
    async fn deliver(&self, mail: &Mail, gate: &Gate, body_on: &OnceLock<Arc<Wire>>) -> Result<Option<String>, Failure> {
        let mut connection = self.pool.take().await?;
        let mut begun = connection.begin(mail).await;
        // A kept connection that the server has meanwhile closed shows that at the first command; nothing was sent.
        if connection.was_kept() && begun.as_ref().is_err_and(|failure| failure.stage == Stage::Mail && failure.is_gone()) {
            connection = self.pool.connect().await?;
            begun = connection.begin(mail).await;
        }
        if let Err(failure) = begun {
            self.pool.give_back_after(connection, &failure).await;
            return Err(failure);
        }
        // The server waits for the body. Where none comes, closing the connection is the one way to say so.
        if !gate.opens().await {
            return Err(Failure::broken(Stage::Data, "not_wanted"));
        }
        // Nobody else has this cell.
        let _ = body_on.set(connection.wire());
        let queued_as = connection.finish(mail).await;
        match &queued_as {
            Ok(_) => self.pool.give_back(connection),
            Err(failure) => self.pool.give_back_after(connection, failure).await,
        }
        queued_as
    }
}
