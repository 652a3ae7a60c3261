//! What every surface has around its routes, told apart only by a [`Surface`]: admission, the form of errors, panics, 404
//! and 405, and a line in the log.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use futures::FutureExt;
use serde::Serialize;
use serde_json::Value;

use crate::auth::{self, Credentials};
use crate::errors_page::ErrorsUrl;
use crate::limits::Counting;
use crate::problem::{Kind, Problem};
use crate::request;
use crate::session::Head;
use crate::state::Api;

/// The id that a surface's own layer gave a request, for errors to name.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub String);

/// One API surface.
#[derive(Debug)]
pub struct Surface {
    /// None: open to everybody, or protected by signatures of its own.
    pub credentials: Option<Credentials>,
    pub counting: Counting,
    /// The body of an error.
    pub form: fn(&Problem) -> Value,
    /// What an error's answer has beside its body: headers, or a status of this surface's own.
    pub head: fn(&Problem, &mut Response),
}

impl Surface {
    /// One that needs no key. Its routes look after themselves.
    pub const fn open(form: fn(&Problem) -> Value) -> Self {
        Self { credentials: None, counting: Counting::Own, form, head: challenge }
    }

    /// Puts the surface's layers around its routes.
    pub fn wrap(&'static self, api: &Api, routes: Router<Api>) -> Router<Api> {
        let admit = move |State(api): State<Api>, request: Request, next: Next| self.admit(api, request, next);
        let answer = move |request: Request, next: Next| self.answer(request, next);
        routes
            // Around fallbacks that routes have of their own too: then who calls is asked first there as well.
            .layer(from_fn_with_state(api.clone(), admit))
            .fallback(async || Problem::not_found("path"))
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn(answer))
    }

    /// Lets a request in, with who makes it: counted, with its body here, and when it is its turn.
    async fn admit(&self, api: Api, request: Request, next: Next) -> Result<Response, Problem> {
        let Some(credentials) = self.credentials else { return Ok(next.run(request).await) };
        let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
        let (caller, session) = auth::caller(&api, credentials, Head::of(&request), address).await?;
        api.limits.check_key(self.counting, caller.0.key_id)?;
        let _share = api.gates.of_key(caller.0.key_id).await?;
        // A client that is slow to send holds up no others: it waits for its turn once all is here.
        let (mut request, _room) = request::arrived(request, &api).await?;
        let _turn = api.gates.turn(request.method()).await?;
        request.extensions_mut().insert(caller);
        session.map(|session| request.extensions_mut().insert(session));
        Ok(next.run(request).await)
    }

    /// Gives problems, panics among them, the surface's form.
    async fn answer(&self, request: Request, next: Next) -> Response {
        let path = request.extensions().get::<MatchedPath>().cloned();
        let path = path.as_ref().map_or("none", MatchedPath::as_str);
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let errors_url = request.extensions().get::<ErrorsUrl>().map(|url| url.0.clone());
        // What a panicking handler leaves behind is its own: shared state is behind the store's transactions.
        let ended = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let mut response = ended.unwrap_or_else(|_| {
            // The panic's message and place were written by the panic hook.
            tracing::error!(path, "a request handler panicked");
            Problem::internal().into_response()
        });
        let Some(mut problem) = response.extensions_mut().remove::<Problem>() else { return response };
        if request_id.is_some() {
            problem.about_mut().request_id = request_id;
        }
        if errors_url.is_some() {
            problem.about_mut().errors_url = errors_url;
        }
        if problem.source.is_some() {
            tracing::error!(path, error = problem.chain(), "a request failed");
        }
        let mut rendered = self.render(&problem);
        // Who answers a 405 may have said itself what is allowed.
        if let Some(allow) = response.headers_mut().remove(ALLOW) {
            rendered.headers_mut().insert(ALLOW, allow);
        }
        rendered
    }

    /// What a mount's own path answers, where a nested router does not get it.
    pub(crate) fn root(&'static self) -> MethodRouter<Api> {
        any(async || Problem::not_found("path")).layer(from_fn(move |request: Request, next: Next| self.answer(request, next)))
    }

    /// What is under no route of the surface.
    pub(crate) fn nothing(&self) -> Response {
        self.render(&Problem::not_found("path"))
    }

    fn render(&self, problem: &Problem) -> Response {
        let mut response = json(problem.kind.status(), &(self.form)(problem));
        if let Some(retry_s) = problem.retry_s() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_s));
        }
        (self.head)(problem, &mut response);
        response
    }
}

/// Says how to authenticate to who has not.
pub(crate) fn challenge(problem: &Problem, response: &mut Response) {
    if problem.kind == Kind::Unauthenticated {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}

/// The `Allow` header is the router's doing.
async fn method_not_allowed(method: Method) -> Problem {
    Problem::new(Kind::MethodNotAllowed, format!("{method} is not allowed here; the header Allow says what is"))
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            Problem::internal().into_response()
        }
    }
}
