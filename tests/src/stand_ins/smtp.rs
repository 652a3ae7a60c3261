//! A mail relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use watchbell_core::Channel;

use super::script::{Act, Script, Then};
use super::{Outbox, SMTP_PASSWORD, SMTP_USER, Sent};
use crate::wait;

/// The stand-in; it ends with this value.
#[derive(Debug)]
pub struct SmtpStandIn {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    outbox: Outbox,
    script: Script,
    ids: AtomicU64,
}

impl SmtpStandIn {
    pub async fn start(outbox: Outbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { outbox, script: Script::default(), ids: AtomicU64::new(0) });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(Session { stream: BufReader::new(stream), shared: Arc::clone(&shared) }.run());
                }
            }
        });
        Self { port, shared, task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on does `act` to commands that contain `part` (such as `RCPT TO:<anna@`, or `.` for the end of a mail),
    /// `times` times.
    pub fn program(&self, part: &str, act: Act, times: usize) {
        self.shared.script.add(part, act, Some(times));
    }

    /// As [`SmtpStandIn::program`], for ever.
    pub fn program_always(&self, part: &str, act: Act) {
        self.shared.script.add(part, act, None);
    }

    /// Answers as a good relay would again.
    pub fn behave(&self) {
        self.shared.script.clear();
    }
}

impl Drop for SmtpStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
}

impl Session {
    async fn run(mut self) {
        let _ = self.stream.get_ref().set_nodelay(true);
        if self.say("220 mail.example.org").await.is_none() {
            return;
        }
        let (mut is_known, mut recipients) = (false, Vec::new());
        while let Some(command) = self.line().await {
            let word = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            if word == "DATA" {
                if self.take_mail(is_known, &recipients).await.is_none() {
                    return;
                }
                continue;
            }
            let is_good = word != "AUTH" || is_login(&command);
            let usual = match word.as_str() {
                "EHLO" => "250-mail.example.org\r\n250-8BITMIME\r\n250 AUTH PLAIN",
                "AUTH" if is_good => "235 2.7.0 welcome",
                "AUTH" => "535 5.7.8 no such login",
                "QUIT" => "221 2.0.0 bye",
                "MAIL" if !is_known => "530 5.7.0 log in first",
                _ => "250 2.0.0 ok",
            };
            let Some(said) = self.act(&command, usual).await else { return };
            match word.as_str() {
                "AUTH" => is_known = is_good,
                "MAIL" | "RSET" => recipients.clear(),
                "RCPT" if said.starts_with('2') => recipients.push(mailbox(&command)),
                "QUIT" => return,
                _ => {}
            }
        }
    }

    /// From DATA to the answer after the final dot; None when the connection has ended.
    async fn take_mail(&mut self, is_known: bool, recipients: &[String]) -> Option<()> {
        if !self.act("DATA", "354 go ahead").await?.starts_with('3') {
            return Some(());
        }
        let mut mail = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            // A leading dot was doubled.
            mail.push_str(line.strip_prefix('.').unwrap_or(&line));
            mail.push_str("\r\n");
        }
        let act = self.shared.script.next(".");
        let accepted = is_known
            && match &act.then {
                Then::Usual | Then::Silence => true,
                Then::Answer(status, ..) => *status < 300,
                Then::Close | Then::HalfClose => false,
            };
        for to in recipients {
            self.shared.outbox.add(Sent {
                at: wait::now(),
                channel: Channel::Email,
                to: to.clone(),
                text: decoded(&mail),
                authorized: is_known,
                accepted,
                delivery: delivery(&mail),
            });
        }
        let id = self.shared.ids.fetch_add(1, Ordering::SeqCst) + 1;
        self.follow(act, &format!("250 2.0.0 Ok: queued as E2E{id}")).await.map(drop)
    }

    /// Answers a command; what was said, or None when the connection has ended.
    async fn act(&mut self, command: &str, usual: &str) -> Option<String> {
        let act = self.shared.script.next(command);
        self.follow(act, usual).await
    }

    async fn follow(&mut self, act: Act, usual: &str) -> Option<String> {
        if !act.after.is_zero() {
            wait::pause(act.after).await;
        }
        let reply = match act.then {
            Then::Usual => usual.to_owned(),
            Then::Answer(code, _, text) => format!("{code} {text}"),
            Then::Close | Then::HalfClose => return None,
            Then::Silence => {
                let _ = self.stream.read(&mut [0; 1]).await;
                return None;
            }
        };
        self.say(&reply).await?;
        Some(reply)
    }

    async fn say(&mut self, reply: &str) -> Option<()> {
        self.stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await.ok()
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).await.ok()?;
        (read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn is_login(command: &str) -> bool {
    command.rsplit(' ').next() == Some(&STANDARD.encode(format!("\0{SMTP_USER}\0{SMTP_PASSWORD}")))
}

/// `anna@example.org` of `RCPT TO:<anna@example.org>`.
fn mailbox(command: &str) -> String {
    command.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or_else(String::new, |(address, _)| address.to_owned())
}

/// Watchbell's own id, which is the first part of the Message-ID.
fn delivery(mail: &str) -> Option<String> {
    let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: <"))?;
    Some(id.split('@').next()?.to_owned())
}

/// The mail with quoted-printable undone, which is all that lettre encodes of ASCII texts.
fn decoded(mail: &str) -> String {
    let joined = mail.replace("=\r\n", "");
    let mut text = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'=').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            text.push(byte);
            rest = &after[2..];
        } else {
            text.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
