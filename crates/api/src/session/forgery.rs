//! That what a session changes is asked for by the page, and not by another site in the same browser.
//!
//! A browser sends the cookie along with whatever it is led to ask (OWASP, "Cross-Site Request Forgery Prevention"). So a change needs a
//! header that no form can set, and that a script of another site may not set without being allowed to; and where the browser says
//! which site the script is of, which all do for what changes something, it has to be this one.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

use super::Head;
use crate::limits::peer_address;
use crate::problem::{Kind, Problem};
use crate::request::parameter;
use crate::state::Api;

/// What the page's scripts send.
const HEADER: &str = "x-watchbell-page";

/// # Errors
/// `Forbidden` for a change that may be another site's doing.
pub(super) fn check(api: &Api, head: Head<'_>) -> Result<(), Problem> {
    let Head { method, headers, extensions } = head;
    if method.is_safe() {
        return Ok(());
    }
    if !headers.contains_key(HEADER) {
        let missing = parameter(HEADER, "is missing", "send it, with any value, with every change that a session's cookie is sent with");
        return Err(Problem { kind: Kind::Forbidden, ..missing });
    }
    let is_behind = api.settings.trusted_proxies.trusts(peer_address(extensions));
    if is_own(headers, api.settings.public_url.as_deref(), is_behind) {
        return Ok(());
    }
    Err(Problem::forbidden("the request comes from another site; if this is the page's own address, set http.public_url to it"))
}

/// The site that the browser says the request is from; none where it says nothing.
pub(super) fn site(headers: &HeaderMap) -> Option<&str> {
    text(headers, ORIGIN.as_str()).filter(|origin| *origin != "null")
}

/// Whether the request is from the site that it goes to: by the name that the browser calls it by, by the one that a trusted proxy says
/// it was called by, or by the one that is set.
fn is_own(headers: &HeaderMap, public: Option<&str>, is_behind: bool) -> bool {
    let Some(origin) = text(headers, ORIGIN.as_str()) else { return true };
    let Some(site) = host_of(origin) else { return false };
    let forwarded = text(headers, "x-forwarded-host").filter(|_| is_behind);
    let names = [text(headers, HOST.as_str()), forwarded.and_then(|list| list.split(',').next()).map(str::trim), public.and_then(host_of)];
    names.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(site))
}

/// Host and port of a URL.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    rest.split('/').next().filter(|host| !host.is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn only_the_page_s_own_site_is_let_through() {
        const PUBLIC: Option<&str> = Some("https://bell.example.org/path");
        let table = [
            // Origin, Host, X-Forwarded-Host, the public URL, by a trusted proxy.
            ("http://localhost:8080", "localhost:8080", "", None, false, true),
            ("https://Bell.example.org", "bell.example.org", "", None, false, true),
            ("https://bell.example.org", "10.0.0.1:8080", "", PUBLIC, false, true),
            ("https://bell.example.org", "10.0.0.1:8080", "bell.example.org", None, true, true),
            ("https://bell.example.org", "10.0.0.1:8080", "bell.example.org", None, false, false),
            ("https://evil.example.com", "bell.example.org", "", PUBLIC, false, false),
            ("https://bell.example.org.evil.com", "bell.example.org", "", PUBLIC, false, false),
            ("https://bell.example.org:444", "bell.example.org", "", PUBLIC, false, false),
            ("null", "bell.example.org", "", PUBLIC, false, false),
            ("", "bell.example.org", "", PUBLIC, false, false),
        ];
        for (origin, host, forwarded, public, is_behind, expected) in table {
            let headers = [("origin", origin), ("host", host), ("x-forwarded-host", forwarded)];
            let headers = HeaderMap::from_iter(headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())));
            assert_eq!(is_own(&headers, public, is_behind), expected, "{origin} {host} {forwarded} {public:?}");
        }
        // No browser: a command with a cookie of its own.
        assert!(is_own(&HeaderMap::new(), PUBLIC, false));
    }
}
