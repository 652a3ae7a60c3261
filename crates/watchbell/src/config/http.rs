//! `[http]`: where and how the API is served.

use serde::Deserialize;
use watchbell_core::network::Network;

use super::problem::Section;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// `host:port`.
    pub listen: String,
    /// Without it there are no callbacks; see [`Http::public_url`].
    public_url: String,
    /// What links in errors lead to; see [`Http::errors_url`].
    errors_url: String,
    pub body_limit_bytes: usize,
    pub request_timeout_s: u32,
    pub write_timeout_s: u32,
    trusted_proxies: Vec<String>,
    pub connections: usize,
    pub connections_per_address: usize,
    pub requests_per_key: usize,
    pub streams_per_user: usize,
    pub session_hours: u32,
    pub rate_limit: RateLimit,
}

/// `[http.rate_limit]`: requests a minute, by key on each surface, and by address without one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub key_per_minute: u32,
    pub oncall_key_per_minute: u32,
    pub application_key_per_minute: u32,
    pub own_key_per_minute: u32,
    pub address_per_minute: u32,
    pub failures_per_minute: u32,
}

impl Http {
    /// How the world reaches this server, without a slash at the end.
    pub fn public_url(&self) -> Option<&str> {
        Some(self.public_url.trim_end_matches('/')).filter(|url| !url.is_empty())
    }

    /// What explains the codes of errors, without a slash at the end; None: the server's own page.
    pub fn errors_url(&self) -> Option<&str> {
        Some(self.errors_url.trim_end_matches('/')).filter(|url| !url.is_empty())
    }

    /// The proxies whose X-Forwarded-For is believed.
    pub fn trusted_proxies(&self) -> Vec<Network> {
        self.trusted_proxies.iter().filter_map(|text| Network::parse(text)).collect()
    }

    pub fn validate(&self, at: &mut Section<'_>) {
        at.check(is_listen_address(&self.listen), "listen", "must be an address and a port such as 127.0.0.1:8080");
        if self.public_url().is_some() {
            let url = url::Url::parse(&self.public_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            match url {
                None => at.wrong("public_url", "must be an http:// or https:// URL such as https://watchbell.example.org, or empty"),
                Some(url) => {
                    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
                    at.check(bare, "public_url", "must be a URL without user, query and fragment");
                }
            }
        }
        if self.errors_url().is_some() {
            let is_web = url::Url::parse(&self.errors_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            at.check(is_web, "errors_url", "must be an http:// or https:// URL such as https://docs.example.org/errors, or empty");
        }
        at.check((1_024..=64 << 20).contains(&self.body_limit_bytes), "body_limit_bytes", "must be 1024 to 67108864");
        at.check((1..=3_600).contains(&self.request_timeout_s), "request_timeout_s", "must be 1 to 3600");
        at.check((1..=3_600).contains(&self.write_timeout_s), "write_timeout_s", "must be 1 to 3600");
        let counts = [
            ("connections", self.connections),
            ("connections_per_address", self.connections_per_address),
            ("requests_per_key", self.requests_per_key),
            ("streams_per_user", self.streams_per_user),
        ];
        for (name, count) in counts {
            at.check((1..=1_000_000).contains(&count), name, "must be 1 to 1000000");
        }
        at.check((1..=8_760).contains(&self.session_hours), "session_hours", "must be 1 to 8760");
        let proxies = self.trusted_proxies.iter().all(|text| Network::parse(text).is_some());
        at.check(proxies, "trusted_proxies", "must be a list of addresses or networks such as [\"10.0.0.0/8\", \"::1\"]");
        let mut limit = at.inner("rate_limit");
        let rates = [
            ("key_per_minute", self.rate_limit.key_per_minute),
            ("oncall_key_per_minute", self.rate_limit.oncall_key_per_minute),
            ("application_key_per_minute", self.rate_limit.application_key_per_minute),
            ("own_key_per_minute", self.rate_limit.own_key_per_minute),
            ("address_per_minute", self.rate_limit.address_per_minute),
            ("failures_per_minute", self.rate_limit.failures_per_minute),
        ];
        for (name, rate) in rates {
            limit.check(rate > 0, name, "must be 1 or more");
        }
    }
}

/// A host and a port.
pub(super) fn is_listen_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    }
}
