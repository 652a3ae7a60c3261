//! The whole router, and serving it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{any, get};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::connections::{Connections, accept};
use crate::ending::Ending;
use crate::errors_page::ErrorsUrl;
use crate::limits::client_network;
use crate::paced::Paced;
use crate::settings::ApiSettings;
use crate::state::Api;
use crate::watchbell::health;
use crate::{callbacks, cockpit, errors_page, ilert, intake, messaging, metrics, notiflows, oncall, openapi, pages, session, watchbell};

/// How long requests in flight may go on after the end was asked for.
const DRAIN: Duration = Duration::from_secs(5);

/// What a request's head may have at most, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// The end of a connection that is this server's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddress(pub SocketAddr);

/// Every route.
pub fn router(api: &Api) -> Router {
    let health = Router::new().route("/-/healthy", get(health::healthy)).route("/-/ready", get(health::ready));
    let open = health
        .merge(callbacks::routes())
        .merge(intake::routes())
        .merge(openapi::routes(api))
        .merge(errors_page::routes())
        .merge(metrics::routes())
        .merge(pages::routes())
        .merge(session::routes())
        .merge(cockpit::routes());
    watchbell::OPEN
        .wrap(api, open)
        .nest("/api", ilert::router(api))
        .nest(oncall::MOUNT, oncall::router(api))
        .nest(messaging::MOUNT, messaging::router(api))
        .nest(notiflows::MOUNT, notiflows::router(api))
        .nest(notiflows::VERSIONED_MOUNT, notiflows::router(api))
        .nest("/watchbell/v1", watchbell::router(api))
        // A nested router does not get its own root with a slash.
        .route("/api/", any(async || ilert::SURFACE.nothing()))
        .route("/v1/messaging/", messaging::SURFACE.root())
        .route("/admin/", notiflows::root())
        .route("/admin/v1/", notiflows::root())
        .route("/watchbell/v1/", any(async || watchbell::OPEN.nothing()))
        .layer(map_response(guard))
        .layer(from_fn_with_state(api.clone(), log))
        .layer(axum::Extension(ErrorsUrl::of(&api.settings)))
        .with_state(api.clone())
}

/// Answers are what they say they are, and are kept by nobody on the way, unless they say so themselves.
async fn guard(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// One line a request: never its path as it came, which may hold an address or a token.
async fn log(State(api): State<Api>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let begun = api.clock.now();
    let response = next.run(request).await;
    let path = path.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    let latency_ms = api.clock.now().ms_since(begun);
    if status < 400 {
        tracing::debug!(%method, path, status, latency_ms, "request");
    } else {
        tracing::info!(%method, path, status, latency_ms, "request");
    }
    response
}

/// What is told a connection for which there is no place.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Serves the API until `shutdown`.
///
/// # Errors
/// As [`serve_routes`].
pub async fn serve(listener: TcpListener, api: &Api, shutdown: CancellationToken) -> io::Result<()> {
    serve_routes(listener, router(api), &api.settings, shutdown).await?;
    api.refusals.flush().await;
    api.key_uses.flush().await;
    Ok(())
}

/// Serves until `shutdown`; then takes no more connections, lets requests in flight finish for up to 5 s, and returns.
///
/// # Errors
/// The listener's address cannot be read. A connection that cannot be taken is no error: the next is tried.
pub async fn serve_routes(listener: TcpListener, router: Router, settings: &ApiSettings, shutdown: CancellationToken) -> io::Result<()> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(settings.request_timeout).max_buf_size(HEAD_BYTES);
    let connections = Arc::new(Connections::new(settings.connections, settings.connections_per_address));
    let graceful = GracefulShutdown::new();
    tracing::info!(address = %listener.local_addr()?, "serving HTTP");
    while let Some((stream, peer)) = accept(&listener, &shutdown).await {
        let is_proxy = settings.trusted_proxies.trusts(peer.ip().to_canonical());
        let Some(place) = connections.place(client_network(peer.ip()), is_proxy) else {
            tracing::debug!("a connection was turned away: as many as may be have requests under way");
            // All of it fits into an empty socket, or the client learns it by the end of the connection.
            let _ = stream.try_write(NO_PLACE);
            continue;
        };
        // Answers are small and whole: waiting to fill a packet only costs time. A socket that refuses is served all the same.
        let _ = stream.set_nodelay(true);
        // Where the client has come to, for links. A connection whose address cannot be read is about to end.
        let own = stream.local_addr().map(LocalAddress).ok();
        let cut = place.cut.clone();
        let (router, ending) = (router.clone(), Ending(shutdown.clone()));
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (mut router, under_way) = (router.clone(), place.request());
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(own);
            request.extensions_mut().insert(ending.clone());
            async move { router.call(request).await.map(|response| response.map(|body| under_way.until_end_of(body))) }
        });
        let connection = builder.serve_connection(TokioIo::new(Paced::new(stream, settings.write_timeout)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                // A client that goes away or speaks something else is no event of ours.
                _ = connection => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open after {} s and were cut", DRAIN.as_secs());
    }
    Ok(())
}
