#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use ring::signature::ECDSA_P256_SHA256_FIXED;
use watchbell_core::ManualClock;
use watchbell_core::outcome::LimitScope;

use super::*;
use crate::jwt;
use crate::kinds::stand_in::{Act, StandIn, at, outgoing};

// RFC 8292's example pair (section 2.4 has the public half).
const PUBLIC: &str = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs";
/// A pair made for these tests alone.
const OWN_PUBLIC: &str = "BKGs-ai6M_JCDamBEKB4qfcgJyrNfD99_oVL8xQDmu8pVEeypDaWd9JkCGaa4Oy_LTKZEui5f8lV7hK20rI_REo";
const OWN_PRIVATE: &str = "ye3xseKSEuNjVJT8-IAqtN73B0XgHj3qY6ZeBXPeuc8";
const AUTH: [u8; 16] = [7; 16];

fn settings() -> Settings {
    Settings {
        vapid_public_key: OWN_PUBLIC.to_owned(),
        vapid_private_key: Secret::new(OWN_PRIVATE),
        subject: "mailto:ops@example.org".to_owned(),
        allow_private: true,
        allow_networks: vec![],
    }
}

/// A browser that has subscribed at the stand-in.
struct Browser {
    private: EphemeralPrivateKey,
    point: Vec<u8>,
    address: Address,
}

fn browser(service: &StandIn) -> Browser {
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
    let point = private.compute_public_key().unwrap().as_ref().to_vec();
    let keys = json!({"p256dh": URL_SAFE_NO_PAD.encode(&point), "auth": URL_SAFE_NO_PAD.encode(AUTH)}).to_string();
    let token = Secret::new(format!("{}/wpush/v2/hush", service.url));
    let address = Address::Device { kind: DeviceKind::Webpush, token, keys: Some(Secret::new(keys)) };
    Browser { private, point, address }
}

async fn send(service: &StandIn, message: &Outgoing) -> Report {
    let provider = settings().build("webpush", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert!(!format!("{provider:?} {:?}", settings()).contains(OWN_PRIVATE));
    assert!(provider.takes(&message.to) && !provider.is_one_service());
    provider.send(message).await
}

#[tokio::test]
async fn only_the_browser_reads_the_message_and_the_push_service_knows_who_sent_it() {
    let service = StandIn::start([Act::Answer(201, "Location: /m/1\r\n", String::new())]).await;
    let browser = browser(&service);
    let message = outgoing(Channel::Push, browser.address);
    assert_eq!(send(&service, &message).await, Report::accepted(None));
    let seen = service.only();
    assert_eq!(seen.line, "POST /wpush/v2/hush HTTP/1.1");
    let header = |name: &str| {
        let line = seen.headers.lines().find_map(|line| line.split_once(": ").filter(|(found, _)| *found == name));
        line.unwrap_or_else(|| panic!("no {name}")).1.to_owned()
    };
    assert_eq!((header("content-encoding").as_str(), header("ttl").as_str(), header("urgency").as_str()), ("aes128gcm", "3600", "high"));
    assert_eq!(header("topic"), crate::thread::digest("alert:A-7"));
    assert_eq!(header("topic").len(), 32);

    let authorization = header("authorization");
    let (token, key) = authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(key, OWN_PUBLIC);
    let (head, claims) = jwt::verify(token, &ECDSA_P256_SHA256_FIXED, &URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
    assert_eq!(head, json!({"alg": "ES256", "typ": "JWT"}));
    assert_eq!(claims, json!({"aud": service.url, "exp": 1_795_161_600 + 12 * 3_600, "sub": "mailto:ops@example.org"}));

    let text = encrypt::decrypt(&seen.bytes, browser.private, &browser.point, &AUTH).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&text).unwrap(),
        json!({
            "title": "[HIGH] Disk full on db-1",
            "body": "HIGH: Disk full on db-1",
            "lang": "en",
            "url": "https://alerts.example.org/7",
            "tag": crate::thread::digest("alert:A-7"),
            "urgent": true,
            "critical": false,
            "deliveryId": "01KAFX8M00ABCDEFGHJKMNPQRS",
            "answerUrl": null,
            "actions": [],
        })
    );
}

#[test]
fn a_message_about_an_alert_says_where_and_by_which_actions_it_is_answered() {
    let address = Address::Device { kind: DeviceKind::Webpush, token: Secret::new("https://push.example.org/1"), keys: None };
    let message = Outgoing { answer: Some(crate::kinds::stand_in::offer()), ..outgoing(Channel::Push, address) };
    let payload: Value = serde_json::from_str(&payload(&message)).unwrap();
    assert_eq!(payload["answerUrl"], json!(crate::kinds::stand_in::offer().url));
    let action = |action: &str, title: &str| json!({"action": action, "title": title});
    assert_eq!(payload["actions"], json!([action("accept", "I have it"), action("resolve", "Resolved"), action("decline", "Not me")]));
}

#[tokio::test]
async fn the_largest_message_fits_into_one_record() {
    let service = StandIn::start([Act::Answer(201, "", String::new())]).await;
    let browser = browser(&service);
    let mut message = outgoing(Channel::Push, browser.address);
    message.content.short = "字".repeat(9_000).into();
    (message.urgent, message.thread, message.expires_at) = (false, None, None);
    assert_eq!(send(&service, &message).await, Report::accepted(None));
    let seen = service.only();
    assert!(seen.bytes.len() <= 4096, "{}", seen.bytes.len());
    assert!(seen.headers.contains("urgency: normal") && seen.headers.contains("ttl: 2419200") && !seen.headers.contains("topic"));
    let text = encrypt::decrypt(&seen.bytes, browser.private, &browser.point, &AUTH).unwrap();
    assert!(serde_json::from_slice::<Value>(&text).unwrap()["body"].as_str().unwrap().ends_with('…'));
}

#[tokio::test]
async fn what_cannot_be_encrypted_or_reached_is_a_bad_address() {
    let service = StandIn::start([]).await;
    let device = |token: &str, keys: Option<&str>| Address::Device {
        kind: DeviceKind::Webpush,
        token: Secret::new(token),
        keys: keys.map(Secret::new),
    };
    let bad = |code: &str| Report::new(Outcome::BadAddress, code.to_owned());
    assert_eq!(send(&service, &outgoing(Channel::Push, device(&service.url, None))).await, bad("keys"));
    assert_eq!(send(&service, &outgoing(Channel::Push, device(&service.url, Some("{}")))).await, bad("keys"));
    let browser = browser(&service);
    let Address::Device { keys: Some(keys), .. } = &browser.address else { unreachable!() };
    assert_eq!(send(&service, &outgoing(Channel::Push, device("mailto:x", Some(keys.expose())))).await, bad("url_scheme"));
    let closed = Settings { allow_private: false, ..settings() };
    let message = outgoing(Channel::Push, browser.address);
    let provider = closed.build("webpush", &service.common(), Arc::new(ManualClock::new(message.now))).unwrap();
    assert_eq!(provider.send(&message).await, bad("private_address"));
}

#[test]
fn every_answer_has_a_meaning() {
    let now = at("2026-11-20T08:00:00Z");
    let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
    let table = [
        (201, Outcome::Accepted { message_id: None }),
        (202, Outcome::Accepted { message_id: None }),
        (400, Outcome::BadMessage),
        (401, Outcome::BadMessage),
        (403, Outcome::BadMessage),
        (404, Outcome::BadAddress),
        (410, Outcome::BadAddress),
        (413, Outcome::BadMessage),
        (429, retry.clone()),
        (500, retry.clone()),
        (503, retry),
    ];
    for (status, outcome) in table {
        let answer = Answer { status, ..Answer::default() };
        assert_eq!(classify(&answer, now).outcome, outcome, "{status}");
    }
}

#[test]
fn settings_are_checked() {
    let check = |settings: Settings| settings.check(&CommonSettings::default()).map_err(|error| error.key);
    assert_eq!(check(settings()), Ok(()));
    assert_eq!(check(Settings { vapid_public_key: "BA".to_owned(), ..settings() }), Err("vapid_public_key".to_owned()));
    assert_eq!(check(Settings { vapid_private_key: Secret::new("x"), ..settings() }), Err("vapid_private_key".to_owned()));
    // Of another pair.
    assert_eq!(check(Settings { vapid_public_key: PUBLIC.to_owned(), ..settings() }), Err("vapid_private_key".to_owned()));
    assert_eq!(check(Settings { subject: "ops@example.org".to_owned(), ..settings() }), Err("subject".to_owned()));
    assert_eq!(check(Settings { allow_networks: vec!["lan".to_owned()], ..settings() }), Err("allow_networks".to_owned()));
}
