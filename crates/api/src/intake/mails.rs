//! Mails, for tools that can do nothing else: a small SMTP server (RFC 5321) for each intake that listens.
//!
//! The key of a publisher stands in the address, `anything+KEY@any.host`. A mail is answered 250 once it is stored; whatever is
//! not the mail's own fault is answered 4xx, so that the sender's server keeps it and comes again. It speaks no TLS: it is meant
//! for the mail server of the same machine or network.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchbell_intake::{Intake, Request};

use crate::auth::Authenticated;
use crate::connections::{Connections, Place, accept};
use crate::limits::{Counting, client_network};
use crate::problem::{Kind, Problem};
use crate::state::Api;

/// Sessions at once, and of one address.
const SESSIONS: usize = 64;
const SESSIONS_OF_ADDRESS: usize = 16;

/// RFC 5321 (4.5.3.2) lets a server wait five minutes for a command.
const PATIENCE: Duration = Duration::from_mins(5);

/// A line of a command, and of a mail; RFC 5321 (4.5.3.1) has 512 and 1,000.
const LINE_BYTES: usize = 4_096;

/// Addresses of one mail; each names a key, and one is enough.
const RECIPIENTS: usize = 10;

/// What a session may get wrong before it is ended.
const MISTAKES: u32 = 10;

/// Serves until `shutdown`; an intake that is not configured takes nothing.
pub async fn serve_mails(listener: TcpListener, api: Api, intake: String, shutdown: CancellationToken) {
    let connections = Arc::new(Connections::new(SESSIONS, SESSIONS_OF_ADDRESS));
    tracing::info!(intake, "taking mails");
    while let Some((stream, peer)) = accept(&listener, &shutdown).await {
        let Some(place) = connections.place(client_network(peer.ip()), false) else {
            let _ = stream.try_write(b"421 4.3.2 too many sessions; come again\r\n");
            continue;
        };
        let (api, intake, shutdown) = (api.clone(), intake.clone(), shutdown.clone());
        tokio::spawn(async move {
            let Some(intake) = api.settings.intakes.get(&intake) else { return };
            let cut = place.cut.clone();
            let session = Session::new(&api, intake, peer.ip().to_canonical(), BufStream::new(stream));
            tokio::select! {
                // A client that goes away, or speaks something else, is no event of ours.
                _ = session.run(&place) => {}
                () = cut.cancelled() => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
}

struct Session<'a, S> {
    api: &'a Api,
    intake: &'a Intake,
    peer: IpAddr,
    stream: S,
    /// Whether a mail was begun.
    is_begun: bool,
    recipients: Vec<Authenticated>,
    mistakes: u32,
}

impl<'a, S: AsyncBufRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(api: &'a Api, intake: &'a Intake, peer: IpAddr, stream: S) -> Self {
        Self { api, intake, peer, stream, is_begun: false, recipients: Vec::new(), mistakes: 0 }
    }

    async fn run(mut self, place: &Place) -> std::io::Result<()> {
        self.say("220 watchbell ready").await?;
        loop {
            let Some(line) = self.line().await? else { return Ok(()) };
            let text = String::from_utf8_lossy(&line);
            let (verb, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
            let reply = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    self.reset();
                    let size = self.api.settings.body_limit_bytes;
                    format!("250-watchbell\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES")
                }
                "HELO" => {
                    self.reset();
                    "250 watchbell".to_owned()
                }
                "MAIL" => self.begin(rest),
                "RCPT" => self.recipient(rest).await,
                "DATA" if self.recipients.is_empty() => self.mistake("503 5.5.1 no recipient yet; send RCPT first"),
                "DATA" => {
                    let _under_way = place.request();
                    match self.mail().await? {
                        Some(reply) => reply,
                        None => return Ok(()),
                    }
                }
                "RSET" => {
                    self.reset();
                    "250 2.0.0 forgotten".to_owned()
                }
                "NOOP" => "250 2.0.0 nothing done".to_owned(),
                "VRFY" => "252 2.1.5 send the mail and see".to_owned(),
                "QUIT" => return self.say("221 2.0.0 goodbye").await,
                _ => self.mistake("502 5.5.1 no such command here"),
            };
            self.say(&reply).await?;
            if self.mistakes >= MISTAKES {
                return self.say("421 4.7.0 too many mistakes; goodbye").await;
            }
        }
    }

    fn reset(&mut self) {
        self.is_begun = false;
        self.recipients.clear();
    }

    fn mistake(&mut self, reply: &str) -> String {
        self.mistakes += 1;
        reply.to_owned()
    }

    /// `MAIL FROM:<…> SIZE=…`. Who it claims to be from decides nothing: the key does.
    fn begin(&mut self, rest: &str) -> String {
        if address(rest, "FROM:").is_none() {
            return self.mistake("501 5.5.4 it must be MAIL FROM:<address>");
        }
        let size = rest.split_whitespace().find_map(|word| word.to_ascii_uppercase().strip_prefix("SIZE=")?.parse::<usize>().ok());
        if size.is_some_and(|size| size > self.api.settings.body_limit_bytes) {
            return self.mistake(&self.too_large());
        }
        self.reset();
        self.is_begun = true;
        "250 2.1.0 go on".to_owned()
    }

    /// `RCPT TO:<anything+KEY@host>`.
    async fn recipient(&mut self, rest: &str) -> String {
        let Some(address) = address(rest, "TO:") else { return self.mistake("501 5.5.4 it must be RCPT TO:<address>") };
        if !self.is_begun {
            return self.mistake("503 5.5.1 no mail yet; send MAIL first");
        }
        if self.recipients.len() >= RECIPIENTS {
            return "452 4.5.3 too many recipients of one mail".to_owned();
        }
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local).trim_matches('"');
        let Some((_, key)) = local.rsplit_once('+').filter(|(_, key)| !key.is_empty()) else {
            return self.mistake("550 5.1.1 no key; a publisher's must stand in the address: anything+KEY@host");
        };
        match self.check(key.to_owned()).await {
            Ok(caller) => {
                self.recipients.push(caller);
                "250 2.1.5 known".to_owned()
            }
            Err(problem) => {
                self.mistakes += 1;
                refusal(&problem, "550 5.7.1 that key is none of a publisher's")
            }
        }
    }

    async fn check(&self, key: String) -> Result<Authenticated, Problem> {
        let caller = super::key::check(self.api, key, self.peer).await?;
        caller.check_intake(&self.intake.name)?;
        Ok(caller)
    }

    fn too_large(&self) -> String {
        format!("552 5.3.4 larger than {} bytes", self.api.settings.body_limit_bytes)
    }

    /// What follows DATA; None where the client is gone.
    async fn mail(&mut self) -> std::io::Result<Option<String>> {
        let limit = self.api.settings.body_limit_bytes;
        let Some(_room) = self.api.gates.room(limit) else {
            return Ok(Some("452 4.3.1 too many mails at once; come again".to_owned()));
        };
        self.say("354 end with a line of one dot").await?;
        let mut mail = Vec::new();
        let mut size = 0_usize;
        let mut is_line_begun = false;
        loop {
            let Some(line) = self.line().await? else { return Ok(None) };
            let own_dot = usize::from(!is_line_begun && line.starts_with(b"."));
            // Line ends without CR do as well: whoever makes one mail pass for two by them needs a key for each.
            if own_dot == 1 && line.trim_ascii_end() == b"." {
                break;
            }
            is_line_begun = !line.ends_with(b"\n");
            size = size.saturating_add(line.len());
            // What is too large is read to its end all the same, as nothing is answered before; not for ever.
            if size > limit.saturating_mul(8) {
                self.say(&self.too_large()).await?;
                return Ok(None);
            }
            if size <= limit {
                mail.extend_from_slice(&line[own_dot..]);
            }
        }
        let callers = std::mem::take(&mut self.recipients);
        self.reset();
        if size > limit {
            return Ok(Some(self.too_large()));
        }
        // One event, whoever of them it is for: it is the same intake.
        let Some(caller) = callers.first() else { return Ok(Some("503 5.5.1 no recipient".to_owned())) };
        Ok(Some(match self.take(caller, &mail).await {
            Ok(()) => "250 2.0.0 stored".to_owned(),
            Err(problem) => refusal(&problem, "554 5.6.0 no mail that can be read"),
        }))
    }

    async fn take(&self, caller: &Authenticated, mail: &[u8]) -> Result<(), Problem> {
        self.api.limits.check_key(Counting::Own, caller.0.key_id)?;
        let _share = self.api.gates.of_key(caller.0.key_id).await?;
        let id = super::uuid();
        let request = Request { method: "POST", path: "", query: &[], media_type: "message/rfc822", body: mail, id: &id };
        super::handle(self.api, caller, self.intake, &request, false).await.map(drop)
    }

    /// A line with its end; None where there is none any more. One that is too long comes in parts.
    async fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, async {
            loop {
                let read = self.stream.fill_buf().await?;
                if read.is_empty() {
                    return Ok::<bool, std::io::Error>(false);
                }
                let room = LINE_BYTES - line.len();
                let end = read.iter().take(room).position(|byte| *byte == b'\n');
                let count = end.map_or_else(|| read.len().min(room), |at| at + 1);
                line.extend_from_slice(&read[..count]);
                self.stream.consume(count);
                if end.is_some() || line.len() >= LINE_BYTES {
                    return Ok(true);
                }
            }
        });
        match ended.await {
            Ok(Ok(true)) => Ok(Some(line)),
            Ok(Ok(false)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                self.say("421 4.4.2 waited too long; goodbye").await?;
                Ok(None)
            }
        }
    }

    async fn say(&mut self, reply: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

/// The address of `FROM:<…>` or `TO:<…>`, without a route (`@a,@b:`).
fn address<'t>(rest: &'t str, keyword: &str) -> Option<&'t str> {
    let (given, rest) = rest.trim_start().split_at_checked(keyword.len())?;
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    let address = if address.starts_with('@') { address.split_once(':')?.1 } else { address };
    given.eq_ignore_ascii_case(keyword).then_some(address)
}

/// What is the mail's own fault is refused for good, everything else for now.
fn refusal(problem: &Problem, for_good: &str) -> String {
    let is_for_now = matches!(problem.kind, Kind::TooMany { .. } | Kind::Timeout) || problem.kind.status().is_server_error();
    if problem.source.is_some() {
        tracing::error!(error = problem.chain(), "a mail could not be stored");
    }
    if is_for_now { "451 4.3.0 cannot be taken now; come again".to_owned() } else { for_good.to_owned() }
}
