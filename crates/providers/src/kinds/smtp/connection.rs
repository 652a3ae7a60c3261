//! One connection to the server, and how far a mail has come on it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use watchbell_core::Secret;

use super::classify::{Failure, Stage};
use super::mail::Mail;
use super::reply::Reply;
use super::{Settings, Tls};
use crate::settings::SettingError;
use crate::tls;

/// How a connection is made.
pub struct Connector {
    host: String,
    port: u16,
    /// The sender's domain: what EHLO says.
    hello: String,
    credentials: Option<(String, Secret)>,
    encryption: Tls,
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Connector {
    pub fn new(settings: &Settings, port: u16, hello: &str, ca_file: Option<&Path>) -> Result<Self, SettingError> {
        let host = settings.host.clone();
        let name = ServerName::try_from(host.clone())
            .map_err(|_| SettingError::new("host", host.clone(), "must be a name that a certificate can have"))?;
        Ok(Self {
            host,
            port,
            hello: hello.to_owned(),
            credentials: settings.username.clone().map(|user| (user, settings.password.clone())),
            encryption: settings.tls,
            tls: Arc::new(tls::client_config(ca_file)?).into(),
            name,
        })
    }

    pub async fn connect(&self) -> Result<Connection, Failure> {
        let unreachable = |why| Failure::broken(Stage::Connect, why);
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|_| unreachable("connect"))?;
        tcp.set_nodelay(true).map_err(|_| unreachable("connect"))?;
        let stream: Box<dyn Stream> = match self.encryption {
            Tls::Implicit => Box::new(self.tls.connect(self.name.clone(), tcp).await.map_err(|_| unreachable("tls"))?),
            Tls::None | Tls::Starttls => Box::new(tcp),
        };
        let mut connection = Connection::over(stream);
        connection.expect(Stage::Connect, &[220]).await?;
        connection.hello(&self.hello).await?;
        if self.encryption == Tls::Starttls {
            connection = self.upgrade(connection).await?;
        }
        if let Some((user, password)) = &self.credentials {
            connection.log_in(user, password).await?;
        }
        Ok(connection)
    }

    /// What was said before is forgotten: somebody in between could have said it.
    async fn upgrade(&self, mut connection: Connection) -> Result<Connection, Failure> {
        if !connection.offers("STARTTLS") {
            return Err(Failure::broken(Stage::Connect, "unsupported"));
        }
        connection.ask(Stage::Connect, "STARTTLS", &[220]).await?;
        if !connection.stream.buffer().is_empty() {
            return Err(Failure::broken(Stage::Connect, "unexpected_reply"));
        }
        let stream = self.tls.connect(self.name.clone(), connection.stream.into_inner()).await;
        let mut connection = Connection::over(Box::new(stream.map_err(|_| Failure::broken(Stage::Connect, "tls"))?));
        connection.hello(&self.hello).await?;
        Ok(connection)
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// A connection that has been greeted and, where needed, logged in.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    /// What EHLO offered, in upper case.
    extensions: Vec<String>,
    wire: Arc<Wire>,
    was_kept: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    fn over(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::new(stream), extensions: Vec::new(), wire: Arc::default(), was_kept: false }
    }

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
        let utf8 = if mail.to.is_ascii() {
            ""
        } else if self.offers("SMTPUTF8") {
            " SMTPUTF8"
        } else {
            return Err(Failure::broken(Stage::Mail, "unsupported"));
        };
        self.ask(Stage::Mail, &format!("MAIL FROM:<{}>{utf8}", mail.from), &[]).await?;
        self.ask(Stage::Recipient, &format!("RCPT TO:<{}>", mail.to), &[]).await?;
        self.ask(Stage::Data, "DATA", &[354]).await.map(|_| ())
    }

    /// The body and its final dot. Answers with the id under which the server queued it, if it says so.
    pub async fn finish(&mut self, mail: &Mail) -> Result<Option<String>, Failure> {
        self.wire.dot_is_out.store(false, Ordering::Relaxed);
        self.write(Stage::Data, &dotted(&mail.bytes)).await?;
        self.wire.dot_is_out.store(true, Ordering::Relaxed);
        let reply = self.expect(Stage::Taken, &[]).await?;
        Ok(queue_id(reply.first_line()))
    }

    /// Forgets a mail that was refused, so that the next one can go; false if the connection is of no more use.
    pub async fn reset(&mut self) -> bool {
        self.ask(Stage::Mail, "RSET", &[]).await.is_ok()
    }

    pub async fn quit(mut self) {
        // The server may have gone already.
        let _ = self.ask(Stage::Mail, "QUIT", &[]).await;
    }

    async fn hello(&mut self, domain: &str) -> Result<(), Failure> {
        let reply = self.ask(Stage::Connect, &format!("EHLO {domain}"), &[]).await?;
        self.extensions = reply.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(())
    }

    fn offers(&self, extension: &str) -> bool {
        self.extensions.iter().any(|line| line.split_whitespace().next() == Some(extension))
    }

    /// By `AUTH PLAIN` where it is offered, else by `AUTH LOGIN`. Some servers write `AUTH=…`, as drafts of the standard had it.
    async fn log_in(&mut self, user: &str, password: &Secret) -> Result<(), Failure> {
        let words = self.extensions.iter().map(|line| line.split([' ', '=']).collect::<Vec<_>>());
        let mechanisms: Vec<&str> = words.filter(|words| words[0] == "AUTH").flatten().collect();
        let encode = |text: &str| STANDARD.encode(text);
        let login = if mechanisms.contains(&"PLAIN") {
            format!("AUTH PLAIN {}", encode(&format!("\0{user}\0{}", password.expose())))
        } else if mechanisms.contains(&"LOGIN") {
            self.ask(Stage::Auth, "AUTH LOGIN", &[334]).await?;
            self.ask(Stage::Auth, &encode(user), &[334]).await?;
            encode(password.expose())
        } else {
            return Err(Failure::broken(Stage::Auth, "unsupported"));
        };
        self.ask(Stage::Auth, &login, &[]).await.map(|_| ())
    }

    /// Sends a command and reads its answer; `codes` as for [`Self::expect`].
    async fn ask(&mut self, stage: Stage, command: &str, codes: &[u16]) -> Result<Reply, Failure> {
        self.write(stage, format!("{command}\r\n").as_bytes()).await?;
        self.expect(stage, codes).await
    }

    async fn write(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Failure> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|_| Failure::broken(stage, "broken_connection"))
    }

    /// Reads an answer. It must have one of the codes, or any that says yes if none is given.
    async fn expect(&mut self, stage: Stage, codes: &[u16]) -> Result<Reply, Failure> {
        let reply = Reply::read(&mut self.stream).await.map_err(|_| Failure::broken(stage, "broken_connection"))?;
        let is_right = if codes.is_empty() { reply.is_positive() } else { codes.contains(&reply.code) };
        if is_right { Ok(reply) } else { Err(Failure::refused(stage, &reply)) }
    }
}

/// The mail as DATA wants it (RFC 5321, 4.5.2): a dot before each line that begins with one, and one alone at the end.
fn dotted(mail: &[u8]) -> Vec<u8> {
    let mut dotted = Vec::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            dotted.push(b'.');
        }
        dotted.extend_from_slice(line);
    }
    if !mail.ends_with(b"\r\n") {
        dotted.extend_from_slice(b"\r\n");
    }
    dotted.extend_from_slice(b".\r\n");
    dotted
}

/// `2.0.0 Ok: queued as 4bXyz` and the like; other texts are not kept, they could hold anything.
fn queue_id(line: &str) -> Option<String> {
    let id = line.split_once("queued as ")?.1.split_whitespace().next()?;
    (id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_graphic())).then(|| id.to_owned())
}

/// What whoever runs out of time asks.
#[derive(Debug, Default)]
pub struct Wire {
    dot_is_out: AtomicBool,
}

impl Wire {
    /// Whether the body was written with its final dot, so that the server may have taken the mail.
    pub fn body_was_written(&self) -> bool {
        self.dot_is_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_dot_get_another_one() {
        let table: [(&[u8], &[u8]); 5] = [
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b".\r\n..b\r\n", b"..\r\n...b\r\n.\r\n"),
            (b"a.\r\n.\n", b"a.\r\n..\n\r\n.\r\n"),
            (b"", b"\r\n.\r\n"),
        ];
        for (mail, expected) in table {
            assert_eq!(dotted(mail), expected, "{}", mail.escape_ascii());
        }
    }

    #[test]
    fn only_what_is_an_id_is_kept() {
        assert_eq!(queue_id("2.0.0 Ok: queued as 4bXyz"), Some("4bXyz".to_owned()));
        for line in ["2.0.0 Ok", "queued as ", "queued as \u{fffd}1"] {
            assert_eq!(queue_id(line), None, "{line}");
        }
    }
}
