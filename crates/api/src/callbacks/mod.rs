//! `/callbacks/{provider}`: what providers say later, and what people answer. Each proves that it comes from its provider.
//!
//! A provider is named as its table in the configuration: that is what it was told to call, and only its own secrets count.
//! Whoever names no provider, or sends no signature, is answered before anything of the body is read.

pub(crate) mod openapi;
pub mod telegram;
pub mod telegram_poll;
mod twilio;

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use axum::routing::post;

use crate::problem::{Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;

/// What a callback's body may have at most, in bytes: no provider sends a tenth of it.
const BODY_BYTES: usize = 64 * 1024;

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/callbacks/{provider}", post(told)).route("/callbacks/{provider}/gather", post(gather))
}

/// A bot's update, or what became of a message: the provider's name says which.
async fn told(State(api): State<Api>, uri: Uri, params: Params, request: Request) -> Result<Response, Problem> {
    let provider = params.path("provider");
    let is_telegram = api.settings.telegram.provider == provider;
    let header = if is_telegram {
        telegram::secret(&api)?;
        telegram::SECRET_HEADER
    } else {
        twilio::tokens(&api, provider)?;
        twilio::SIGNATURE_HEADER
    };
    let caller = Caller::with(&api, &request, header)?;
    let (payload, _room) = Payload::read(request, &api, BODY_BYTES).await?;
    let _turn = api.gates.change().await?;
    let answered = if is_telegram { telegram::webhook(&api, &payload).await } else { twilio::status(&api, &uri, &params, &payload).await };
    answered.map_err(|problem| caller.refused(&api, problem))
}

/// A key was pressed during a call.
async fn gather(State(api): State<Api>, uri: Uri, params: Params, request: Request) -> Result<Response, Problem> {
    twilio::tokens(&api, params.path("provider"))?;
    let caller = Caller::with(&api, &request, twilio::SIGNATURE_HEADER)?;
    let (payload, _room) = Payload::read(request, &api, BODY_BYTES).await?;
    let _turn = api.gates.change().await?;
    twilio::gather(&api, &uri, &params, &payload).await.map_err(|problem| caller.refused(&api, problem))
}

/// Where a callback comes from.
#[derive(Clone, Copy, Debug)]
struct Caller(IpAddr);

impl Caller {
    /// # Errors
    /// `Forbidden` without the header that a provider signs with: nothing more is read of such a request.
    fn with(api: &Api, request: &Request, header: &str) -> Result<Self, Problem> {
        let caller = Self(api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies));
        if request.headers().contains_key(header) {
            return Ok(caller);
        }
        Err(caller.refused(api, Problem::forbidden(format!("the header {header} is missing"))))
    }

    /// Counts a callback that was not its provider's.
    fn refused(self, api: &Api, problem: Problem) -> Problem {
        if problem.kind != Kind::Forbidden {
            return problem;
        }
        api.limits.failed(self.0, "a callback without its provider's signature came", problem)
    }
}
