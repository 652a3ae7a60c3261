//! `/watchbell/v1/session`: a browser signs in with an API key, or by an identity provider ([`sign_on`]), and acts with a key from then on.
//!
//! The browser keeps a cookie with 256 random bits that no script can read; the database keeps its hash, when it expires, and whose
//! key it acts with. So a session may what its key may, and ends with it at once, in every process. What a session changes has
//! to come from the page itself ([`forgery`]). Wherever a request has a key of its own, the cookie counts for nothing.

mod cookie;
mod forgery;
pub(crate) mod openapi;
pub(crate) mod sign_on;

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use watchbell_core::access::Caller;
use watchbell_core::ids::UserRef;
use watchbell_core::{Secret, Timestamp};
use watchbell_store::access::Actor;
use watchbell_wire::caller as wire;

use crate::auth::{self, Authenticated, hash_key, random_text};
use crate::limits::Counting;
use crate::origin::Origin;
use crate::problem::{Kind, Problem};
use crate::request::Payload;
use crate::state::Api;
use crate::surface;

/// What a body to sign in with may have at most, in bytes.
const BODY_BYTES: usize = 4 * 1024;

/// A browser's session, beside the [`Authenticated`] that its requests are given.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub id_hash: String,
    pub expires_at: Timestamp,
}

/// What of a request says whether it may be what it seems.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'r> {
    method: &'r Method,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

impl<'r> Head<'r> {
    pub fn of(request: &'r Request) -> Self {
        Self { method: request.method(), headers: request.headers(), extensions: request.extensions() }
    }

    pub fn headers(self) -> &'r HeaderMap {
        self.headers
    }
}

/// Part of what needs no key.
pub(crate) fn routes() -> Router<Api> {
    Router::new().route("/watchbell/v1/session", post(begin).delete(end)).merge(sign_on::routes())
}

/// The session that a request presents, if any: its id, which nobody has checked.
pub(crate) fn presented(headers: &HeaderMap) -> Option<Secret> {
    cookie::read(headers)
}

/// Finds out who calls by a session.
///
/// # Errors
/// `Forbidden` for a change that does not come from the page; `Unauthenticated` for a session that is over, or never was one.
pub(crate) async fn resume(api: &Api, head: Head<'_>, id: &Secret, address: IpAddr) -> Result<(Authenticated, Session), Problem> {
    forgery::check(api, head)?;
    find(api, id, address).await
}

/// The same for what changes nothing, whatever leads there.
pub(crate) async fn find(api: &Api, id: &Secret, address: IpAddr) -> Result<(Authenticated, Session), Problem> {
    let id_hash = hash_key(id);
    let _turn = if api.known_keys.has(&id_hash) { None } else { Some(api.gates.stranger().await?) };
    let Some(found) = api.store.browser_session(&id_hash).await? else {
        api.known_keys.forget(&id_hash);
        let over = Problem::new(Kind::Unauthenticated, "the session is over; sign in again");
        return Err(api.limits.failed(address, "a browser's session that is over, or never was one, was presented", over));
    };
    api.known_keys.add(id_hash.clone());
    api.key_uses.note(found.key.id, address);
    let caller = Caller { key_id: found.key.id, role: found.key.role, user_id: found.key.user_id, intake: found.key.intake.clone() };
    Ok((Authenticated(caller, address), Session { id_hash, expires_at: found.expires_at }))
}

/// Whether who called may still see what they began to listen to.
pub(crate) async fn still_counts(api: &Api, caller: &Authenticated, session: Option<&Session>) -> Result<bool, Problem> {
    Ok(match session {
        Some(session) => api.store.browser_session(&session.id_hash).await?.is_some(),
        None => api.store.has_key(caller.0.key_id).await?,
    })
}

async fn begin(State(api): State<Api>, Origin(own): Origin, request: Request) -> Result<Response, Problem> {
    // Else any site could have its visitors act with a key of its own.
    forgery::check(&api, Head::of(&request))?;
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    let is_https = forgery::site(request.headers()).unwrap_or(&own).starts_with("https:");
    let (payload, _room) = Payload::read(request, &api, BODY_BYTES).await?;
    let mut fields = payload.object()?;
    let key = Secret::new(fields.required_text("key", &(1..=512))?.trim());
    fields.finish()?;
    let caller = auth::holder(&api, &key, address).await?;
    // A key begins sessions as often as it may call.
    api.limits.check_key(Counting::Own, caller.0.key_id)?;
    let id = Secret::new(random_text::<32>());
    let expires_at = api.clock.now().plus_s(api.settings.session_s);
    let _turn = api.gates.change().await?;
    api.store.begin_browser_session(caller.actor(), caller.0.key_id, &hash_key(&id), expires_at).await?;
    let mut response = surface::json(StatusCode::CREATED, &write(&api, &caller, Some(expires_at)).await?);
    response.headers_mut().insert(SET_COOKIE, cookie::set(&id, api.settings.session_s, is_https)?);
    Ok(response)
}

/// Nobody is told whether there was a session: it is over now.
async fn end(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    forgery::check(&api, Head::of(&request))?;
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    api.limits.check_address(address)?;
    let presented = presented(request.headers());
    drop(request);
    if let Some(id) = presented {
        let _turn = api.gates.change().await?;
        let id_hash = hash_key(&id);
        api.known_keys.forget(&id_hash);
        let by = match api.store.browser_session(&id_hash).await? {
            Some(found) => Actor::Key { id: found.key.id, address: Some(address) },
            None => Actor::Stranger { address },
        };
        api.store.end_browser_session(by, &id_hash).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(SET_COOKIE, cookie::clear());
    Ok(response)
}

/// Who calls, as the API shows it.
pub(crate) async fn write(api: &Api, caller: &Authenticated, expires_at: Option<Timestamp>) -> Result<wire::Caller, Problem> {
    let user = match caller.0.user_id {
        Some(id) => api.store.user(&UserRef::Id(id)).await?,
        None => None,
    };
    Ok(wire::Caller {
        key_id: caller.0.key_id.0,
        role: caller.0.role.into(),
        user_id: caller.0.user_id.map(|user| user.0),
        user_name: user.map(|user| user.display_name()),
        session_expires_at: expires_at.map(Into::into),
    })
}
