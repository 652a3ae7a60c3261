//! How the client reaches this server, for links that it can follow.

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use crate::limits::peer_address;
use crate::problem::Problem;
use crate::state::Api;

/// Scheme and host, such as `https://bell.example.org`, without a slash at the end.
///
/// Whoever comes by a trusted proxy has come by `http.public_url`, or else by what the proxy says. Whoever comes straight
/// has come by the host that they named, which may be another one than the world's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(pub String);

impl FromRequestParts<Api> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let is_forwarded = api.settings.trusted_proxies.trusts(peer_address(&parts.extensions));
        let host = text(&parts.headers, HOST.as_str()).or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
        let public = api.settings.public_url.as_deref();
        Ok(Self(origin(&parts.headers, host, public, is_forwarded)))
    }
}

fn origin(headers: &HeaderMap, host: Option<&str>, public: Option<&str>, is_forwarded: bool) -> String {
    let host = host.filter(|host| is_host(host));
    let is_public = |public: &&str| host.is_none_or(|host| is_forwarded || authority(public).eq_ignore_ascii_case(host));
    if let Some(public) = public.filter(is_public) {
        return public.trim_end_matches('/').to_owned();
    }
    let forwarded = |name| text(headers, name).filter(|_| is_forwarded).map(|list| list.split(',').next().unwrap_or_default().trim());
    let scheme = forwarded("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https")).unwrap_or("http");
    let host = forwarded("x-forwarded-host").filter(|host| is_host(host)).or(host).unwrap_or("localhost");
    format!("{scheme}://{host}")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

/// Host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
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
    fn links_lead_where_the_client_came_in() {
        const PUBLIC: Option<&str> = Some("https://bell.example.org/");
        let table = [
            // Host, X-Forwarded-Proto, public URL, by a trusted proxy.
            (Some("10.0.0.1:8080"), "https", None, false, "http://10.0.0.1:8080"),
            (Some("10.0.0.1:8080"), "https", PUBLIC, false, "http://10.0.0.1:8080"),
            (Some("bell.example.org"), "", PUBLIC, false, "https://bell.example.org"),
            (Some("upstream"), "http", PUBLIC, true, "https://bell.example.org"),
            (Some("bell.internal"), "https", None, true, "https://bell.internal"),
            (Some("bell.internal"), "https, http", None, true, "https://bell.internal"),
            (Some("bell.internal"), "javascript", None, true, "http://bell.internal"),
            (Some("[::1]:8080"), "", None, false, "http://[::1]:8080"),
            (Some("evil/..\"<x>"), "", None, false, "http://localhost"),
            (Some("evil/..\"<x>"), "", PUBLIC, false, "https://bell.example.org"),
            (None, "", PUBLIC, false, "https://bell.example.org"),
            (None, "", None, false, "http://localhost"),
        ];
        for (host, proto, public, is_forwarded, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", proto.parse().unwrap());
            assert_eq!(origin(&headers, host, public, is_forwarded), expected, "{host:?} {proto} {public:?} {is_forwarded}");
        }
    }

    #[test]
    fn only_a_trusted_proxy_names_another_host() {
        let headers = HeaderMap::from_iter([("x-forwarded-host".parse().unwrap(), "bell.example.org".parse().unwrap())]);
        assert_eq!(origin(&headers, Some("upstream"), None, true), "http://bell.example.org");
        assert_eq!(origin(&headers, Some("upstream"), None, false), "http://upstream");
    }
}
