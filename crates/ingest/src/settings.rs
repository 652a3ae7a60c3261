//! `[nats]` of the configuration, as this crate needs it.

use std::path::PathBuf;

use async_nats::ConnectOptions;
use serde::Deserialize;
use watchbell_core::Secret;
use watchbell_core::decode::percent_decode;

use crate::NatsError;

/// How to reach NATS, and the stream to read.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NatsSettings {
    /// Servers, separated by commas; `nats://` or `tls://`, and `nats://` when there is no scheme. May hold `user:password@`
    /// or `token@`.
    pub url: String,
    pub user: String,
    pub password: Secret,
    pub token: Secret,
    /// A `.creds` file's content.
    pub creds: Secret,
    /// A user's nkey seed.
    pub nkey: Secret,
    /// PEM; instead of the system's authorities.
    pub tls_ca_file: Option<PathBuf>,
    pub tls_required: bool,
    pub stream: String,
    /// Of the stream, when it is made here.
    pub replicas: usize,
    /// Of the stream, when it is made here.
    pub max_age_days: u32,
    /// The most events that are taken and committed at once.
    pub batch: usize,
    /// Of the consumers, when they are made here: after so long a dead process's events go to another one. A living process
    /// that needs longer says so to the server every third of it, so this can be as short as a lease.
    pub ack_wait_s: u32,
}

impl Default for NatsSettings {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            user: String::new(),
            password: Secret::default(),
            token: Secret::default(),
            creds: Secret::default(),
            nkey: Secret::default(),
            tls_ca_file: None,
            tls_required: false,
            stream: "WATCHBELL".to_owned(),
            replicas: 1,
            max_age_days: 7,
            batch: 250,
            ack_wait_s: 6,
        }
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for NatsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsSettings").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// Servers without what is secret in their addresses, and that.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Servers {
    pub addresses: Vec<String>,
    pub login: Option<(String, Option<String>)>,
}

impl NatsSettings {
    /// Takes the login out of the addresses: the client would write them into its log.
    pub(crate) fn servers(&self) -> Result<Servers, NatsError> {
        let mut servers = Servers::default();
        for address in self.url.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
            let host = rest.rsplit_once('@').map_or(rest, |(login, host)| {
                let decoded = |part| percent_decode(part).map_or_else(|| part.to_owned(), std::borrow::Cow::into_owned);
                servers.login = Some(match login.split_once(':') {
                    Some((user, password)) => (decoded(user), Some(decoded(password))),
                    None => (decoded(login), None),
                });
                host
            });
            let server = format!("{scheme}://{host}");
            let is_server = server.parse::<async_nats::ServerAddr>().is_ok_and(|server| !server.host().is_empty());
            if !matches!(scheme, "nats" | "tls") || !is_server {
                return Err(NatsError::BadServer { server });
            }
            servers.addresses.push(server);
        }
        if servers.addresses.is_empty() { Err(NatsError::BadServer { server: String::new() }) } else { Ok(servers) }
    }

    /// What the settings say about logging in and TLS.
    pub(crate) fn options(&self, login: Option<(String, Option<String>)>) -> Result<ConnectOptions, NatsError> {
        let mut options = ConnectOptions::new().require_tls(self.tls_required);
        match login {
            Some((user, Some(password))) => options = options.user_and_password(user, password),
            Some((token, None)) => options = options.token(token),
            None => {}
        }
        if !self.user.is_empty() {
            options = options.user_and_password(self.user.clone(), self.password.expose().to_owned());
        }
        if !self.token.is_empty() {
            options = options.token(self.token.expose().to_owned());
        }
        if !self.nkey.is_empty() {
            let seed = self.nkey.expose().trim();
            nkeys::KeyPair::from_seed(seed).map_err(|_| NatsError::BadNkey)?;
            options = options.nkey(seed.to_owned());
        }
        if !self.creds.is_empty() {
            options = options.credentials(self.creds.expose()).map_err(|_| NatsError::BadCreds)?;
        }
        if let Some(path) = self.tls_ca_file.as_ref().filter(|path| !path.as_os_str().is_empty()) {
            // Said now, and not as a TLS error at every try.
            std::fs::File::open(path).map_err(|error| NatsError::CaFile { path: path.clone(), error })?;
            options = options.add_root_certificates(path.clone());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(url: &str) -> Result<Servers, NatsError> {
        NatsSettings { url: url.to_owned(), ..NatsSettings::default() }.servers()
    }

    #[test]
    fn logins_are_taken_out_of_addresses() {
        let login = |user: &str, password: Option<&str>| Some((user.to_owned(), password.map(str::to_owned)));
        let table = [
            ("nats://127.0.0.1:4222", vec!["nats://127.0.0.1:4222"], None),
            ("a.example, tls://b.example:4223", vec!["nats://a.example", "tls://b.example:4223"], None),
            ("nats://me:p%40ss@[::1]:4222", vec!["nats://[::1]:4222"], login("me", Some("p@ss"))),
            ("nats://t0ken@host", vec!["nats://host"], login("t0ken", None)),
        ];
        for (url, addresses, login) in table {
            let servers = servers(url).ok();
            let addresses = addresses.into_iter().map(str::to_owned).collect();
            assert_eq!(servers, Some(Servers { addresses, login }), "{url}");
        }
        for wrong in ["", " , ", "http://host", "ws://host", "nats://me:secret@", "nats://me:secret@a b"] {
            let error = servers(wrong).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("nats.url: ") && !error.contains("secret"), "{wrong}: {error}");
        }
    }

    #[test]
    fn secrets_that_cannot_be_right_are_refused_without_being_shown() {
        let nkey = NatsSettings { nkey: Secret::new("SUsecret"), ..NatsSettings::default() };
        let creds = NatsSettings { creds: Secret::new("secret"), ..NatsSettings::default() };
        let ca = NatsSettings { tls_ca_file: Some("/nonexistent/ca.pem".into()), ..NatsSettings::default() };
        for (settings, key) in [(nkey, "nats.nkey"), (creds, "nats.creds"), (ca, "nats.tls_ca_file")] {
            let error = settings.options(None).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with(key) && !error.contains("secret"), "{error}");
        }
    }
}
