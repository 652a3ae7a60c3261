//! Whom we trust: the public certificate authorities, and one's own beside them.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::settings::SettingError;

/// A TLS client that trusts Mozilla's list (compiled in) and the authorities in `ca_file`.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, SettingError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = ca_file {
        for certificate in authorities(file)? {
            roots.add(certificate).map_err(|error| wrong_ca(file, &error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingError::new("ca_file", None, error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates of a PEM file; at least one.
fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, SettingError> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong_ca(file, &error.to_string()))?;
    if certificates.is_empty() { Err(wrong_ca(file, "there is no certificate in it")) } else { Ok(certificates) }
}

fn wrong_ca(file: &Path, why: &str) -> SettingError {
    SettingError::new("ca_file", file.display().to_string(), format!("must be a readable PEM file of certificates: {why}"))
}
