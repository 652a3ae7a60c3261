//! The page's scripts and styles: in the program, and named by a digest of them all, so that a browser keeps them for as long as they are
//! these, and never mixes two versions.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

const FOREVER: &str = "public, max-age=31536000, immutable";

macro_rules! assets {
    ($($name:literal),+ $(,)?) => {
        &[("page.css", include_str!("../pages/page.css")), $(($name, include_str!(concat!("assets/", $name)))),+]
    };
}

/// By name; `page.css` is that of the pages that links lead to.
static ALL: &[(&str, &str)] = assets![
    "cockpit.css",
    "icon.svg",
    "api.js",
    "dom.js",
    "frame.js",
    "sign-in.js",
    "refused.js",
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for (name, text) in ALL {
        digest.update(name.as_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().iter().take(8).fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
});

pub(super) fn version() -> &'static str {
    &VERSION
}

pub(super) fn find(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Another process may run another version: then the file is this one's, and not kept.
pub(super) async fn serve(Path((version, name)): Path<(String, String)>) -> Result<Response, Problem> {
    let text = find(&name).ok_or_else(|| Problem::not_found("file"))?;
    let kept = if version == *VERSION { FOREVER } else { "no-store" };
    Ok(([(CONTENT_TYPE, media_type(&name)), (CACHE_CONTROL, kept)], text).into_response())
}

/// At the root, as a service worker receives messages for what is under its own address.
pub(super) async fn service_worker() -> Result<Response, Problem> {
    let text = find("service-worker.js").ok_or_else(|| Problem::not_found("file"))?;
    Ok(([(CONTENT_TYPE, media_type("service-worker.js")), (CACHE_CONTROL, "no-cache")], text).into_response())
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}
