//! Where this server is reached, for links that a client can follow.

use std::net::SocketAddr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::limits::peer_address;
use crate::problem::Problem;
use crate::server::LocalAddress;
use crate::state::Api;

/// Scheme and host, such as `https://bell.example.org`, without a slash at the end: `http.public_url` where it is set, else what a
/// trusted proxy says that the client called, else the address that the connection came to. Never the `Host` that a client
/// names: links that lead elsewhere, kept by whoever follows them, would take keys there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub String);

impl FromRequestParts<Api> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let is_forwarded = api.settings.trusted_proxies.trusts(peer_address(&parts.extensions));
        let own = parts.extensions.get::<Option<LocalAddress>>().copied().flatten();
        let own = own.map(|LocalAddress(own)| SocketAddr::new(own.ip().to_canonical(), own.port()));
        Ok(Self(origin(&parts.headers, api.settings.public_url.as_deref(), own, is_forwarded)))
    }
}

fn origin(headers: &HeaderMap, public: Option<&str>, own: Option<SocketAddr>, is_forwarded: bool) -> String {
    if let Some(public) = public {
        return public.trim_end_matches('/').to_owned();
    }
    let forwarded = |name| text(headers, name).filter(|_| is_forwarded).map(|list| list.split(',').next().unwrap_or_default().trim());
    let scheme = forwarded("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https")).unwrap_or("http");
    match (forwarded("x-forwarded-host").filter(|host| is_host(host)), own) {
        (Some(host), _) => format!("{scheme}://{host}"),
        (None, Some(own)) => format!("{scheme}://{own}"),
        // A router without a server.
        (None, None) => format!("{scheme}://localhost"),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

/// Whether a text can be a host with or without a port: nothing else may get into a link.
fn is_host(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn links_lead_to_where_the_server_is_whatever_the_client_calls_it() {
        const PUBLIC: Option<&str> = Some("https://bell.example.org/");
        const OWN: Option<&str> = Some("10.0.0.1:8080");
        let table = [
            // X-Forwarded-Host, X-Forwarded-Proto, public URL, the connection's own end, by a trusted proxy.
            ("evil.example.com", "https", None, OWN, false, "http://10.0.0.1:8080"),
            ("evil.example.com", "https", PUBLIC, OWN, false, "https://bell.example.org"),
            ("other.example.org", "http", PUBLIC, OWN, true, "https://bell.example.org"),
            ("bell.internal", "https", None, OWN, true, "https://bell.internal"),
            ("bell.internal, 10.0.0.2", "https, http", None, OWN, true, "https://bell.internal"),
            ("bell.internal", "javascript", None, OWN, true, "http://bell.internal"),
            ("evil/..\"<x>", "https", None, OWN, true, "https://10.0.0.1:8080"),
            ("", "", None, Some("[::1]:8080"), false, "http://[::1]:8080"),
            ("", "", None, None, false, "http://localhost"),
        ];
        for (host, proto, public, own, is_forwarded, expected) in table {
            let headers = [("host", "evil.example.com"), ("x-forwarded-host", host), ("x-forwarded-proto", proto)];
            let headers = HeaderMap::from_iter(headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())));
            let own = own.map(|own| own.parse().unwrap());
            assert_eq!(origin(&headers, public, own, is_forwarded), expected, "{host} {proto} {public:?} {own:?} {is_forwarded}");
        }
    }
}
