//! An identity provider on loopback: it lets everybody in as Anna, and says of her what a test wants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use watchbell_tests::settings::Settings;
use watchbell_tests::stand_ins::service::Answer;
use watchbell_tests::stand_ins::{Request, ServiceStandIn, rsa_key};
use watchbell_tests::wait;

const EC_KEY: &str = include_str!("../../../../crates/providers/src/kinds/apns/test_key.p8");
const CLIENT_ID: &str = "watchbell-page";
const CLIENT_SECRET: &str = "e2e oidc+secret";

pub struct Idp {
    pub service: ServiceStandIn,
    world: Arc<Mutex<World>>,
}

/// What a test changes.
#[derive(Default)]
struct World {
    /// Written over the claims of tokens.
    claims: Value,
    /// The provider has changed its key: the second one signs, and is published alone.
    is_second_key: bool,
    /// Says more in tokens than it has signed.
    is_forger: bool,
    /// The status of everything that it answers with.
    status: Option<u16>,
    /// What the discovery document says instead.
    discovery: Value,
    /// Nonces and PKCE challenges of those who were let in, by their codes.
    codes: HashMap<String, (String, String)>,
}

impl Idp {
    pub async fn start(settings: &mut Settings) -> Self {
        let world = Arc::new(Mutex::new(World::default()));
        let service = ServiceStandIn::start({
            let world = Arc::clone(&world);
            move |request: &Request| world.lock().unwrap().answer(request)
        })
        .await;
        settings
            .set("OIDC__ISSUER", &service.url())
            .set("OIDC__CLIENT_ID", CLIENT_ID)
            .set("OIDC__CLIENT_SECRET", CLIENT_SECRET)
            .set("OIDC__ROLES", r#"{ admin = ["ops"], user = ["staff"] }"#);
        Self { service, world }
    }

    /// From now on tokens say this as well.
    pub fn claim(&self, claims: Value) {
        self.world.lock().unwrap().claims = claims;
    }

    pub fn change_key(&self) {
        self.world.lock().unwrap().is_second_key = true;
    }

    pub fn forge(&self) {
        self.world.lock().unwrap().is_forger = true;
    }

    pub fn answer_with(&self, status: Option<u16>) {
        self.world.lock().unwrap().status = status;
    }

    pub fn describe_as(&self, discovery: Value) {
        self.world.lock().unwrap().discovery = discovery;
    }
}

impl World {
    fn answer(&mut self, request: &Request) -> Answer {
        let issuer = format!("http://{}", request.header("host"));
        let json = |value: Value| (200, "content-type: application/json\r\n".to_owned(), value.to_string());
        if let Some(status) = self.status {
            return (status, String::new(), "<html>down for maintenance</html>".to_owned());
        }
        match request.path.split('?').next().unwrap_or_default() {
            "/.well-known/openid-configuration" => json(over(
                json!({
                    "issuer": issuer,
                    "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"),
                    "jwks_uri": format!("{issuer}/jwks"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                }),
                &self.discovery,
            )),
            "/jwks" => json(json!({ "keys": [if self.is_second_key { ec_jwk() } else { rsa_jwk() }] })),
            "/authorize" => self.authorize(request),
            "/token" => match self.token(request, &issuer) {
                Ok(token) => json(json!({ "access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": token })),
                Err(error) => (400, "content-type: application/json\r\n".to_owned(), json!({ "error": error }).to_string()),
            },
            _ => (404, String::new(), String::new()),
        }
    }

    /// Leads the browser back at once.
    fn authorize(&mut self, request: &Request) -> Answer {
        let asked = url::Url::parse(&format!("http://idp{}", request.path)).unwrap();
        let asked: HashMap<String, String> = asked.query_pairs().into_owned().collect();
        assert_eq!((asked["client_id"].as_str(), asked["response_type"].as_str()), (CLIENT_ID, "code"));
        assert_eq!((asked["code_challenge_method"].as_str(), asked["scope"].as_str()), ("S256", "openid profile email"));
        let code = format!("code-{}", self.codes.len());
        self.codes.insert(code.clone(), (asked["nonce"].clone(), asked["code_challenge"].clone()));
        let mut back = url::Url::parse(&asked["redirect_uri"]).unwrap();
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
        (303, format!("location: {back}\r\n"), String::new())
    }

    /// An ID token for a code, once.
    fn token(&mut self, request: &Request, issuer: &str) -> Result<String, &'static str> {
        let form = request.form();
        // RFC 6749, 2.3.1: both are encoded as in a form before they become a header.
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let login = STANDARD.encode(format!("{}:{}", encoded(CLIENT_ID), encoded(CLIENT_SECRET)));
        if request.header("authorization") != format!("Basic {login}") {
            return Err("invalid_client");
        }
        let (nonce, challenge) = self.codes.get_mut(&form["code"]).map(std::mem::take).ok_or("invalid_grant")?;
        if URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"])) != challenge {
            return Err("invalid_grant");
        }
        let now = wait::now().as_millis() / 1000;
        let claims = json!({
            "iss": issuer, "sub": "anna-at-idp", "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": nonce,
            "email": "user001@example.org", "email_verified": true, "given_name": "Anna", "family_name": "Idp", "groups": ["staff"],
        });
        let claims = over(claims, &self.claims);
        Ok(signed(&claims, self.is_second_key, self.is_forger))
    }
}

fn over(mut base: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        base[name] = value.clone();
    }
    base
}

/// A token by the first key, in RS256, or by the second, in ES256. Who forges one changes what it says once it is signed.
fn signed(claims: &Value, is_second: bool, is_forged: bool) -> String {
    let encoded = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({ "alg": if is_second { "ES256" } else { "RS256" }, "kid": if is_second { "second" } else { "first" } });
    let text = format!("{}.{}", encoded(&header), encoded(claims));
    let signature = if is_second {
        ec_key().sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
    } else {
        let key = RsaKeyPair::from_pkcs8(&der(rsa_key())).unwrap();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        signature
    };
    let text =
        if is_forged { format!("{}.{}", encoded(&header), encoded(&over(claims.clone(), &json!({ "groups": ["ops"] })))) } else { text };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn ec_key() -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der(EC_KEY), &SystemRandom::new()).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

fn rsa_jwk() -> Value {
    let key = RsaKeyPair::from_pkcs8(&der(rsa_key())).unwrap();
    // Two numbers in DER: one of 2,048 bits, which a zero stands before, and 65,537.
    let public = key.public().as_ref();
    assert_eq!((public.len(), &public[267..]), (270, &[1, 0, 1][..]));
    json!({ "kty": "RSA", "use": "sig", "kid": "first", "n": URL_SAFE_NO_PAD.encode(&public[9..265]), "e": "AQAB" })
}

fn ec_jwk() -> Value {
    let key = ec_key();
    let point = key.public_key().as_ref();
    let number = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": "second", "x": number(1..33), "y": number(33..65) })
}
