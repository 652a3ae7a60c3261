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
    "alert.js",
    "api.js",
    "audit.js",
    "categories.js",
    "cockpit.css",
    "contacts.js",
    "dead-letters.js",
    "devices.js",
    "dom.js",
    "explain.js",
    "frame.js",
    "hour-fields.js",
    "hours.js",
    "icon.svg",
    "keys.js",
    "list.js",
    "live.js",
    "now-live.js",
    "now-providers.js",
    "now-tables.js",
    "now-verdict.js",
    "now.js",
    "preferences.js",
    "push.js",
    "refused.js",
    "rule-conditions.js",
    "rule-kinds.js",
    "rules.js",
    "service-worker.js",
    "sign-in.js",
    "steps.js",
    "sure.js",
    "telegram.js",
    "time.js",
    "topics.js",
    "users.js",
    "words.js",
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_served_and_every_import_is_one_of_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cockpit/assets");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(find(&name).is_some(), "{name} is not served");
        }
        for (name, text) in ALL {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let file = line.rsplit_once("'./").and_then(|(_, rest)| rest.split_once("';")).unwrap().0;
                assert!(find(file).is_some(), "{name} imports {file}");
            }
        }
    }

    #[test]
    fn nothing_leads_elsewhere_and_no_text_becomes_markup() {
        for (name, text) in ALL.iter().filter(|(name, _)| *name != "icon.svg") {
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http://", "url(", "@import"] {
                assert!(!text.contains(forbidden), "{name} has {forbidden}");
            }
        }
    }
}
