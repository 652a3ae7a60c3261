//! As with the real service: TLS with a chain of its own, on which HTTP/2 is agreed by ALPN.

use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;

/// An authority, its certificate in a PEM file, and a server's TLS under it that offers those protocols.
struct Authority {
    folder: tempfile::TempDir,
    acceptor: TlsAcceptor,
}

impl Authority {
    fn new(protocols: &[&str]) -> Self {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = rcgen::Issuer::new(params, key);
        let server = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&server, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(server.serialize_der()).into())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { folder, acceptor: Arc::new(config).into() }
    }

    fn common(&self) -> CommonSettings {
        CommonSettings { ca_file: Some(self.folder.path().join("ca.pem")), ..common(false) }
    }
}

async fn send_to(apple: &Apple, common: &CommonSettings, messages: usize) -> Vec<Report> {
    let message = to_device();
    let clock = Arc::new(ManualClock::new(message.now));
    let provider = settings(&apple.url).build("apns", common, clock).unwrap();
    let mut reports = Vec::new();
    for _ in 0..messages {
        reports.push(provider.send(&message).await);
    }
    reports
}

#[tokio::test]
async fn http2_is_agreed_by_alpn_and_one_connection_carries_all() {
    // The real service offers no more than h2; a proxy in between may offer both.
    for protocols in [&["h2"][..], &["http/1.1", "h2"]] {
        let authority = Authority::new(protocols);
        let apple = apple_behind(&[(200, ""), (410, "Unregistered")], Some(authority.acceptor.clone())).await;
        let reports = send_to(&apple, &authority.common(), 2).await;
        assert!(matches!(reports[0].outcome, Outcome::Accepted { .. }), "{protocols:?} {reports:?}");
        assert_eq!(reports[1].outcome, Outcome::BadAddress, "{protocols:?}");
        assert_eq!(*apple.connections.lock().unwrap(), 1);
        assert_eq!(*apple.agreed.lock().unwrap(), [Some(b"h2".to_vec())]);
        assert_eq!(apple.seen.lock().unwrap()[0].path, format!("/3/device/{DEVICE}"));
    }
}

#[tokio::test]
async fn a_stranger_s_certificate_or_another_protocol_is_a_failure_to_connect() {
    let authority = Authority::new(&["h2"]);
    let apple = apple_behind(&[], Some(authority.acceptor.clone())).await;
    for common in [common(false), Authority::new(&["h2"]).common()] {
        assert_eq!(send_to(&apple, &common, 1).await, [Report::retry("connect".to_owned())]);
    }
    let old = Authority::new(&["http/1.1"]);
    let apple = apple_behind(&[], Some(old.acceptor.clone())).await;
    assert_eq!(send_to(&apple, &old.common(), 1).await, [Report::retry("connect".to_owned())]);
    assert!(apple.seen.lock().unwrap().is_empty());
}
