//! WebSockets of services that cannot call this server: the same connections, trust and proxy as for all other calls.

use std::fmt;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_websockets::{ClientBuilder, Limits, Message, WebSocketStream};
use tower_service::Service;
use url::Url;

use super::connect::{Connector, Stream};
use crate::inbound::InboundError;
use crate::settings::{CommonSettings, SettingError};
use crate::tls;

/// More in one message is not read, in bytes: a press comes with the message that it was in.
const LARGEST_MESSAGE: usize = 512 * 1024;

/// Opens sockets.
#[derive(Clone)]
pub struct WebSockets {
    connector: Connector,
    within: Duration,
}

impl fmt::Debug for WebSockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSockets")
    }
}

impl WebSockets {
    pub fn new(common: &CommonSettings) -> Result<Self, SettingError> {
        let connector = Connector::open(Matcher::from_env(), tls::client_config(common.ca_file.as_deref())?, super::connect_within(common));
        Ok(Self { connector, within: common.timeout() })
    }

    /// Opens the one at a `wss` URL; `ws`, in clear text, is for stand-ins. `bearer` proves who opens it, where the URL does not. Errors say nothing of the URL, which may hold a ticket.
    pub async fn open(&self, url: &Url, bearer: Option<&str>) -> Result<WebSocket, InboundError> {
        let wrong = |what: &str| InboundError(what.to_owned());
        let scheme = match url.scheme() {
            "wss" => "https",
            "ws" => "http",
            _ => return Err(wrong("the socket's URL is none")),
        };
        let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
        let place: Uri = format!("{scheme}://{rest}").parse().map_err(|_| wrong("the socket's URL is none"))?;
        let target: Uri = url.as_str().parse().map_err(|_| wrong("the socket's URL is none"))?;
        let authorization = bearer.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose();
        let authorization = authorization.map_err(|_| wrong("the token cannot be sent"))?;
        let mut connector = self.connector.clone();
        let opening = async move {
            let stream = connector.call(place).await.map_err(|_| wrong("the socket cannot be connected"))?;
            let limits = Limits::default().max_payload_len(Some(LARGEST_MESSAGE));
            let mut client = ClientBuilder::from_uri(target).limits(limits);
            if let Some(authorization) = authorization {
                client = client.add_header(AUTHORIZATION, authorization).map_err(|_| wrong("the token cannot be sent"))?;
            }
            let (stream, _) = client.connect_on(TokioIo::new(stream)).await.map_err(|_| wrong("the socket was refused"))?;
            Ok(WebSocket { stream })
        };
        timeout(self.within, opening).await.map_err(|_| InboundError("timeout".to_owned()))?
    }
}

/// An open socket. Pings are answered while it is read.
pub struct WebSocket {
    stream: WebSocketStream<TokioIo<Stream>>,
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket")
    }
}

impl WebSocket {
    /// Waits for something to come: a text, or None for a ping and the like.
    ///
    /// # Errors
    /// Nothing came for so long, or the socket has ended.
    pub async fn next(&mut self, silence: Duration) -> Result<Option<String>, InboundError> {
        let message = timeout(silence, self.stream.next()).await.map_err(|_| InboundError("nothing came for too long".to_owned()))?;
        match message {
            Some(Ok(message)) if message.is_close() => Err(InboundError("the socket was closed".to_owned())),
            Some(Ok(message)) => Ok(message.as_text().map(str::to_owned)),
            Some(Err(_)) => Err(InboundError("the socket broke".to_owned())),
            None => Err(InboundError("the socket has ended".to_owned())),
        }
    }

    pub async fn send(&mut self, text: String) -> Result<(), InboundError> {
        /// Until a text must be written.
        const WITHIN: Duration = Duration::from_secs(5);
        let sent = timeout(WITHIN, self.stream.send(Message::text(text))).await;
        sent.ok().and_then(Result::ok).ok_or_else(|| InboundError("the socket broke".to_owned()))
    }
}
