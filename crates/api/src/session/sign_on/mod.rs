//! `/watchbell/v1/session/sign-on`: a browser signs in by an identity provider.
//!
//! It is led there with a state of its own, comes back with a code, and gets the same session as by a key: the key that it acts with
//! stands for whoever the provider says it is, in the role that the provider gives them, and nobody knows its text (`Keys::sign_on_key`).
//! Until it is back only the browser keeps anything: a cookie from which state, nonce and verifier are derived ([`Attempt`]), so
//! that it may come back to any process. What goes wrong is told on the page to sign in, where a key opens as always.

mod cookie;
mod person;
mod trouble;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use subtle::ConstantTimeEq;
use url::Url;
use url::form_urlencoded::byte_serialize;
use watchbell_core::Secret;
use watchbell_oidc::{Attempt, SignOn};
use watchbell_store::access::Actor;

use super::cookie as session_cookie;
use crate::auth::{hash_key, random_text};
use crate::limits::Counting;
use crate::origin::Origin;
use crate::problem::{Kind, Problem};
use crate::request::Params;
use crate::state::Api;

pub(crate) use trouble::Trouble;

pub(crate) const PATH: &str = "/watchbell/v1/session/sign-on";
const BACK: &str = "/watchbell/v1/session/sign-on/back";

/// Part of what needs no key.
pub(super) fn routes() -> Router<Api> {
    Router::new().route(PATH, get(begin)).route(BACK, get(finish))
}

/// A query of the page to sign in: where to go from there, and what went wrong.
fn page(next: &str, trouble: &Trouble) -> Redirect {
    let next: String = byte_serialize(next.as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={next}&trouble={trouble}"))
}

/// An address of this site: nothing that could lead elsewhere.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { next } else { "/" }
}

fn open(api: &Api) -> Result<&SignOn, Problem> {
    let off = || Problem::new(Kind::NotFound, "nobody signs in by an identity provider here: [oidc] is not configured");
    api.settings.sign_on.as_deref().ok_or_else(off)
}

fn redirect_of(own: &str) -> Result<Url, Problem> {
    Url::parse(&format!("{own}{BACK}")).map_err(|_| Problem::internal())
}

async fn begin(State(api): State<Api>, Origin(own): Origin, params: Params, request: Request) -> Result<Response, Problem> {
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    api.limits.check_address(address)?;
    let (sign_on, next) = (open(&api)?, own_path(params.query("next")?.unwrap_or("/")));
    let attempt = Attempt::new(Secret::new(random_text::<32>()));
    match sign_on.begin(&attempt, &redirect_of(&own)?).await {
        Ok(url) => {
            let mut response = Redirect::to(url.as_str()).into_response();
            response.headers_mut().insert(SET_COOKIE, cookie::set(&attempt, next, own.starts_with("https:"))?);
            Ok(response)
        }
        Err(error) => Ok(page(next, &Trouble::told(&error)).into_response()),
    }
}

async fn finish(State(api): State<Api>, Origin(own): Origin, params: Params, request: Request) -> Result<Response, Problem> {
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    api.limits.check_address(address)?;
    let sign_on = open(&api)?;
    let kept = cookie::read(request.headers());
    let next = kept.as_ref().map_or("/", |(_, next)| own_path(next)).to_owned();
    drop(request);
    let signed_in = async {
        let attempt = kept.as_ref().map(|(attempt, _)| attempt).ok_or(Trouble::Attempt)?;
        let is_same = |state: &str| bool::from(state.as_bytes().ct_eq(attempt.state().as_bytes()));
        params.query("state")?.filter(|state| is_same(state)).ok_or(Trouble::Attempt)?;
        // Whatever the provider calls the reason is its own, and may be anybody's words.
        let code = params.query("code")?.filter(|code| !code.is_empty()).ok_or(Trouble::Denied)?;
        let identity = sign_on.finish(attempt, &redirect_of(&own)?, &Secret::new(code)).await.map_err(|error| Trouble::told(&error))?;
        person::key_of(&api, sign_on, &identity, address).await
    };
    let key = match signed_in.await {
        Ok(key) => key,
        Err(Trouble::Ours(problem)) => return Err(*problem),
        Err(trouble) => return Ok(with_cookies(page(&next, &trouble).into_response(), [cookie::clear()])),
    };
    api.limits.check_key(Counting::Own, key.id)?;
    let id = Secret::new(random_text::<32>());
    let expires_at = api.clock.now().plus_s(api.settings.session_s);
    let _turn = api.gates.change().await?;
    api.store.begin_browser_session(Actor::Key { id: key.id, address: Some(address) }, key.id, &hash_key(&id), expires_at).await?;
    let session = session_cookie::set(&id, api.settings.session_s, own.starts_with("https:"))?;
    Ok(with_cookies(Redirect::to(&next).into_response(), [session, cookie::clear()]))
}

fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = axum::http::HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for own in ["/", "/now", "/alerts/A-1?x=y"] {
            assert_eq!(own_path(own), own);
        }
        for other in ["", "https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "/a\nb", "javascript:x"] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }
}
