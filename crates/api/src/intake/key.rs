//! Where monitoring tools put a key: in a header where they can, else in the path, the query or the body.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchbell_core::Secret;
use watchbell_intake::Dialect;

use crate::auth::{self, Authenticated};
use crate::problem::{Kind, Problem};
use crate::request::Params;
use crate::state::Api;

/// What of the path is whose.
pub(super) struct Addressed {
    /// The segment behind the intake's name, where it is a key.
    key: Option<String>,
    /// What the tool itself put behind it, without slashes at its ends.
    pub path: String,
}

impl Addressed {
    pub fn of(params: &Params, dialect: Option<Dialect>) -> Self {
        let rest = params.path("rest").trim_matches('/');
        let (first, behind) = rest.split_once('/').unwrap_or((rest, ""));
        if !first.is_empty() && dialect.is_none_or(|dialect| dialect.is_key(first)) {
            return Self { key: Some(first.to_owned()), path: behind.to_owned() };
        }
        Self { key: None, path: rest.to_owned() }
    }
}

/// The key of a request, unless it stands in the body. A header is the place for it: paths and queries come into the logs of
/// proxies on the way.
pub(super) fn outside_body(headers: &HeaderMap, params: &Params, addressed: &Addressed) -> Option<String> {
    in_header(headers).or_else(|| addressed.key.clone()).or_else(|| params.query("key").ok().flatten().map(str::to_owned))
}

/// `Bearer KEY`, `GenieKey KEY`, `Token token=KEY`, HTTP Basic with the key as password, or the key alone.
fn in_header(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?.trim();
    let Some((scheme, rest)) = value.split_once(' ') else { return Some(value.to_owned()).filter(|key| !key.is_empty()) };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        return pair.split_once(':').map(|(_, password)| password.to_owned());
    }
    Some(rest.strip_prefix("token=").unwrap_or(rest).trim_matches('"').to_owned())
}

pub(super) async fn check(api: &Api, key: String, address: IpAddr) -> Result<Authenticated, Problem> {
    auth::holder(api, &Secret::new(key), address).await
}

pub(super) fn missing() -> Problem {
    Problem::new(
        Kind::Unauthenticated,
        "no API key; send it in the header Authorization, or behind the intake's name in the path, or as ?key=, or as the password of HTTP Basic",
    )
}
