//! Every way to log in, and TLS.

use watchbell_core::Secret;
use watchbell_ingest::NatsSettings;

use crate::harness::{Running, alert, settings, until};
use crate::jwt::tenancy;
use crate::server::NatsServer;

/// What the server logs about a wrong login.
const REFUSED: &str = "authentication error";

/// Sends an event through the connection itself, and waits for it.
async fn works(settings: &NatsSettings) {
    let running = Running::start(settings).await;
    until("a connection", || async { running.connection.is_connected() }).await;
    let context = async_nats::jetstream::new(running.connection.client().clone());
    until("the stream to take an event", || async {
        match context.publish("watchbell.events.alert", alert("A1").into()).await {
            Ok(taken) => taken.await.is_ok(),
            Err(_) => false,
        }
    })
    .await;
    running.sink.accepted(1).await;
    running.stop().await;
}

/// Tries until it was refused twice more, as the server's log says.
async fn is_refused(server: &NatsServer, words: &str, settings: &NatsSettings) {
    let before = server.count(words);
    let running = Running::start(settings).await;
    server.logged(words, before + 2).await;
    assert!(!running.connection.is_connected());
    running.stop().await;
}

#[tokio::test]
async fn user_and_password() {
    let server = NatsServer::with_config(|_| r#"authorization { user: me, password: "s3cret" }"#.to_owned()).await;
    let settings = settings(&server);
    works(&NatsSettings { user: "me".to_owned(), password: Secret::new("s3cret"), ..settings.clone() }).await;
    works(&NatsSettings { url: format!("nats://me:s3cr%65t@127.0.0.1:{}", server.port), ..settings.clone() }).await;
    is_refused(&server, REFUSED, &NatsSettings { user: "me".to_owned(), password: Secret::new("wrong"), ..settings.clone() }).await;
    is_refused(&server, REFUSED, &settings).await;
}

#[tokio::test]
async fn token() {
    let server = NatsServer::with_config(|_| r#"authorization { token: "t0ken" }"#.to_owned()).await;
    let settings = settings(&server);
    works(&NatsSettings { token: Secret::new("t0ken"), ..settings.clone() }).await;
    is_refused(&server, REFUSED, &NatsSettings { token: Secret::new("other"), ..settings }).await;
}

#[tokio::test]
async fn nkey() {
    let key = nkeys::KeyPair::new_user();
    let server = NatsServer::with_config(|_| format!("authorization {{ users: [ {{ nkey: {} }} ] }}", key.public_key())).await;
    let settings = settings(&server);
    works(&NatsSettings { nkey: Secret::new(key.seed().unwrap()), ..settings.clone() }).await;
    is_refused(&server, REFUSED, &NatsSettings { nkey: Secret::new(nkeys::KeyPair::new_user().seed().unwrap()), ..settings }).await;
}

#[tokio::test]
async fn credentials() {
    let tenancy = tenancy();
    let server = NatsServer::with_config(|_| tenancy.config).await;
    let settings = settings(&server);
    works(&NatsSettings { creds: Secret::new(tenancy.creds), ..settings.clone() }).await;
    is_refused(&server, REFUSED, &settings).await;
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let authority = rcgen::Issuer::new(
        {
            let mut params = rcgen::CertificateParams::default();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params
        },
        rcgen::KeyPair::generate().unwrap(),
    );
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let ca = tempfile::NamedTempFile::new().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(ca.path(), params.self_signed(authority.key()).unwrap().pem()).unwrap();
    let server = NatsServer::with_config(|dir| {
        std::fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        format!("tls {{ cert_file: {:?}, key_file: {:?} }}", dir.join("cert.pem"), dir.join("key.pem"))
    })
    .await;
    let settings = NatsSettings { tls_required: true, ..settings(&server) };
    works(&NatsSettings { tls_ca_file: Some(ca.path().to_owned()), ..settings.clone() }).await;
    works(&NatsSettings {
        tls_ca_file: Some(ca.path().to_owned()),
        tls_required: false,
        url: format!("tls://localhost:{}", server.port),
        ..settings.clone()
    })
    .await;
    // The public authorities do not know this one.
    is_refused(&server, "TLS handshake error", &settings).await;
}
