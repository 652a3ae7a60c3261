//! `/callbacks/{provider}`: what providers say later, and what people answer.
//!
//! A provider is named as its table in the configuration: that is what it was told to call, and only its own secrets count. Its
//! kind verifies and reads what came (`watchbell_providers::inbound`); here it is applied, in the same way for every kind.
//! Whoever names no provider, or sends no signature, is answered before anything of the body is read.

mod answer;
mod apply;
mod follow_up;
mod inquire;
mod listen;
pub(crate) mod openapi;
pub(crate) mod said;
mod text;

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::ALLOW;
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use watchbell_providers::inbound::{self, Inbound, Refusal};

use crate::problem::{Fault, Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;

pub(crate) use answer::effect;
pub use listen::listen;
pub(crate) use text::Helped;

/// What a callback's body may have at most, in bytes. Twilio's have a kilobyte; a press comes with the message that it was in, some tens of kilobytes; SendGrid puts the events of half a minute into one, up
/// to 768 KiB, and SNS lets a message have 256 KiB.
const BODY_BYTES: usize = 1024 * 1024;

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/callbacks/{provider}", methods()).route("/callbacks/{provider}/{*rest}", methods())
}

/// GET and POST. What answers GET would answer HEAD, which no provider asks.
fn methods() -> MethodRouter<Api> {
    get(callback).post(callback).head(async || (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET,POST")]))
}

async fn callback(State(api): State<Api>, uri: Uri, params: Params, request: Request) -> Result<Response, Problem> {
    let (provider, path) = (params.path("provider"), params.path("rest"));
    let (public_url, inbound) = open(&api, provider)?;
    let method = request.method().clone();
    let caller = Caller::of(&api, &request);
    let proof = inbound.proof(path).map_err(problem)?;
    if let Some(header) = proof
        && !request.headers().contains_key(header)
    {
        return Err(caller.refused(&api, Problem::forbidden(format!("the header {header} is missing"))));
    }
    let (payload, _room) = Payload::read(request, &api, BODY_BYTES).await?;
    let url = format!("{public_url}{}", uri.path_and_query().map_or("", PathAndQuery::as_str));
    let request = inbound::Request {
        method: &method,
        path,
        query: params.queries(),
        headers: &payload.headers,
        body: &payload.bytes,
        public_url,
        url: &url,
        now: api.clock.now(),
    };
    let heard = inbound.read(&request).await.map_err(|refusal| caller.refused(&api, problem(refusal)))?;
    let _turn = api.gates.change().await?;
    let mut reply = apply::apply(&api, provider, heard).await?;
    if let Some(what) = reply.extensions_mut().remove() {
        follow_up::say(&api, provider, what);
    }
    Ok(reply.map(Body::from))
}

/// How the world reaches this server, and who reads what that provider says.
///
/// # Errors
/// `NotFound` where no callbacks of that name are taken.
fn open<'a>(api: &'a Api, provider: &str) -> Result<(&'a str, &'a dyn Inbound), Problem> {
    let inbound = api.settings.inbound.get(provider);
    let open = api.settings.public_url.as_deref().zip(inbound.map(AsRef::as_ref));
    open.ok_or_else(|| Problem::new(Kind::NotFound, "no callbacks are taken here: no such provider has any, or http.public_url is not set"))
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotFound(message) => Problem::new(Kind::NotFound, message),
        Refusal::Forbidden(message) => Problem::forbidden(message),
        Refusal::Method(method) => Problem::new(Kind::MethodNotAllowed, format!("{method} is not what this provider calls with")),
        Refusal::Malformed(message) => Problem::bad_request(message).because(Fault::Syntax),
        Refusal::Unavailable(message) => Problem::new(Kind::Unavailable, message),
    }
}

/// Where a callback comes from.
#[derive(Clone, Copy, Debug)]
struct Caller(IpAddr);

impl Caller {
    fn of(api: &Api, request: &Request) -> Self {
        Self(api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies))
    }

    /// Counts a callback that was not its provider's.
    fn refused(self, api: &Api, problem: Problem) -> Problem {
        if problem.kind != Kind::Forbidden {
            return problem;
        }
        api.limits.failed(self.0, "a callback without its provider's signature came", problem)
    }
}
