//! Tools that can do nothing but send a mail.

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;
use watchbell_tests::bed::Bed;
use watchbell_tests::broker::free_port;
use watchbell_tests::on_both;
use watchbell_tests::team::Person;

on_both!(a_mail_pages_once_and_one_of_its_thread_ends_the_alert, what_cannot_be_taken_is_answered_as_mail_servers_expect);

/// Anna, who gets an SMS for every alert, a key for tools, and the port that mails go to.
async fn anna_key_and_port(bed: &mut Bed) -> (Person, String, u16) {
    let port = free_port();
    bed.settings
        .set("INTAKE__MAIL__KIND", "email")
        .set("INTAKE__MAIL__DEFAULT_RESPONDERS", r#"["1"]"#)
        .set("INTAKE__MAIL__LISTEN", &format!("127.0.0.1:{port}"));
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": "tools", "role": "publisher" })).await.expect(201);
    (anna, made["key"].as_str().unwrap().to_owned(), port)
}

/// One session of a mail server that hands mails over.
struct Session(BufStream<TcpStream>);

impl Session {
    async fn open(port: u16) -> Self {
        let mut session = Self(BufStream::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap()));
        assert!(session.reply().await.starts_with("220 "));
        assert!(session.says("EHLO mx.example.org").await.starts_with("250 "));
        session
    }

    /// The last line of the reply to a command.
    async fn says(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        self.reply().await
    }

    async fn reply(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap() == 0 {
                return "closed".to_owned();
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    /// Hands over a mail, as it stands on the wire but for dots.
    async fn mail(&mut self, key: &str, mail: &str) -> String {
        assert_eq!(self.says("MAIL FROM:<nagios@example.org> SIZE=100 BODY=8BITMIME").await, "250 2.1.0 go on");
        assert_eq!(self.says(&format!("RCPT TO:<alerts+{key}@watchbell.example.org>")).await, "250 2.1.5 known");
        assert!(self.says("DATA").await.starts_with("354 "));
        let stuffed = mail.replace("\r\n.", "\r\n..");
        self.says(&format!("{stuffed}\r\n.")).await
    }
}

const STORED: &str = "250 2.0.0 stored";

async fn a_mail_pages_once_and_one_of_its_thread_ends_the_alert(bed: &mut Bed) {
    let (anna, key, port) = anna_key_and_port(bed).await;
    let mut session = Session::open(port).await;
    // An encoded subject, HTML alone, a line that begins with a dot.
    let fires = "From: Nagios <nagios@example.org>\r\nTo: alerts@watchbell.example.org\r\nMessage-ID: <1@example.org>\r\n\
         Subject: =?utf-8?B?RGlzayB2b2xsIGF1ZiDwn5SlIGRiLTE=?=\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <p>95&nbsp;% used</p>\r\n.hidden\r\n";
    assert_eq!(session.mail(&key, fires).await, STORED);
    // Its server did not hear the answer, and comes again.
    assert_eq!(session.mail(&key, fires).await, STORED);
    bed.quiet().await;
    bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone && sent.text.contains("Disk voll auf 🔥 db-1")).await;
    assert_eq!(bed.outbox().len(), 1);
    let open = "SELECT count(*) FROM alerts WHERE state = 'open'";
    assert_eq!(bed.database.number(open).await, 1);
    // What a program answers, and Watchbell's own mails, are no alerts.
    for header in ["Auto-Submitted: auto-replied (vacation)", "X-Watchbell-Delivery: 1"] {
        assert_eq!(session.mail(&key, &format!("{header}\r\nSubject: Out of office\r\n\r\nBack on Monday")).await, STORED);
    }
    let ends = "From: nagios@example.org\r\nMessage-ID: <2@example.org>\r\nReferences: <1@example.org> <1a@example.org>\r\n\
         Subject: Re: [RESOLVED] Disk voll\r\n\r\nAll is well\r\n> 95 % used\r\n";
    assert_eq!(session.mail(&key, ends).await, STORED);
    bed.quiet().await;
    assert_eq!((bed.database.number(open).await, bed.outbox().len()), (0, 1));
    assert_eq!(bed.database.number("SELECT count(*) FROM dead_letters").await, 0);
    assert_eq!(session.says("QUIT").await, "221 2.0.0 goodbye");
}

async fn what_cannot_be_taken_is_answered_as_mail_servers_expect(bed: &mut Bed) {
    bed.settings.set("HTTP__BODY_LIMIT_BYTES", "20000");
    let (anna, key, port) = anna_key_and_port(bed).await;
    let mut session = Session::open(port).await;
    let user = bed.api().post("/watchbell/v1/keys", &json!({ "name": "anna", "role": "user", "user": "1" })).await.expect(201);
    let table = [
        ("RCPT TO:<a+b@x>", "503"),
        ("MAIL FROM: nobody", "501"),
        ("MAIL FROM:<a@example.org> SIZE=20001", "552"),
        ("MAIL FROM:<>", "250"),
        ("DATA", "503"),
        ("RCPT TO:<alerts@watchbell.example.org>", "550 5.1.1"),
        ("RCPT TO:<alerts+wb_wrong@watchbell.example.org>", "550 5.7.1"),
        (&format!("RCPT TO:<alerts+{}@watchbell.example.org>", user["key"].as_str().unwrap()), "550 5.7.1"),
        ("NOOP", "250"),
        ("STARTTLS", "502"),
    ];
    for (command, reply) in table {
        let said = session.says(command).await;
        assert!(said.starts_with(reply), "{command}: {said}");
    }
    let mut session = Session::open(port).await;
    assert!(session.mail(&key, &format!("Subject: big\r\n\r\n{}", "x".repeat(30_000))).await.starts_with("552 "));
    assert!(session.mail(&key, "\r\n\r\n").await.starts_with("554 "));
    // A long line and no line end at all, in one of the size that may be.
    assert_eq!(session.mail(&key, &format!("Subject: long\r\n\r\n{}", "y".repeat(15_000))).await, STORED);
    bed.quiet().await;
    bed.outbox().expect(1, "SMS", |sent| sent.to == anna.phone && sent.text.contains("long")).await;
    assert_eq!(bed.outbox().len(), 1);
    // What is no mail is kept, and named.
    let letters = bed.api().get("/watchbell/v1/dead-letters").await.expect(200);
    assert_eq!((&letters["items"][0]["subject"], &letters["items"][1]), (&json!("watchbell.intake.mail"), &json!(null)), "{letters}");
    // Who guesses keys, or talks rubbish, is cut off.
    for _ in 0..9 {
        session.says("HELP").await;
    }
    assert!(session.says("HELP").await.starts_with("502 "));
    assert!(session.reply().await.starts_with("421 "));
    assert_eq!(session.reply().await, "closed");
    // And a mail server that went away in the middle of a mail left nothing.
    let mut session = Session::open(port).await;
    session.says("MAIL FROM:<a@example.org>").await;
    session.says(&format!("RCPT TO:<alerts+{key}@watchbell.example.org>")).await;
    session.says("DATA").await;
    session.0.write_all(b"Subject: half\r\n").await.unwrap();
    drop(session);
    bed.quiet().await;
    assert_eq!(bed.outbox().len(), 1);
}
