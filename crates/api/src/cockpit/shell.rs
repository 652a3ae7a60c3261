//! The frame around every page.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use watchbell_core::access::Role;

use super::{PAGES, Page, Visitor, assets};
use crate::problem::Problem;

/// Everything comes from this server, nothing runs that stands in the HTML, no text becomes HTML or script, and no other page frames it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types watchbell";

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let all = [
        ("layout.html", include_str!("templates/layout.html")),
        ("page.html", include_str!("templates/page.html")),
        ("sign-in.html", include_str!("templates/sign-in.html")),
        ("refused.html", include_str!("templates/refused.html")),
    ];
    for (name, text) in all {
        if let Err(error) = environment.add_template(name, text) {
            // A test writes each of them.
            tracing::error!(%error, name, "a template of the page cannot be read");
        }
    }
    environment
});

/// A link of the navigation.
#[derive(Debug, Serialize)]
struct Link {
    path: &'static str,
    name: &'static str,
    is_here: bool,
}

/// Where an identity provider's way begins, and what that is called.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct SignOnLink<'v> {
    pub to: &'v str,
    pub label: &'v str,
}

/// What a frame is written from.
#[derive(Debug, Serialize)]
pub(super) struct Frame<'v> {
    #[serde(skip)]
    template: &'static str,
    title: &'static str,
    module: &'static str,
    /// Of the assets, for their addresses.
    version: &'static str,
    links: Vec<Link>,
    /// Empty where nobody is signed in.
    role: &'static str,
    user_id: Option<i64>,
    name: &'v str,
    /// Beside keys.
    sign_on: Option<SignOnLink<'v>>,
    /// What went wrong before this page was led to.
    problem: Option<&'static str>,
}

impl<'v> Frame<'v> {
    pub fn of(page: &'static Page, visitor: &'v Visitor) -> Self {
        let links = PAGES.iter().filter(|page| visitor.is_among(page.audience)).filter_map(|linked| {
            let has_own = visitor.user_id.is_some() || linked.path != "/preferences";
            Some(Link { path: linked.path, name: linked.link.filter(|_| has_own)?, is_here: linked.path == page.path })
        });
        Self { template: "page.html", title: page.title, module: page.module, links: links.collect(), ..Self::seen_by(visitor) }
    }

    /// For a key that has nothing to look at there.
    pub fn refusing(visitor: &'v Visitor) -> Self {
        Self { template: "refused.html", title: "Not with this key", module: "refused", ..Self::seen_by(visitor) }
    }

    pub fn signing_in(sign_on: Option<SignOnLink<'v>>, problem: Option<&'static str>) -> Self {
        Self {
            template: "sign-in.html",
            title: "Sign in",
            module: "sign-in",
            version: assets::version(),
            links: Vec::new(),
            role: "",
            user_id: None,
            name: "",
            sign_on,
            problem,
        }
    }

    fn seen_by(visitor: &'v Visitor) -> Self {
        let name = visitor.user_name.as_deref().unwrap_or(match visitor.role {
            Role::Admin => "An admin key",
            Role::Reader => "A reader key",
            Role::User => "A user key",
            Role::Publisher => "A publisher key",
        });
        Self { role: visitor.role.as_str(), user_id: visitor.user_id, name, ..Frame::signing_in(None, None) }
    }

    pub fn write(&self, status: StatusCode) -> Response {
        let html = match TEMPLATES.get_template(self.template).and_then(|template| template.render(to_value(self))) {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(%error, "a page could not be written");
                return Problem::internal().into_response();
            }
        };
        let mut response = (status, html).into_response();
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "same-origin"),
            (ROBOTS, "noindex, nofollow"),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn to_value(frame: &Frame<'_>) -> Value {
    Value::from(Serde(frame))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    fn visitor(role: Role) -> Visitor {
        Visitor { role, user_id: Some(7), user_name: Some("Anna <b>".to_owned()) }
    }

    #[test]
    fn every_frame_is_written_and_nothing_in_it_is_markup_that_was_none() {
        for page in &PAGES {
            let frame = TEMPLATES.get_template("page.html").unwrap().render(to_value(&Frame::of(page, &visitor(Role::Admin)))).unwrap();
            assert!(frame.contains(&format!("/assets/{}/{}.js", assets::version(), page.module)), "{frame}");
            assert!(frame.contains("Anna &lt;b&gt;") && !frame.contains("<b>"), "{frame}");
            // The policy forbids both.
            assert!(!frame.contains("<style") && !frame.contains(" style=") && !frame.contains(" onclick="), "{frame}");
            assert!(assets::find(&format!("{}.js", page.module)).is_some(), "{}", page.module);
        }
        let link = SignOnLink { to: "/x?next=%2F", label: "Our <b> people" };
        let signing_in = Frame::signing_in(Some(link), Some("It does not work."));
        let html = TEMPLATES.get_template("sign-in.html").unwrap().render(to_value(&signing_in)).unwrap();
        assert!(html.contains("Our &lt;b&gt; people") && html.contains("It does not work."), "{html}");
        for frame in [signing_in, Frame::signing_in(None, None), Frame::refusing(&visitor(Role::Publisher))] {
            assert_eq!(frame.write(StatusCode::OK).status(), 200);
        }
    }

    #[test]
    fn the_navigation_shows_what_a_key_can_use() {
        let links = |role| Frame::of(&PAGES[0], &visitor(role)).links.iter().map(|link| link.path).collect::<Vec<_>>();
        assert_eq!(links(Role::User), ["/preferences", "/explain"]);
        assert!(links(Role::Reader).contains(&"/audit"));
    }
}
