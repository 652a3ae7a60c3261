//! `[nats]`: where events come from.

use std::fmt;

use serde::Deserialize;
use watchbell_core::Secret;

use super::problem::Section;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    url: String,
    pub user: String,
    pub password: Secret,
    pub token: Secret,
    /// A credentials file's content.
    pub creds: Secret,
    /// An nkey seed.
    pub nkey: Secret,
    tls_ca_file: String,
    pub tls_required: bool,
    pub stream: String,
    pub replicas: usize,
    pub max_age_days: u32,
    pub batch: usize,
    pub ack_wait_s: u32,
}

impl Nats {
    /// The servers to connect to; none when NATS is off.
    pub fn servers(&self) -> Vec<&str> {
        self.url.split(',').map(str::trim).filter(|url| !url.is_empty()).collect()
    }

    /// A PEM file with the authorities to trust.
    pub fn tls_ca_file(&self) -> Option<&std::path::Path> {
        Some(self.tls_ca_file.as_ref()).filter(|_| !self.tls_ca_file.is_empty())
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        let is_server = |text: &&str| {
            let text = if text.contains("://") { (*text).to_owned() } else { format!("nats://{text}") };
            url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "nats" | "tls" | "ws" | "wss") && url.has_host())
        };
        let servers = self.servers().iter().all(is_server);
        at.check(servers, "url", "must be servers such as nats://127.0.0.1:4222, several separated by commas, or empty for none");
        self.validate_login(at);
        if let Some(path) = self.tls_ca_file()
            && let Err(error) = std::fs::File::open(path)
        {
            at.wrong("tls_ca_file", format!("cannot be read ({error}); it must be the name of a readable PEM file, or empty"));
        }
        let name = !self.stream.is_empty() && self.stream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        at.check(name, "stream", "must be letters, digits, - and _ only");
        at.check(matches!(self.replicas, 1..=5), "replicas", "must be 1 to 5");
        at.check((1..=3_650).contains(&self.max_age_days), "max_age_days", "must be 1 to 3650");
        at.check((1..=10_000).contains(&self.batch), "batch", "must be 1 to 10000");
        at.check((1..=3_600).contains(&self.ack_wait_s), "ack_wait_s", "must be 1 to 3600");
    }

    fn validate_login(&self, at: &mut Section<'_>) {
        let ways = [
            ("user", !self.user.is_empty()),
            ("token", !self.token.is_empty()),
            ("creds", !self.creds.is_empty()),
            ("nkey", !self.nkey.is_empty()),
        ];
        let given: Vec<_> = ways.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
        if let [first, others @ ..] = given.as_slice() {
            for other in others {
                at.wrong(other, format!("nats.{first} is given as well; keep one way to log in"));
            }
        }
        if self.user.is_empty() != self.password.is_empty() {
            let (lone, missing) = if self.user.is_empty() { ("password", "user") } else { ("user", "password") };
            at.wrong(lone, format!("needs nats.{missing} as well"));
        }
        let seed = self.nkey.is_empty() || (self.nkey.expose().starts_with("SU") && self.nkey.expose().len() == 58);
        at.check(seed, "nkey", "must be a user's nkey seed: 58 characters that begin with SU");
        let creds = self.creds.is_empty() || self.creds.expose().contains("BEGIN NATS USER JWT");
        at.check(creds, "creds", "must be the content of a .creds file, with BEGIN NATS USER JWT in it (its name is nats.creds_file)");
    }
}

/// The URL may hold a password.
impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats").field("stream", &self.stream).finish_non_exhaustive()
    }
}
