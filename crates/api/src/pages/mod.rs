//! Pages for people who follow a link in a message: to answer an alert, or to turn off mails of a category.
//!
//! A link is opened by mail scanners and chat previews as well as by people, so GET shows what there is and changes nothing; POST
//! acts. The token in the path says who and what; it reaches no log (only the route's pattern does), no other site (`no-referrer`)
//! and no cache. A page works without scripts and loads nothing.

mod answer;
pub(crate) mod openapi;
mod unsubscribe;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use watchbell_providers::phrase::Phrase;

use crate::callbacks::said::say;
use crate::problem::Problem;
use crate::request::Payload;
use crate::state::Api;

/// What a form's body may have at most, in bytes: a button's name and value.
const BODY_BYTES: usize = 4 * 1024;

const STYLE: &str = include_str!("page.css");

/// Nothing but the page's own style is loaded, its forms go nowhere else, and no other page frames it.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
});

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    Router::new()
        .route("/a/{token}", get(answer::show).post(answer::act))
        .route("/u/{token}", get(unsubscribe::show).post(unsubscribe::act))
}

/// What stands on a page.
#[derive(Debug, Default, Serialize)]
struct Page {
    lang: String,
    title: String,
    /// What came of what was just pressed.
    said: String,
    lines: Vec<String>,
    details: String,
    facts: Vec<(String, String)>,
    url: String,
    open: String,
    /// Where the URL leads, which is seen before it is followed.
    host: String,
    /// The action, what the button is called, and whether it stands out.
    buttons: Vec<(&'static str, String, bool)>,
    high: bool,
    style: &'static str,
}

impl Page {
    /// A page that says one thing.
    fn saying(api: &Api, locale: &str, title: Phrase, lines: Vec<String>) -> Self {
        Self { title: say(api, title, locale, None, &[]), lines, ..Self::in_language(api, locale) }
    }

    /// An empty page in the language in which it can be written for that reader.
    fn in_language(api: &Api, locale: &str) -> Self {
        Self { lang: api.settings.renderer.language(Phrase::PageState, locale), style: STYLE, ..Self::default() }
    }

    fn write(&self, api: &Api, status: StatusCode) -> Response {
        let html = match api.settings.renderer.page(self) {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(%error, "a page could not be written");
                return Problem::internal().into_response();
            }
        };
        let mut response = (status, html).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(ROBOTS, HeaderValue::from_static("noindex, nofollow"));
        if let Ok(policy) = HeaderValue::from_str(&POLICY) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// A link that is none: cut off, changed on the way, of another server, or guessed. Guessing is counted.
fn no_link(api: &Api, request: &Request) -> Response {
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    let problem = api.limits.failed(address, "a link that was never sent was opened", Problem::not_found("link"));
    let locale = accepted_language(request);
    if let Some(retry_s) = problem.retry_s() {
        let lines = vec![say(api, Phrase::PageTooMany, &locale, None, &[])];
        let mut response = Page::saying(api, &locale, Phrase::PageNoLink, lines).write(api, StatusCode::TOO_MANY_REQUESTS);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_s));
        response
    } else {
        let lines = vec![say(api, Phrase::PageNoLinkWhy, &locale, None, &[])];
        Page::saying(api, &locale, Phrase::PageNoLink, lines).write(api, StatusCode::NOT_FOUND)
    }
}

/// What was a link, and leads to nothing any more.
fn gone(api: &Api, locale: &str, why: Phrase) -> Response {
    let lines = vec![say(api, why, locale, None, &[])];
    Page::saying(api, locale, Phrase::PageGone, lines).write(api, StatusCode::GONE)
}

/// The first language that a browser asks for: what a reader whom nobody knows is spoken to in.
fn accepted_language(request: &Request) -> String {
    let header = request.headers().get(axum::http::header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = header.and_then(|text| text.split([',', ';']).next()).unwrap_or_default().trim();
    if watchbell_core::user::is_locale(first) { first.to_owned() } else { String::new() }
}

/// A field of the form, or of the query: a client that is no browser may give it in either.
async fn field(api: &Api, request: Request, name: &str) -> Result<Option<String>, Problem> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (payload, _room) = Payload::read(request, api, BODY_BYTES).await?;
    let of = |text: &[u8]| url::form_urlencoded::parse(text).find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    Ok(of(&payload.bytes).or_else(|| of(query.as_bytes())))
}
