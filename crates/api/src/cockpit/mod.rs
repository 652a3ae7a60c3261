//! The page at `/`: what goes out, why, and one's own preferences, in a browser.
//!
//! The server writes a frame for each address ([`shell`]): who is signed in, where one can go, and a module of JavaScript, which does
//! the rest by the same API as everybody, with the session's cookie ([`crate::session`]). Everything is in the program and comes from
//! this server ([`assets`]); the policy lets the browser load nothing else, and run nothing that stands in the HTML.
//!
//! A frame holds nothing that is secret: what may be seen is decided by the API, for each request.

mod assets;
pub(crate) mod openapi;
mod shell;

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use watchbell_core::Secret;
use watchbell_core::access::Role;

use self::shell::{Frame, SignOnLink};
use crate::problem::{Kind, Problem};
use crate::request::Params;
use crate::session;
use crate::session::sign_on::{self, Trouble};
use crate::state::Api;

/// Who can use a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Whose key reads everything.
    Operators,
    /// Operators, and users with their own key.
    People,
}

/// One address.
#[derive(Debug)]
struct Page {
    path: &'static str,
    title: &'static str,
    /// The file that it runs, without its ending.
    module: &'static str,
    audience: Audience,
    /// What the navigation calls it; None for what is reached from elsewhere.
    link: Option<&'static str>,
}

static PAGES: [Page; 11] = [
    Page { path: "/now", title: "Now", module: "now", audience: Audience::Operators, link: Some("Now") },
    Page { path: "/preferences", title: "My preferences", module: "preferences", audience: Audience::People, link: Some("My preferences") },
    Page { path: "/explain", title: "What would happen", module: "explain", audience: Audience::People, link: Some("What would happen") },
    Page { path: "/users", title: "Users", module: "users", audience: Audience::Operators, link: Some("Users") },
    Page { path: "/topics", title: "Topics", module: "topics", audience: Audience::Operators, link: Some("Topics") },
    Page { path: "/keys", title: "Keys", module: "keys", audience: Audience::Operators, link: Some("Keys") },
    Page {
        path: "/dead-letters",
        title: "Dead letters",
        module: "dead-letters",
        audience: Audience::Operators,
        link: Some("Dead letters"),
    },
    Page { path: "/audit", title: "Audit log", module: "audit", audience: Audience::Operators, link: Some("Audit log") },
    Page { path: "/users/{id}", title: "Preferences of a user", module: "preferences", audience: Audience::Operators, link: None },
    Page { path: "/alerts/{id}", title: "Alert", module: "alert", audience: Audience::People, link: None },
    Page { path: "/events/{id}", title: "Event", module: "alert", audience: Audience::People, link: None },
];

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    let framed =
        PAGES.iter().fold(Router::new(), |routes, page| routes.route(page.path, get(move |api, request| show(page, api, request))));
    framed
        .route("/", get(start))
        .route("/sign-in", get(sign_in))
        .route("/assets/{version}/{name}", get(assets::serve))
        .route("/service-worker.js", get(assets::service_worker))
}

async fn show(page: &'static Page, State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let Some(visitor) = visitor(&api, address(&api, &request)?, session::presented(request.headers())).await? else {
        return Ok(Redirect::to(&format!("/sign-in?next={next}")).into_response());
    };
    if !visitor.is_among(page.audience) {
        return Ok(Frame::refusing(&visitor).write(StatusCode::FORBIDDEN));
    }
    Ok(Frame::of(page, &visitor).write(StatusCode::OK))
}

/// Where somebody is led who names no page.
async fn start(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let address = address(&api, &request)?;
    let to = match visitor(&api, address, session::presented(request.headers())).await? {
        None => "/sign-in",
        Some(visitor) if visitor.is_among(Audience::Operators) => "/now",
        Some(visitor) if visitor.is_among(Audience::People) => "/preferences",
        Some(visitor) => return Ok(Frame::refusing(&visitor).write(StatusCode::FORBIDDEN)),
    };
    Ok(Redirect::to(to).into_response())
}

async fn sign_in(State(api): State<Api>, params: Params, request: Request) -> Result<Response, Problem> {
    address(&api, &request)?;
    let next: String = url::form_urlencoded::byte_serialize(params.query("next")?.unwrap_or("/").as_bytes()).collect();
    let link = format!("{}?next={next}", sign_on::PATH);
    let sign_on = api.settings.sign_on.as_ref().map(|sign_on| SignOnLink { to: &link, label: &sign_on.settings.label });
    let problem = params.query("trouble")?.and_then(Trouble::sentence);
    Ok(Frame::signing_in(sign_on, problem).write(StatusCode::OK))
}

/// Who looks at a page.
#[derive(Debug)]
struct Visitor {
    role: Role,
    user_id: Option<i64>,
    user_name: Option<String>,
}

impl Visitor {
    fn is_among(&self, audience: Audience) -> bool {
        match self.role {
            Role::Admin | Role::Reader => true,
            Role::User => audience == Audience::People,
            Role::Publisher => false,
        }
    }
}

/// None for somebody who is not signed in, or whose session is over.
async fn visitor(api: &Api, address: IpAddr, session: Option<Secret>) -> Result<Option<Visitor>, Problem> {
    let Some(id) = session else { return Ok(None) };
    let caller = match session::find(api, &id, address).await {
        Ok((caller, _)) => caller,
        Err(problem) if problem.kind == Kind::Unauthenticated => return Ok(None),
        Err(problem) => return Err(problem),
    };
    let shown = session::write(api, &caller, None).await?;
    Ok(Some(Visitor { role: caller.0.role, user_id: shown.user_id, user_name: shown.user_name }))
}

/// Anybody may look at frames, so often.
fn address(api: &Api, request: &Request) -> Result<IpAddr, Problem> {
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    api.limits.check_address(address).map(|()| address)
}
