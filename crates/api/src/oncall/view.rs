//! A path with its verbs, as Django REST framework answers for it: `OPTIONS` describes it, and `Allow` names the verbs in its order.

use axum::Router;
use axum::http::header::ALLOW;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::json;

use super::seen_by;
use crate::auth::Authenticated;
use crate::problem::{Kind, Problem};
use crate::state::Api;
use crate::surface;

/// What a path answers beside what its handlers do.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub path: &'static str,
    /// As the original calls it.
    pub name: &'static str,
    /// Whether the path is of one of them, or of all.
    pub is_instance: bool,
    /// As `Allow` lists them.
    pub verbs: &'static str,
}

pub(super) const READ: &str = "GET, HEAD, OPTIONS";
pub(super) const READ_AND_MAKE: &str = "GET, POST, HEAD, OPTIONS";
pub(super) const READ_AND_CHANGE: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";

impl View {
    /// Adds the path, with and without the slash at its end.
    pub fn add(self, router: Router<Api>, handlers: MethodRouter<Api>) -> Router<Api> {
        let described = on(MethodFilter::OPTIONS, async move |caller: Authenticated| self.describe(&caller));
        let methods = handlers.merge(described).fallback(async move |method: Method| self.refuse(&method));
        let path = if self.is_instance { format!("/{}/{{id}}", self.path) } else { format!("/{}", self.path) };
        router.route(&path, methods.clone()).route(&format!("{path}/"), methods)
    }

    fn describe(self, caller: &Authenticated) -> Result<Response, Problem> {
        seen_by(caller)?;
        let kind = if self.is_instance { "Instance" } else { "List" };
        let body = json!({
            "name": format!("{} {kind}", self.name),
            "description": "",
            "renders": ["application/json"],
            "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
        });
        Ok(([(ALLOW, self.verbs)], surface::json(StatusCode::OK, &body)).into_response())
    }

    fn refuse(self, method: &Method) -> Response {
        let problem = Problem::new(Kind::MethodNotAllowed, format!("Method \"{method}\" not allowed."));
        ([(ALLOW, self.verbs)], problem).into_response()
    }
}
