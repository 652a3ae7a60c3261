//! One connection to the server, and how far a mail has come on it.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::{fmt, io};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{self, Quit, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::classify::{Failure, Stage};
use super::mail::Mail;
use super::{Settings, Tls};
use crate::settings::SettingError;
use crate::tls;

/// How a connection is made.
pub struct Connector {
    host: String,
    port: u16,
    hello: ClientId,
    credentials: Option<Credentials>,
    encryption: Encryption,
}

enum Encryption {
    None,
    Starttls(TlsParameters),
    Implicit(TlsConnector, ServerName<'static>),
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Connector {
    /// `domain` is the sender's: what EHLO says.
    pub fn new(settings: &Settings, port: u16, domain: &str, ca_file: Option<&Path>) -> Result<Self, SettingError> {
        let host = settings.host.clone();
        let encryption = match settings.tls {
            Tls::None => Encryption::None,
            Tls::Starttls => Encryption::Starttls(starttls(&host, ca_file)?),
            Tls::Implicit => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| SettingError::new("host", host.clone(), "must be a name that a certificate can have"))?;
                Encryption::Implicit(Arc::new(tls::client_config(ca_file)?).into(), name)
            }
        };
        let credentials = settings.username.clone().map(|user| Credentials::new(user, settings.password.expose().to_owned()));
        Ok(Self { host, port, hello: ClientId::Domain(domain.to_owned()), credentials, encryption })
    }

    pub async fn connect(&self) -> Result<Connection, Failure> {
        let unreachable = |why| Failure::unreachable(Stage::Connect, why);
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|_| unreachable("connect"))?;
        tcp.set_nodelay(true).map_err(|_| unreachable("connect"))?;
        let peer = tcp.peer_addr().map_err(|_| unreachable("connect"))?;
        let wire = Arc::new(Wire::default());
        let stream: Box<dyn AsyncTokioStream> = match &self.encryption {
            Encryption::None | Encryption::Starttls(_) => Box::new(Watched { stream: tcp, peer, wire: Arc::clone(&wire) }),
            Encryption::Implicit(connector, name) => {
                let stream = connector.connect(name.clone(), tcp).await.map_err(|_| unreachable("tls"))?;
                Box::new(Watched { stream, peer, wire: Arc::clone(&wire) })
            }
        };
        let failed = |stage| move |error| Failure::of(stage, &error);
        let mut smtp = AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await.map_err(failed(Stage::Connect))?;
        if let Encryption::Starttls(parameters) = &self.encryption {
            smtp.starttls(parameters.clone(), &self.hello).await.map_err(failed(Stage::Connect))?;
        }
        if let Some(credentials) = &self.credentials {
            smtp.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await.map_err(failed(Stage::Auth))?;
        }
        Ok(Connection { smtp, wire, was_kept: false })
    }
}

fn starttls(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, SettingError> {
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::WebpkiRoots);
    if let Some(file) = ca_file {
        for authority in tls::authorities(file)? {
            let authority = Certificate::from_der(authority.to_vec())
                .map_err(|error| SettingError::new("ca_file", file.display().to_string(), error.to_string()))?;
            builder = builder.add_root_certificate(authority);
        }
    }
    builder.build_rustls().map_err(|error| {
        SettingError::new("ca_file", ca_file.map(|file| file.display().to_string()), format!("cannot be used: {error}"))
    })
}

/// A connection that has been greeted and, where needed, logged in.
pub struct Connection {
    smtp: AsyncSmtpConnection,
    wire: Arc<Wire>,
    was_kept: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Whether it had been waiting in the pool.
    pub fn was_kept(&self) -> bool {
        self.was_kept
    }

    pub fn keep(self) -> Self {
        Self { was_kept: true, ..self }
    }

    pub fn wire(&self) -> Arc<Wire> {
        Arc::clone(&self.wire)
    }

    /// Everything up to the body.
    pub async fn begin(&mut self, mail: &Mail) -> Result<(), Failure> {
        let failed = |stage| move |error| Failure::of(stage, &error);
        let mut parameters = Vec::new();
        if mail.envelope.to().iter().any(|to| !AsRef::<str>::as_ref(to).is_ascii()) {
            if !self.smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure::unreachable(Stage::Mail, "unsupported"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        self.smtp.command(commands::Mail::new(mail.envelope.from().cloned(), parameters)).await.map_err(failed(Stage::Mail))?;
        for to in mail.envelope.to() {
            self.smtp.command(commands::Rcpt::new(to.clone(), Vec::new())).await.map_err(failed(Stage::Recipient))?;
        }
        self.smtp.command(commands::Data).await.map_err(failed(Stage::Data))?;
        Ok(())
    }

    /// The body and its final dot. Answers with the id under which the server queued it, if it says so.
    pub async fn finish(&mut self, mail: &Mail) -> Result<Option<String>, Failure> {
        self.wire.begin_body();
        match self.smtp.message(&mail.bytes).await {
            Ok(response) => Ok(queue_id(response.first_line().unwrap_or_default())),
            Err(error) => {
                let stage = if self.wire.body_was_written() { Stage::Taken } else { Stage::Data };
                Err(Failure::of(stage, &error))
            }
        }
    }

    /// Forgets a mail that was refused, so that the next one can go; false if the connection is of no more use.
    pub async fn reset(&mut self) -> bool {
        self.smtp.command(Rset).await.is_ok()
    }

    pub async fn quit(mut self) {
        // The server may have gone already.
        let _ = self.smtp.command(Quit).await;
    }
}

/// `2.0.0 Ok: queued as 4bXyz` and the like; other texts are not kept, they could hold anything.
fn queue_id(line: &str) -> Option<String> {
    let id = line.split_once("queued as ")?.1.split_whitespace().next()?;
    (id.len() <= 100).then(|| id.to_owned())
}

/// What a connection's stream has seen. The client reads only once all that it writes has been flushed, so a read after
/// [`Wire::begin_body`] says that the final dot is out.
#[derive(Debug, Default)]
pub struct Wire {
    in_body: AtomicBool,
    read_since: AtomicBool,
}

impl Wire {
    fn begin_body(&self) {
        self.read_since.store(false, Ordering::Relaxed);
        self.in_body.store(true, Ordering::Relaxed);
    }

    pub fn body_was_written(&self) -> bool {
        self.in_body.load(Ordering::Relaxed) && self.read_since.load(Ordering::Relaxed)
    }
}

/// A stream that tells its [`Wire`] when it is read from.
#[derive(Debug)]
struct Watched<S> {
    stream: S,
    peer: SocketAddr,
    wire: Arc<Wire>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.wire.read_since.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug> AsyncTokioStream for Watched<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
