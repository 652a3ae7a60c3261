//! Connections: names, TCP, TLS, and the proxy that the environment names.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::address_guard::AddressGuard;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Boxed<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Idle connections are kept alive so often: what stands between forgets them otherwise.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// To the server, or to the proxy before it.
type Carrier = MaybeHttpsStream<TokioIo<TcpStream>>;
pub(super) type Stream = MaybeHttpsStream<Carrier>;

/// Connects within a time.
///
/// hyper-util clones a client's connector for each request, and moves it about with the request. Few requests connect, so only those
/// clone what connecting takes.
#[derive(Clone)]
pub(super) struct Connector {
    tls: Arc<HttpsConnector<Way>>,
    within: Duration,
}

impl Connector {
    /// To any server; for https through a proxy, where there is one.
    pub fn open(proxies: Matcher, tls: ClientConfig, within: Duration) -> Self {
        Self::with(Resolver::Open(GaiResolver::new()), Some(proxies), tls, within)
    }

    /// Only where the guard permits. No proxy is asked, as it would look names up again by itself.
    pub fn guarded(guard: AddressGuard, tls: ClientConfig, within: Duration) -> Self {
        Self::with(Resolver::Guarded(guard), None, tls, within)
    }

    fn with(resolver: Resolver, proxies: Option<Matcher>, tls: ClientConfig, within: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared by a name's addresses, so that a dead one leaves time for the others.
        tcp.set_connect_timeout(Some(within));
        tcp.set_keepalive(Some(KEEP_ALIVE));
        // A proxy is spoken to in HTTP/1.1, whatever the server behind it speaks.
        let mut to_proxy = tls.clone();
        to_proxy.alpn_protocols = Vec::new();
        let way = Way { proxies: proxies.map(Arc::new), to_proxy: HttpsConnector::from((tcp.clone(), to_proxy)), tcp };
        Self { tls: Arc::new(HttpsConnector::from((way, tls))), within }
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Boxed<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut tls = HttpsConnector::clone(&self.tls);
        let connecting = tokio::time::timeout(self.within, tls.call(to));
        Box::pin(async move { connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? })
    }
}

/// The way to where TLS begins.
#[derive(Clone)]
struct Way {
    proxies: Option<Arc<Matcher>>,
    to_proxy: HttpsConnector<HttpConnector<Resolver>>,
    tcp: HttpConnector<Resolver>,
}

impl Service<Uri> for Way {
    type Response = Carrier;
    type Error = BoxError;
    type Future = Boxed<Carrier>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let is_https = to.scheme() == Some(&Scheme::HTTPS);
        let proxy = self.proxies.as_ref().filter(|_| is_https).and_then(|proxies| proxies.intercept(&to));
        let Some(proxy) = proxy else {
            let connecting = self.tcp.call(to);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async move { Ok(connecting.await?) })
    }
}

/// Where names lead.
#[derive(Clone)]
enum Resolver {
    Open(GaiResolver),
    Guarded(AddressGuard),
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Boxed<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        match self {
            Self::Open(resolver) => {
                let found = resolver.call(name);
                Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
            }
            Self::Guarded(guard) => {
                let guard = guard.clone();
                Box::pin(async move { Ok(guard.resolve(name.as_str()).await?.into_iter()) })
            }
        }
    }
}
