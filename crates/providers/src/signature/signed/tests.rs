#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use super::super::stand_in::{Sent, scheme};
use crate::settings::CommonSettings;

/// A scheme, what comes before each of the tests' keys, and what is sent.
fn meta() -> &'static str {
    "scheme = \"signed\"\nalgorithm = \"hmac-sha256\"\ncoding = \"hex\"\nprefix = \"sha256=\"\n\
     signature = \"header.x-hub-signature-256\"\ntext = \"{body}\""
}

const BODY: &str = r#"{"event":"delivered","n":1}"#;

/// All computed with Python's hmac, hashlib and cryptography, but for what names its page.
#[tokio::test]
async fn meta_signs_the_body() {
    let meta = scheme(meta()).unwrap();
    let sent = |signature: &str| Sent::post(BODY).header("x-hub-signature-256", signature);
    assert!(sent("sha256=7d300cb6b7eb979cb6a0ff40e7eabe2ec4f8eaaf360c08305ca30824d782e4e6").is_right(&meta, &["old", "app-secret"]).await);
    assert!(!sent("7d300cb6b7eb979cb6a0ff40e7eabe2ec4f8eaaf360c08305ca30824d782e4e6").is_right(&meta, &["app-secret"]).await);
    assert!(
        !sent("sha256=7d300cb6b7eb979cb6a0ff40e7eabe2ec4f8eaaf360c08305ca30824d782e4e6").body("{}").is_right(&meta, &["app-secret"]).await
    );
    assert!(!sent("sha256=7d300cb6b7eb979cb6a0ff40e7eabe2ec4f8eaaf360c08305ca30824d782e4e6").is_right(&meta, &["other"]).await);
    assert!(!sent("sha256=").is_right(&meta, &["app-secret"]).await);
}

/// The example of Slack's page "Verifying requests from Slack".
#[tokio::test]
async fn slack_signs_version_time_and_body() {
    let slack = scheme(
        "scheme = \"signed\"\nalgorithm = \"hmac-sha256\"\ncoding = \"hex\"\nprefix = \"v0=\"\nsignature = \"header.x-slack-signature\"\n\
         timestamp = \"header.x-slack-request-timestamp\"\ntext = \"v0:{timestamp}:{body}\"",
    )
    .unwrap();
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar\
        &user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let sent = |time: &str| {
        Sent::post(body)
            .form()
            .at("2018-08-07T20:17:33Z")
            .header("x-slack-request-timestamp", time)
            .header("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
    };
    let keys = ["8f742231b10e8888abcd99yyyzzz85a5"];
    assert!(sent("1531420618").at("2018-07-12T18:36:58Z").is_right(&slack, &keys).await);
    assert!(sent("1531420618").at("2018-07-12T18:41:58Z").is_right(&slack, &keys).await);
    assert!(!sent("1531420618").at("2018-07-12T18:41:59Z").is_right(&slack, &keys).await, "stale");
    assert!(!sent("1531420618").at("2018-07-12T18:31:57Z").is_right(&slack, &keys).await, "from the future");
    assert!(!sent("1531420619").at("2018-07-12T18:36:58Z").is_right(&slack, &keys).await, "the time is signed");
    assert!(!sent("soon").at("2018-07-12T18:36:58Z").is_right(&slack, &keys).await);
}

#[tokio::test]
async fn mailgun_signs_time_and_token_in_the_body() {
    let mailgun = scheme(
        "scheme = \"signed\"\nalgorithm = \"hmac-sha256\"\ncoding = \"hex\"\nsignature = \"json./signature/signature\"\n\
         timestamp = \"json./signature/timestamp\"\ntext = \"{timestamp}{json./signature/token}\"\nmax_age_s = 32400",
    )
    .unwrap();
    let body = |token: &str| {
        format!(
            r#"{{"signature":{{"timestamp":"1795161600","token":"{token}","signature":"5c932bcba4d73a936f89fea5936eecda2bcca69d1191c960f14f0a1565e91d60"}},"event-data":{{}}}}"#
        )
    };
    assert!(Sent::post(&body("tok1")).is_right(&mailgun, &["key"]).await);
    assert!(Sent::post(&body("tok1")).at("2026-11-20T16:59:00Z").is_right(&mailgun, &["key"]).await);
    assert!(!Sent::post(&body("tok1")).at("2026-11-20T17:00:01Z").is_right(&mailgun, &["key"]).await);
    for wrong in [body("tok2"), "{}".to_owned(), "[".to_owned(), String::new(), r#"{"signature":{"signature":7}}"#.to_owned()] {
        assert!(!Sent::post(&wrong).is_right(&mailgun, &["key"]).await, "{wrong}");
    }
}

#[tokio::test]
async fn bird_signs_time_url_and_the_hash_of_the_body() {
    let bird = scheme(
        "scheme = \"signed\"\nalgorithm = \"hmac-sha256\"\nsignature = \"header.messagebird-signature\"\n\
         timestamp = \"header.messagebird-request-timestamp\"\ntext = \"{timestamp}\\n{url}\\n{body.sha256}\"",
    )
    .unwrap();
    let sent = Sent::post(BODY)
        .url("https://bell.example.org/callbacks/bird?delivery=01K")
        .header("messagebird-signature", "plSabYXabnKCyY3OYsbJYJq6guA9ZgwNZxcQH1eOzTE=")
        .header("messagebird-request-timestamp", "1795161600");
    assert!(sent.clone().is_right(&bird, &["key"]).await);
    assert!(!sent.clone().url("https://bell.example.org/callbacks/bird?delivery=02K").is_right(&bird, &["key"]).await);
    assert!(!sent.body("{}").is_right(&bird, &["key"]).await);
}

/// The example of the Standard Webhooks libraries, and one that is made of two keys while they change.
#[tokio::test]
async fn standard_webhooks_give_several_signatures() {
    let standard = scheme(
        "scheme = \"signed\"\nalgorithm = \"hmac-sha256\"\nkey = \"whsec\"\nprefix = \"v1,\"\nseparator = \" \"\n\
         signature = \"header.webhook-signature\"\ntimestamp = \"header.webhook-timestamp\"\n\
         text = \"{header.webhook-id}.{timestamp}.{body}\"",
    )
    .unwrap();
    let keys = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];
    let sent = |signature: &str| {
        Sent::post(r#"{"test": 2432232314}"#)
            .at("2021-02-26T12:26:54Z")
            .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
            .header("webhook-timestamp", "1614265330")
            .header("webhook-signature", signature)
    };
    let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert!(sent(right).at("2021-02-25T15:02:10Z").is_right(&standard, &keys).await);
    let several = format!("v1a,AAAA v1,AAAA {right}");
    assert!(sent(&several).at("2021-02-25T15:02:10Z").is_right(&standard, &keys).await);
    assert!(!sent("v1,AAAA v2,AAAA").at("2021-02-25T15:02:10Z").is_right(&standard, &keys).await);
    let many = format!("{}{right}", "v1,AAAA ".repeat(8));
    assert!(!sent(&many).at("2021-02-25T15:02:10Z").is_right(&standard, &keys).await, "so many are not tried");
}

#[tokio::test]
async fn telnyx_and_discord_sign_with_ed25519() {
    let telnyx = scheme(
        "scheme = \"signed\"\nalgorithm = \"ed25519\"\nsignature = \"header.telnyx-signature-ed25519\"\n\
         timestamp = \"header.telnyx-timestamp\"\ntext = \"{timestamp}|{body}\"",
    )
    .unwrap();
    let sent = Sent::post(BODY)
        .header("telnyx-signature-ed25519", "KWfPqXEa2JuU9W6OeEIDcoX+x0zFytqhtXlIyDRihDXwOaXN7Rv9BXelGF+h6K2+PCzWbsNga06RNvTAqP0gBQ==")
        .header("telnyx-timestamp", "1795161600");
    assert!(
        sent.clone()
            .is_right(&telnyx, &["ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=", "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="])
            .await
    );
    assert!(!sent.clone().is_right(&telnyx, &["ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="]).await);
    assert!(!sent.clone().body("{}").is_right(&telnyx, &["A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="]).await);
    assert!(!sent.at("2026-11-20T08:05:01Z").is_right(&telnyx, &["A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="]).await);
    let discord = scheme(
        "scheme = \"signed\"\nalgorithm = \"ed25519\"\ncoding = \"hex\"\nkey = \"hex\"\nsignature = \"header.x-signature-ed25519\"\n\
         timestamp = \"header.x-signature-timestamp\"\ntext = \"{timestamp}{body}\"",
    )
    .unwrap();
    let sent = Sent::post(BODY).header("x-signature-ed25519", "3ea15f077111b8a709620cbca9b04e4fa72bc6bed79b6e044beee24dda9a3e9f43f8d799c24a9a17c10d1fa3e3ecd248e98436dd92691ba45e48d56d07b3ab05").header("x-signature-timestamp", "1795161600");
    assert!(sent.is_right(&discord, &["03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"]).await);
}

#[tokio::test]
async fn sendgrid_signs_with_ecdsa() {
    let sendgrid = scheme(
        "scheme = \"signed\"\nalgorithm = \"ecdsa-p256\"\nsignature = \"header.x-twilio-email-event-webhook-signature\"\n\
         timestamp = \"header.x-twilio-email-event-webhook-timestamp\"\ntext = \"{timestamp}{body}\"",
    )
    .unwrap();
    let sent = |signature: &str| {
        Sent::post(BODY)
            .header("x-twilio-email-event-webhook-signature", signature)
            .header("x-twilio-email-event-webhook-timestamp", "1795161600")
    };
    assert!(sent("MEQCIGTZwfJ7wICbq6YLpDKUpg47urWNHCFjtLaALDDTY+zvAiACRv6SX6az6lbVS29WtzYLp1goDoew0o8r6tckgOwB4Q==").is_right(&sendgrid, &["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYtl3nb7psFNAQnQtOrVMrcHSOJgPzpfbtN2dwdtvs5OtWsy9kenYJE/xXXcRZ87gou1R9rvnanjaVApqDwmVfg==", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGHsqNz6x294DMYNm0Gn4Om9ZAAU8c2M8sEGyHFXhqGwfQAtA=="]).await);
    assert!(!sent("MEQCIGTZwfJ7wICbq6YLpDKUpg47urWNHCFjtLaALDDTY+zvAiACRv6SX6az6lbVS29WtzYLp1goDoew0o8r6tckgOwB4Q==").is_right(&sendgrid, &["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYtl3nb7psFNAQnQtOrVMrcHSOJgPzpfbtN2dwdtvs5OtWsy9kenYJE/xXXcRZ87gou1R9rvnanjaVApqDwmVfg=="]).await);
    assert!(!sent("MEQCIGTZwfJ7wICbq6YLpDKUpg47urWNHCFjtLaALDDTY+zvAiACRv6SX6az6lbVS29WtzYLp1goDoew0o8r6tckgOwB4Q==").body("[]").is_right(&sendgrid, &["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGHsqNz6x294DMYNm0Gn4Om9ZAAU8c2M8sEGyHFXhqGwfQAtA=="]).await);
    for wrong in ["", "AAAA", "MEUCIQ=="] {
        assert!(!sent(wrong).is_right(&sendgrid, &["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGHsqNz6x294DMYNm0Gn4Om9ZAAU8c2M8sEGyHFXhqGwfQAtA=="]).await, "{wrong}");
    }
}

/// A definition and a key that cannot be used are named when they are read, not when somebody calls.
#[test]
fn what_is_wrong_is_named() {
    let base = "scheme = \"signed\"\nalgorithm = \"hmac-sha256\"\nsignature = \"header.x-signature\"\n";
    let table = [
        ("text = \"{body}\"\ntimestamp = \"header.x-time\"", "`text`: must hold {timestamp}"),
        ("text = \"{timestamp}{body}\"", "`timestamp`: is missing, and text needs it"),
        ("text = \"{body}\"\nmax_age_s = 5", "`max_age_s`: needs timestamp"),
        ("text = \"{timestamp}{body}\"\ntimestamp = \"header.x-time\"\nmax_age_s = 0", "`max_age_s` = `0`: must be 1 to 172800 seconds"),
        ("text = \"{url}\"", "must hold {body}, {body.sha256} or {timestamp}, or it proves nothing"),
        ("text = \"{body}\"\nseparator = \"\"", "`separator`: must not be empty"),
        ("text = \"{body\"", "a { has no }"),
        ("text = \"body}\"", "a } has no {"),
        ("text = \"{boddy}\"", "{boddy} is no hole; there are {timestamp}, {url}, {body}, {body.sha256}, and sources"),
        ("text = \"{header.bad name}\"", "{header.bad name} is no hole"),
        ("text = \"{body}\"\nprefx = \"v0=\"", "unknown field `prefx`"),
    ];
    for (more, right) in table {
        let error = scheme(&format!("{base}{more}")).unwrap_err();
        assert!(error.contains(right), "{more}: {error}");
    }
    let error = scheme(&format!("{}text = \"{{body}}\"", base.replace("header.x-signature", "headers.x"))).unwrap_err();
    assert!(error.contains("must be header.NAME, query.NAME, form.NAME, or json. and a JSON pointer"), "{error}");
    let error = scheme(r#"scheme = "x""#).unwrap_err();
    assert!(error.contains("unknown variant `x`, expected one of `twilio`"), "{error}");

    let key = |definition: &str, key: &str| {
        let definition = format!("{}\n{definition}\ntext = \"{{body}}\"", "scheme = \"signed\"\nsignature = \"header.x-signature\"");
        let verifier =
            scheme(&definition).unwrap().verifier("key", vec![watchbell_core::Secret::new(key)], None, &CommonSettings::default());
        verifier.unwrap_err().to_string()
    };
    assert_eq!(key("algorithm = \"ed25519\"", "AAAA"), "`key`: must be an Ed25519 public key, which has 32 bytes");
    assert_eq!(key("algorithm = \"ed25519\"", "%"), "`key`: must be base64");
    assert_eq!(key("algorithm = \"ed25519\"\nkey = \"hex\"", "xy"), "`key`: must be hexadecimal digits");
    assert_eq!(key("algorithm = \"hmac-sha256\"\nkey = \"whsec\"", "MfKQ"), "`key`: must be whsec_ and base64 after it");
    let error = key("algorithm = \"ecdsa-p256\"", "AAAA");
    assert_eq!(error, "`key`: must be a P-256 public key as the service shows it: base64 that begins with MFkwEwYHKoZIzj0C");
}
