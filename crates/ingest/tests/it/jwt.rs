//! The tokens of an operator-mode server: an operator, two accounts, a user, as the `nsc` tool would make them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

pub struct Tenancy {
    /// For the server.
    pub config: String,
    /// For the client: the content of a `.creds` file.
    pub creds: String,
}

pub fn tenancy() -> Tenancy {
    let (operator, system, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user());
    let limits = |jetstream: i64| {
        json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": jetstream, "disk_storage": jetstream, "streams": jetstream, "consumer": jetstream})
    };
    let of_account = |key: &KeyPair, name, jetstream| {
        let claims = json!({"limits": limits(jetstream), "default_permissions": {"pub": {}, "sub": {}}, "type": "account", "version": 2});
        token(&operator, key, name, &claims)
    };
    let of_operator =
        token(&operator, &operator, "operator", &json!({"type": "operator", "version": 2, "system_account": system.public_key()}));
    let of_user =
        token(&account, &user, "user", &json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2}));
    let config = format!(
        "operator: {of_operator}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}: {}\n{}: {}\n}}\n",
        system.public_key(),
        system.public_key(),
        of_account(&system, "SYS", 0),
        account.public_key(),
        of_account(&account, "A", -1),
    );
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap(),
    );
    Tenancy { config, creds }
}

fn token(issuer: &KeyPair, subject: &KeyPair, name: &str, nats: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims =
        json!({"jti": "test", "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name, "nats": nats});
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
