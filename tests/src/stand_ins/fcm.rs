//! What Firebase's stand-in needs beside answers: a service account.

use serde_json::json;

/// The key that the provider's own tests sign with; nobody else trusts it.
const KEY: &str = include_str!("../../../crates/providers/src/kinds/fcm/test_key.pem");

/// The same key, for other services that are shown who calls by RSA.
pub fn rsa_key() -> &'static str {
    KEY
}

/// A service account's JSON.
pub fn service_account() -> String {
    json!({
        "type": "service_account",
        "project_id": "e2e-project",
        "private_key_id": "e2e-key",
        "private_key": KEY,
        "client_email": "e2e@e2e-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}
