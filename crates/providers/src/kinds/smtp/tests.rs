#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use watchbell_core::ManualClock;
use watchbell_core::outcome::LimitScope;

use super::*;
use crate::kinds::stand_in::{at, common, outgoing, tls_acceptor};

/// What the server says to a command; those that are not listed are answered as a good server does.
#[derive(Clone, Copy)]
enum Say {
    Reply(&'static str),
    /// As it is: whatever text, whatever line ends.
    Raw(&'static [u8]),
    /// Closes instead of answering.
    Close,
    Silent,
}

type Script = Arc<Mutex<Vec<(&'static str, Say)>>>;

struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    ca_file: tempfile::NamedTempFile,
    script: Script,
}

impl Server {
    /// Each entry of the script is used once, by the first command that begins with it. `GREET` and `.` are commands too.
    async fn start(tls: Tls, script: &[(&'static str, Say)]) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), made.cert.pem()).unwrap();
        let acceptor = tls_acceptor(&made);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script: Script = Arc::new(Mutex::new(script.to_vec()));
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, seen: Arc::default(), connections: Arc::default(), ca_file, script: Arc::clone(&script) };
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                let (script, seen, acceptor) = (Arc::clone(&script), Arc::clone(&seen), acceptor.clone());
                tokio::spawn(async move {
                    if tls == Tls::Implicit {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        serve(stream, true, &script, &seen, false).await;
                    } else if let Some(stream) = serve(stream, true, &script, &seen, tls == Tls::Starttls).await {
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        serve(stream, false, &script, &seen, false).await;
                    }
                });
            }
        });
        server
    }

    fn settings(&self, tls: Tls) -> Settings {
        Settings {
            host: "localhost".to_owned(),
            port: Some(self.port),
            tls,
            username: None,
            password: Secret::default(),
            from: "Watchbell <bell@example.org>".to_owned(),
        }
    }

    fn provider(&self, settings: &Settings, clock: &ManualClock) -> Arc<dyn Provider> {
        let is_silent = self.script.lock().unwrap().iter().any(|(_, say)| matches!(say, Say::Silent));
        let common = CommonSettings { ca_file: Some(self.ca_file.path().to_owned()), ..common(is_silent) };
        settings.check(&common).unwrap();
        settings.build("smtp", &common, Arc::new(clock.clone())).unwrap()
    }

    async fn send(&self, settings: &Settings) -> Report {
        let message = to("anna@example.org");
        self.provider(settings, &ManualClock::new(message.now)).send(&message).await
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The mail that came last.
    fn mail(&self) -> String {
        self.seen().iter().rev().find(|seen| seen.contains("Subject")).unwrap().clone()
    }
}

/// Speaks until the other side is gone; answers with the stream when STARTTLS has been agreed.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    greet: bool,
    script: &Script,
    seen: &Mutex<Vec<String>>,
    offers_tls: bool,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    let say = |command: &str| {
        let mut script = script.lock().unwrap();
        let position = script.iter().position(|(begins, _)| command.starts_with(begins));
        position.map(|position| script.remove(position).1)
    };
    let mut command = if greet { "GREET".to_owned() } else { String::new() };
    loop {
        if !command.is_empty() {
            seen.lock().unwrap().push(command.clone());
            let usual = match command.split(' ').next().unwrap_or_default() {
                "GREET" => "220 mail.example.org",
                "EHLO" if offers_tls => "250-mail\r\n250-STARTTLS\r\n250 8BITMIME",
                "EHLO" => "250-mail\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME",
                "STARTTLS" => "220 go",
                "AUTH" => "235 2.7.0 ok",
                "DATA" => "354 go",
                "QUIT" => "221 bye",
                "." => "250 2.0.0 Ok: queued as 4bXyz",
                _ => "250 2.1.0 ok",
            };
            let reply = match say(&command) {
                None => format!("{usual}\r\n").into_bytes(),
                Some(Say::Reply(reply)) => format!("{reply}\r\n").into_bytes(),
                Some(Say::Raw(reply)) => reply.to_vec(),
                Some(Say::Close) => return None,
                Some(Say::Silent) => std::future::pending().await,
            };
            stream.write_all(&reply).await.ok()?;
            stream.flush().await.ok()?;
            if command == "STARTTLS" && reply.starts_with(b"220") {
                return Some(stream.into_inner());
            }
            if reply.starts_with(b"354") {
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut mail).await.ok()? == 0 {
                        return None;
                    }
                }
                seen.lock().unwrap().push(mail);
                command = ".".to_owned();
                continue;
            }
        }
        command.clear();
        if stream.read_line(&mut command).await.ok()? == 0 {
            return None;
        }
        command.truncate(command.trim_end().len());
    }
}

fn to(address: &str) -> Outgoing {
    outgoing(Channel::Email, Address::Email(address.to_owned()))
}

fn accepted() -> Report {
    Report::accepted("4bXyz".to_owned())
}

#[tokio::test]
async fn a_mail_with_all_its_headers() {
    let server = Server::start(Tls::None, &[]).await;
    assert_eq!(server.send(&server.settings(Tls::None)).await, accepted());
    let seen = server.seen();
    assert_eq!(seen[1..5], ["EHLO example.org", "MAIL FROM:<bell@example.org>", "RCPT TO:<anna@example.org>", "DATA"]);
    let mail = server.mail();
    for header in [
        "From: Watchbell <bell@example.org>\r\n",
        "To: anna@example.org\r\n",
        "Subject: [HIGH] Disk full on db-1\r\n",
        "Date: Fri, 20 Nov 2026 08:00:00 +0000\r\n",
        "Message-ID: <01KAFX8M00ABCDEFGHJKMNPQRS@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Importance: high\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
    ] {
        assert!(mail.contains(header), "{header} in {mail}");
    }
    let thread = |name: &str| mail.lines().find(|line| line.starts_with(name)).unwrap().split_once(": ").unwrap().1.to_owned();
    assert_eq!(thread("In-Reply-To"), thread("References"));
    assert!(thread("References").starts_with("<thread.") && thread("References").ends_with("@example.org>"));
}

#[tokio::test]
async fn texts_and_addresses_cannot_add_headers() {
    let server = Server::start(Tls::None, &[]).await;
    let clock = ManualClock::new(at("2026-11-20T08:00:00Z"));
    let provider = server.provider(&server.settings(Tls::None), &clock);
    let mut message = to("anna@example.org");
    message.content.subject = "Disk\r\nBcc: eve@example.org\r\n\r\nfull ä".to_owned();
    message.content.text = "one\r\n.\r\nMAIL FROM:<eve@example.org>\r\n".into();
    assert_eq!(provider.send(&message).await, accepted());
    assert!(!server.mail().contains("\r\nBcc"));
    assert_eq!(server.seen().iter().filter(|seen| seen.starts_with("MAIL")).count(), 1);
    for address in ["anna@example.org\r\nRCPT TO:<eve@example.org>", "anna", "anna@", "<anna>@example.org", "a b@example.org"] {
        assert_eq!(provider.send(&to(address)).await.outcome, Outcome::BadAddress, "{address}");
    }
    // The domain goes in its ASCII form.
    assert_eq!(provider.send(&to("anna@münchen.example")).await, accepted());
    assert!(server.seen().iter().any(|seen| seen == "RCPT TO:<anna@xn--mnchen-3ya.example>"));
    // A server that does not know SMTPUTF8 is not asked to take such a name.
    assert_eq!(provider.send(&to("änna@example.org")).await, Report::new(Outcome::BadMessage, "unsupported".to_owned()));
}

#[tokio::test]
async fn with_starttls_and_with_tls_from_the_start() {
    for tls in [Tls::Starttls, Tls::Implicit] {
        let server = Server::start(tls, &[]).await;
        let mut settings = server.settings(tls);
        settings.username = Some("bell".to_owned());
        settings.password = Secret::new("s3cret");
        assert_eq!(server.send(&settings).await, accepted());
        // \0bell\0s3cret
        assert!(server.seen().iter().any(|seen| seen == "AUTH PLAIN AGJlbGwAczNjcmV0"), "{:?}", server.seen());
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_and_a_server_without_starttls_get_no_mail() {
    for tls in [Tls::Starttls, Tls::Implicit] {
        let server = Server::start(tls, &[]).await;
        let clock = Arc::new(ManualClock::new(at("2026-11-20T08:00:00Z")));
        let provider = server.settings(tls).build("smtp", &common(false), clock).unwrap();
        assert_eq!(provider.send(&to("anna@example.org")).await.outcome, Report::retry(None).outcome, "{tls:?}");
        assert!(server.seen().iter().all(|seen| !seen.starts_with("MAIL")));
    }
    let server = Server::start(Tls::None, &[]).await;
    let report = server.send(&server.settings(Tls::Starttls)).await;
    assert_eq!(report, Report::new(Outcome::ProviderDown, "unsupported".to_owned()));
}

#[tokio::test]
async fn every_stage_can_fail() {
    use Say::{Close, Reply, Silent};
    let retry = |code: &str| Report::retry(code.to_owned());
    let provider = |code: &str| Report::new(Outcome::Retry { after: None, scope: LimitScope::Provider }, code.to_owned());
    let report = |outcome, code: &str| Report::new(outcome, code.to_owned());
    let table = [
        ("GREET", Close, retry("broken_connection")),
        ("GREET", Silent, retry("timeout")),
        ("GREET", Reply("hello, this is no mail server"), retry("broken_connection")),
        ("GREET", Reply("421 too many connections"), retry("421")),
        ("GREET", Reply("554 no service"), report(Outcome::ProviderDown, "554")),
        ("AUTH", Reply("535 5.7.8 no"), report(Outcome::ProviderDown, "535")),
        ("AUTH", Reply("454 4.7.0 later"), provider("454")),
        ("MAIL", Close, retry("broken_connection")),
        ("MAIL", Reply("550 sender refused"), report(Outcome::BadMessage, "550")),
        ("RCPT", Reply("550 5.1.1 no such user"), report(Outcome::BadAddress, "550")),
        ("RCPT", Reply("550 5.7.1 relaying denied"), report(Outcome::BadRoute, "550")),
        ("RCPT", Reply("450 4.2.0 greylisted"), retry("450")),
        ("RCPT", Silent, retry("timeout")),
        ("DATA", Close, retry("broken_connection")),
        (".", Reply("552 5.3.4 too large"), report(Outcome::BadMessage, "552")),
        (".", Reply("451 4.3.0 later"), retry("451")),
        (".", Close, report(Outcome::Unknown, "broken_connection")),
        (".", Silent, report(Outcome::Unknown, "timeout")),
        (".", Reply("what?"), report(Outcome::Unknown, "broken_connection")),
    ];
    for (command, say, expected) in table {
        let server = Server::start(Tls::None, &[(command, say)]).await;
        let mut settings = server.settings(Tls::None);
        settings.username = Some("bell".to_owned());
        settings.password = Secret::new("s3cret");
        assert_eq!(server.send(&settings).await, expected, "{command}");
    }
    let server = Server::start(Tls::None, &[]).await;
    let settings = Settings { port: Some(1), ..server.settings(Tls::None) };
    assert_eq!(server.send(&settings).await, retry("connect"));
}

/// What a relay says in its own words and encoding is said; only the code counts.
#[tokio::test]
async fn answers_that_are_no_utf_8_are_answers() {
    let report = |outcome, code: &str| Report::new(outcome, code.to_owned());
    let table: [(&'static str, &'static [u8], Report); 16] = [
        ("GREET", b"220 Gr\xfc\xdf Gott\r\n", accepted()),
        ("EHLO", b"250-gr\xfc\xdfe\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n", accepted()),
        ("EHLO", b"250-mail\n250-AUTH=LOGIN PLAIN\n250 8BITMIME\n", accepted()),
        ("AUTH", b"235 erledigt \xe4\r\n", accepted()),
        ("AUTH", b"535 Kennwort ung\xfcltig\r\n", report(Outcome::ProviderDown, "535")),
        ("RCPT", b"250 Empf\xe4nger ok\r\n", accepted()),
        ("RCPT", b"550 5.1.1 Empf\xe4nger unbekannt\r\n", report(Outcome::BadAddress, "550")),
        ("RCPT", b"450 sp\xe4ter\r\n", Report::retry("450".to_owned())),
        ("DATA", b"354 los \xe4\r\n", accepted()),
        (".", b"250 2.0.0 \xfcbernommen, queued as 4bXyz\r\n", accepted()),
        (".", b"250-\xfcbernommen\r\n250 ok\r\n", Report::accepted(None)),
        (".", b"550 \xfcberfl\xfcssig\r\n", report(Outcome::BadMessage, "550")),
        (".", b"250-ok so far\r\n552 doch nicht \xe4\r\n", report(Outcome::BadMessage, "552")),
        // The server may have taken it.
        (".", b"\xfcbernommen\r\n", report(Outcome::Unknown, "broken_connection")),
        (".", b"354 \xfc\r\n", report(Outcome::Unknown, "unexpected_reply")),
        ("DATA", b"250 \xfc\r\n", Report::retry("unexpected_reply".to_owned())),
    ];
    for (command, answer, expected) in table {
        let server = Server::start(Tls::None, &[(command, Say::Raw(answer))]).await;
        let settings = Settings { username: Some("bell".to_owned()), password: Secret::new("s3cret"), ..server.settings(Tls::None) };
        assert_eq!(server.send(&settings).await, expected, "{command} {}", answer.escape_ascii());
        let mails = server.seen().iter().filter(|seen| seen.contains("Subject")).count();
        assert!(mails <= 1, "one mail, whatever was answered");
    }
}

#[tokio::test]
async fn a_login_in_two_steps_and_one_that_nobody_offers() {
    let ehlo = Say::Reply("250-mail\r\n250 AUTH CRAM-MD5 LOGIN");
    let script = [("EHLO", ehlo), ("AUTH", Say::Reply("334 VXNlcm5hbWU6")), ("YmVsbA==", Say::Reply("334 UGFzc3dvcmQ6"))];
    for (script, expected) in [
        (&script[..], accepted()),
        (&[("EHLO", Say::Reply("250-mail\r\n250 AUTH CRAM-MD5"))], Report::new(Outcome::ProviderDown, "unsupported".to_owned())),
    ] {
        let server = Server::start(Tls::None, script).await;
        let settings = Settings { username: Some("bell".to_owned()), password: Secret::new("s3cret"), ..server.settings(Tls::None) };
        assert_eq!(server.send(&settings).await, expected);
    }
}

#[tokio::test]
async fn connections_are_kept_and_replaced_when_the_server_has_closed_them() {
    let server = Server::start(Tls::None, &[]).await;
    let clock = ManualClock::new(at("2026-11-20T08:00:00Z"));
    let provider = server.provider(&server.settings(Tls::None), &clock);
    let message = to("anna@example.org");
    assert_eq!(provider.send(&message).await, accepted());
    assert_eq!(provider.send(&message).await, accepted());
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);

    // After a refusal the connection is cleared and goes on.
    let server = Server::start(Tls::None, &[("RCPT", Say::Reply("550 5.1.1 no"))]).await;
    let provider = server.provider(&server.settings(Tls::None), &clock);
    assert_eq!(provider.send(&message).await.outcome, Outcome::BadAddress);
    assert_eq!(provider.send(&message).await, accepted());
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    assert!(server.seen().contains(&"RSET".to_owned()));
}

#[tokio::test]
async fn a_kept_connection_that_has_gone_costs_no_try() {
    for farewell in [Say::Close, Say::Reply("421 idle for too long")] {
        let server = Server::start(Tls::None, &[]).await;
        let clock = ManualClock::new(at("2026-11-20T08:00:00Z"));
        let provider = server.provider(&server.settings(Tls::None), &clock);
        let message = to("anna@example.org");
        assert_eq!(provider.send(&message).await, accepted());
        server.script.lock().unwrap().push(("MAIL", farewell));
        assert_eq!(provider.send(&message).await, accepted());
        assert_eq!(server.connections.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn old_connections_are_closed() {
    let server = Server::start(Tls::None, &[]).await;
    let clock = ManualClock::new(at("2026-11-20T08:00:00Z"));
    let provider = server.provider(&server.settings(Tls::None), &clock);
    assert_eq!(provider.send(&to("anna@example.org")).await, accepted());
    clock.advance(Duration::from_secs(45));
    let said_goodbye = async {
        while !server.seen().contains(&"QUIT".to_owned()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), said_goodbye).await.unwrap();
    assert_eq!(provider.send(&to("anna@example.org")).await, accepted());
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[test]
fn settings_are_checked() {
    let check = |change: fn(&mut Settings)| {
        let mut settings = Settings {
            host: "mail.example.org".to_owned(),
            port: None,
            tls: Tls::Starttls,
            username: None,
            password: Secret::default(),
            from: "bell@example.org".to_owned(),
        };
        change(&mut settings);
        settings.check(&CommonSettings::default()).map_err(|error| error.key)
    };
    assert_eq!(check(|_| {}), Ok(()));
    assert_eq!(check(|s| s.host = "smtp://mail".to_owned()), Err("host".to_owned()));
    assert_eq!(check(|s| s.from = "Watchbell".to_owned()), Err("from".to_owned()));
    assert_eq!(check(|s| s.username = Some("u".to_owned())), Err("password".to_owned()));
    assert_eq!(check(|s| s.password = Secret::new("p")), Err("username".to_owned()));
    assert_eq!(check(|s| s.port = Some(0)), Err("port".to_owned()));
}
