#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use watchbell_core::outcome::Class;

use super::*;
use crate::kinds::stand_in::{Act, StandIn, at, common};

fn client(ca_file: Option<std::path::PathBuf>) -> Http {
    Http::new(&CommonSettings { ca_file, ..common(false) }).unwrap()
}

async fn post(url: &str) -> Result<Answer, Report> {
    post_with(&common(false), url).await
}

async fn post_with(common: &CommonSettings, url: &str) -> Result<Answer, Report> {
    let http = Http::new(common).unwrap();
    http.call(http.post(&Url::parse(url).unwrap()).body("x".repeat(2_000))).await
}

/// The class and code of a call that failed on the way.
async fn fails(act: Act) -> (Class, String) {
    let service = StandIn::start([act]).await;
    let report = post_with(&service.common(), &service.url).await.unwrap_err();
    (report.outcome.class(), report.code.unwrap())
}

#[tokio::test]
async fn what_was_not_sent_is_tried_again_and_what_may_have_been_is_unknown() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = post(&format!("http://{unused}/")).await.unwrap_err();
    assert_eq!(refused, Report::retry("connect".to_owned()));
    let no_name = post("http://no-such-host.invalid/").await.unwrap_err();
    assert_eq!(no_name, Report::retry("connect".to_owned()));

    assert_eq!(fails(Act::CloseUnread).await, (Class::Unknown, "broken_connection".to_owned()));
    assert_eq!(fails(Act::HalfClose).await, (Class::Unknown, "broken_connection".to_owned()));
    assert_eq!(fails(Act::Silent).await, (Class::Unknown, "timeout".to_owned()));
    assert_eq!(fails(Act::Raw("SSH-2.0-OpenSSH_9.2\r\n")).await, (Class::Unknown, "broken_connection".to_owned()));
    assert_eq!(fails(Act::Raw("HTTP/1.1 201 Created\r\nContent-Le")).await, (Class::Unknown, "broken_connection".to_owned()));
    // Taken, it seems; but its answer breaks off.
    assert_eq!(fails(Act::Raw("HTTP/1.1 201 Created\r\nContent-Length: 90\r\n\r\n{")).await, (Class::Unknown, "broken_answer".to_owned()));
    assert_eq!(fails(Act::Answer(201, "", "x".repeat(LARGEST_BODY + 1))).await, (Class::Unknown, "long_answer".to_owned()));
}

#[tokio::test]
async fn a_refusal_stands_even_if_its_text_breaks_off() {
    let service = StandIn::start([Act::Raw("HTTP/1.1 400 Bad\r\nContent-Length: 90\r\n\r\n{\"co")]).await;
    let answer = post(&service.url).await.unwrap();
    assert_eq!((answer.status, answer.body), (400, b"{\"co".to_vec()));
    let service = StandIn::start([Act::Answer(500, "", "x".repeat(LARGEST_BODY + 1))]).await;
    assert_eq!(post(&service.url).await.unwrap().status, 500);
}

#[tokio::test]
async fn redirections_are_not_followed() {
    let service = StandIn::start([Act::Answer(302, "Location: /other\r\n", String::new())]).await;
    let answer = post(&service.url).await.unwrap();
    assert_eq!(by_status(&answer, at("2026-11-20T08:00:00Z")).outcome, Outcome::ProviderDown);
    service.only();
}

/// A server that answers each connection's first request with 204: its URL, and a file with its certificate.
async fn tls_service(folder: &tempfile::TempDir) -> (Url, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let acceptor = crate::kinds::stand_in::tls_acceptor(&made);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    (Url::parse(&format!("https://localhost:{port}/")).unwrap(), ca_file)
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_a_failure_to_connect_and_one_s_own_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (url, ca_file) = tls_service(&folder).await;
    let strict = client(None);
    assert_eq!(strict.call(strict.post(&url)).await.unwrap_err(), Report::retry("connect".to_owned()));
    let trusting = client(Some(ca_file));
    assert_eq!(trusting.call(trusting.post(&url)).await.unwrap().status, 204);
    // Says nothing that TLS knows, until connecting has taken too long: nothing was sent.
    let plain = StandIn::start([Act::Raw("220 mail\r\n")]).await;
    let report = post_with(&common(true), &plain.url.replace("http:", "https:")).await.unwrap_err();
    assert_eq!(report, Report::retry("connect".to_owned()));
}

#[tokio::test]
async fn https_goes_through_the_proxy_and_plain_http_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (url, ca_file) = tls_service(&folder).await;
    let server = format!("localhost:{}", url.port().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://user:word@{}", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = near.read(&mut request).await.unwrap();
        near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut far = tokio::net::TcpStream::connect(server).await.unwrap();
        // Ends with the connection, however the client ends it.
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        String::from_utf8(request[..read].to_vec()).unwrap()
    });
    let common = CommonSettings { ca_file: Some(ca_file), ..common(false) };
    let matcher = Matcher::builder().http(proxy.clone()).https(proxy).build();
    let connector = Connector::open(matcher, tls::client_config(common.ca_file.as_deref()).unwrap(), connect_within(&common));
    let http = Http::with(&common, connector, &mut builder());
    assert_eq!(http.call(http.post(&url)).await.unwrap().status, 204);
    let plain = StandIn::start([Act::Answer(200, "", String::new())]).await;
    assert_eq!(http.call(http.post(&plain.base())).await.unwrap().status, 200);
    drop(http);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", url.port().unwrap())), "{asked}");
    // user:word
    assert!(asked.to_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk"), "{asked}");
}

#[tokio::test]
async fn a_url_s_user_and_password_become_a_header() {
    let service = StandIn::start([Act::Answer(200, "", String::new())]).await;
    let mut url = service.base().join("/hook?a=b#c").unwrap();
    url.set_username("an:na").unwrap();
    url.set_password(Some("s3cret")).unwrap();
    let http = client(None);
    assert_eq!(http.call(http.post(&url)).await.unwrap().status, 200);
    let seen = service.only();
    assert_eq!(seen.line, "POST /hook?a=b HTTP/1.1");
    // an:na:s3cret
    assert!(seen.headers.contains("authorization: Basic YW46bmE6czNjcmV0"), "{}", seen.headers);
    assert!(!seen.headers.contains('@'), "{}", seen.headers);
}

#[tokio::test]
async fn what_is_no_header_is_not_called() {
    let http = client(None);
    let request = http.post(&Url::parse("http://127.0.0.1:1/").unwrap()).bearer_auth("two\nlines");
    assert_eq!(http.call(request).await.unwrap_err(), Report::new(Outcome::BadMessage, "request".to_owned()));
}

#[test]
fn a_ca_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for file in [empty, folder.path().join("none.pem")] {
        let error = tls::client_config(Some(&file)).unwrap_err();
        assert_eq!((error.key.as_str(), error.value.as_deref()), ("ca_file", file.to_str()));
    }
}

#[test]
fn callbacks_keep_the_public_url_s_path() {
    let url = callback("https://bell.example.org/wb/", &["twilio/ä", "gather"], "01&A");
    assert_eq!(url, "https://bell.example.org/wb/callbacks/twilio%2F%C3%A4/gather?delivery=01%26A");
    assert_eq!(Url::parse(&url).unwrap().as_str(), url);
}

#[tokio::test]
async fn connections_are_used_again() {
    let service = StandIn::start([Act::Answer(200, "", String::new()), Act::Answer(200, "", String::new())]).await;
    let http = Arc::new(client(None));
    for _ in 0..2 {
        assert_eq!(http.call(http.post(&service.base())).await.unwrap().status, 200);
    }
    assert_eq!(service.seen().len(), 2);
    assert_eq!(service.connections(), 1);
}

/// Says no as soon as it is asked; until then it is sure of nothing.
struct Closed;

#[async_trait::async_trait]
impl crate::gate::Gatekeeper for Closed {
    fn is_sure(&self) -> bool {
        false
    }

    async fn ask(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_not_wanted_any_more_when_the_connection_stands_is_not_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let acceptor = crate::kinds::stand_in::tls_acceptor(&made);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("https://localhost:{}/", listener.local_addr().unwrap().port())).unwrap();
    let http = client(Some(ca_file));
    let mut message = crate::kinds::stand_in::outgoing(watchbell_core::Channel::Sms, crate::provider::Address::Phone(String::new()));
    message.gate = Gate::kept_by(Arc::new(Closed));
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut all = Vec::new();
        // The client closes without a word.
        let _ = stream.read_to_end(&mut all).await;
        String::from_utf8(all).unwrap()
    };
    let (report, read) = tokio::join!(http.hand_over(&message, http.post(&url).body("the message")), server);
    assert!(report.is_err());
    assert!(!read.contains("the message"), "{read}");
    // What is wanted goes at once, in one piece with its head.
    let service = StandIn::start([Act::Answer(200, "", String::new())]).await;
    message.gate = Gate::default();
    assert_eq!(http.hand_over(&message, http.post(&service.base()).body("the message")).await.unwrap().status, 200);
    assert_eq!(service.only().body, "the message");
}
