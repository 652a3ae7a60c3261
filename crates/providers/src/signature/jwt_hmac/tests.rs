#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use super::super::stand_in::{Sent, scheme};

const BODY: &str = r#"{"message_uuid":"u1","status":"delivered"}"#;
const URL: &str = "https://bell.example.org/callbacks/p?delivery=01K";

/// Tokens by Python's hmac: `iss` Vonage, `iat` 1795161600, `payload_hash` of the body.
const VONAGE: &str = "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiVm9uYWdlIiwgImlhdCI6IDE3OTUxNjE2MDAsICJqdGkiOiAiajEiLCAiYXBpX2tleSI6ICJrIiwgInBheWxvYWRfaGFzaCI6ICJkMGJiZGY3OGZhMjEzOTA0Y2ZmOWY5YmEwYTkzNTEzYjM2YzRmNWYwNjlhZTIwY2U1ZWM5ZjVlY2FiYjIwMmExIn0.WrldWNcBbMwfVsKh8spbyxKW-iGxVPshl2fAKs5mRvc";
/// `iss` MessageBird, `nbf` 1795161600, `exp` 1795161660, hashes of URL and body.
const BIRD: [&str; 3] = [
    "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiTWVzc2FnZUJpcmQiLCAibmJmIjogMTc5NTE2MTYwMCwgImV4cCI6IDE3OTUxNjE2NjAsICJqdGkiOiAiaiIsICJ1cmxfaGFzaCI6ICI0NzhjMjA5ZDEzYzA5ZmI3ZmQxNjMxOTliZTgyMGNiNTQ3MDczN2U1ZmUzY2I4NGRmOGI1NGMwOWUwYjUxODIzIiwgInBheWxvYWRfaGFzaCI6ICJkMGJiZGY3OGZhMjEzOTA0Y2ZmOWY5YmEwYTkzNTEzYjM2YzRmNWYwNjlhZTIwY2U1ZWM5ZjVlY2FiYjIwMmExIn0.OFTQQXM3We008rOakRFzIE-Ib7RpmNq2tXTDJ2WmV_U",
    "eyJhbGciOiAiSFMzODQiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiTWVzc2FnZUJpcmQiLCAibmJmIjogMTc5NTE2MTYwMCwgImV4cCI6IDE3OTUxNjE2NjAsICJqdGkiOiAiaiIsICJ1cmxfaGFzaCI6ICI0NzhjMjA5ZDEzYzA5ZmI3ZmQxNjMxOTliZTgyMGNiNTQ3MDczN2U1ZmUzY2I4NGRmOGI1NGMwOWUwYjUxODIzIiwgInBheWxvYWRfaGFzaCI6ICJkMGJiZGY3OGZhMjEzOTA0Y2ZmOWY5YmEwYTkzNTEzYjM2YzRmNWYwNjlhZTIwY2U1ZWM5ZjVlY2FiYjIwMmExIn0.oJzo-J_rpgtz2MnrT7RRWAxuFUQonO-IdbEd03uVQyG96JRsTBg8iSHRZSFQ8JBg",
    "eyJhbGciOiAiSFM1MTIiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiTWVzc2FnZUJpcmQiLCAibmJmIjogMTc5NTE2MTYwMCwgImV4cCI6IDE3OTUxNjE2NjAsICJqdGkiOiAiaiIsICJ1cmxfaGFzaCI6ICI0NzhjMjA5ZDEzYzA5ZmI3ZmQxNjMxOTliZTgyMGNiNTQ3MDczN2U1ZmUzY2I4NGRmOGI1NGMwOWUwYjUxODIzIiwgInBheWxvYWRfaGFzaCI6ICJkMGJiZGY3OGZhMjEzOTA0Y2ZmOWY5YmEwYTkzNTEzYjM2YzRmNWYwNjlhZTIwY2U1ZWM5ZjVlY2FiYjIwMmExIn0.F4Vyp2AEE9WT6dsmVMzCgKjD5yTLBpHWddnCrY6KwY5flW9mWTOv3BUNebZ9GOwLgvKLBFlDANK8ALf52Sk_kA",
];
/// The same of a request without a body.
const BIRD_BARE: &str = "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiTWVzc2FnZUJpcmQiLCAibmJmIjogMTc5NTE2MTYwMCwgImV4cCI6IDE3OTUxNjE2NjAsICJqdGkiOiAiaiIsICJ1cmxfaGFzaCI6ICI0NzhjMjA5ZDEzYzA5ZmI3ZmQxNjMxOTliZTgyMGNiNTQ3MDczN2U1ZmUzY2I4NGRmOGI1NGMwOWUwYjUxODIzIn0.PclRBPX6wvBu1XzRrrEpZzr3RTlFma83HTzuLA-4TdE";

fn vonage() -> super::super::Scheme {
    scheme("scheme = \"jwt-hmac\"\nheader = \"authorization\"\nissuer = \"Vonage\"\nbody_hash = \"payload_hash\"\nmax_age_s = 3600")
        .unwrap()
}

fn bird() -> super::super::Scheme {
    scheme(
        "scheme = \"jwt-hmac\"\nheader = \"messagebird-signature-jwt\"\nissuer = \"MessageBird\"\nurl_hash = \"url_hash\"\n\
         body_hash = \"payload_hash\"",
    )
    .unwrap()
}

#[tokio::test]
async fn vonage_signs_the_body() {
    let vonage = vonage();
    let sent = |token: &str| Sent::post(BODY).header("authorization", &format!("Bearer {token}"));
    assert!(sent(VONAGE).is_right(&vonage, &["old", "secret"]).await);
    assert!(sent(VONAGE).at("2026-11-20T09:00:00Z").is_right(&vonage, &["secret"]).await);
    assert!(!sent(VONAGE).at("2026-11-20T09:00:01Z").is_right(&vonage, &["secret"]).await);
    assert!(!sent(VONAGE).is_right(&vonage, &["other"]).await);
    assert!(!sent(VONAGE).body("{}").is_right(&vonage, &["secret"]).await);
    assert!(!sent(BIRD[0]).is_right(&vonage, &["secret"]).await, "another issuer");
    assert!(!Sent::post(BODY).header("authorization", VONAGE).is_right(&vonage, &["secret"]).await);
    for wrong in [
        "",
        "a.b",
        "a.b.c",
        "eyJhbGciOiAibm9uZSIsICJ0eXAiOiAiSldUIn0.eyJpc3MiOiAiVm9uYWdlIiwgImlhdCI6IDE3OTUxNjE2MDAsICJqdGkiOiAiajEiLCAiYXBpX2tleSI6ICJrIiwgInBheWxvYWRfaGFzaCI6ICJkMGJiZGY3OGZhMjEzOTA0Y2ZmOWY5YmEwYTkzNTEzYjM2YzRmNWYwNjlhZTIwY2U1ZWM5ZjVlY2FiYjIwMmExIn0.",
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiVm9uYWdlIiwgImp0aSI6ICJqMSIsICJhcGlfa2V5IjogImsiLCAicGF5bG9hZF9oYXNoIjogImQwYmJkZjc4ZmEyMTM5MDRjZmY5ZjliYTBhOTM1MTNiMzZjNGY1ZjA2OWFlMjBjZTVlYzlmNWVjYWJiMjAyYTEifQ.j6VKqAuDnMeK4EPgg7zdDu2gzmLPsR9TAxocs-xn1ZA",
        "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiVm9uYWdlIiwgImlhdCI6IDE3OTUxNjE2MDAsICJqdGkiOiAiajEiLCAiYXBpX2tleSI6ICJrIn0.3k3gxBX8pyO6lRZIx5aOaRCtAsZorsRbU4S4MI2glug",
    ] {
        assert!(!sent(wrong).is_right(&vonage, &["secret"]).await, "{wrong}");
    }
}

#[tokio::test]
async fn bird_signs_url_and_body_for_a_minute() {
    let bird = bird();
    let sent = |token: &str| Sent::post(BODY).url(URL).header("messagebird-signature-jwt", token);
    for token in BIRD {
        assert!(sent(token).is_right(&bird, &["secret"]).await, "{token}");
        assert!(!sent(token).url("https://bell.example.org/callbacks/p?delivery=02K").is_right(&bird, &["secret"]).await);
        assert!(!sent(token).body("{}").is_right(&bird, &["secret"]).await);
        assert!(!sent(token).body("").is_right(&bird, &["secret"]).await);
    }
    for (now, is_right) in
        [("2026-11-20T07:59:59Z", true), ("2026-11-20T07:59:58Z", false), ("2026-11-20T08:01:01Z", true), ("2026-11-20T08:01:02Z", false)]
    {
        assert_eq!(sent(BIRD[0]).at(now).is_right(&bird, &["secret"]).await, is_right, "{now}");
    }
    assert!(sent(BIRD_BARE).body("").is_right(&bird, &["secret"]).await);
    assert!(!sent(BIRD_BARE).is_right(&bird, &["secret"]).await, "a body needs its hash");
    let error = scheme("scheme = \"jwt-hmac\"\nheader = \"X-Jwt\"\nbody_hash = \"h\"").unwrap_err();
    assert!(error.contains("must be a header's name in lower case"), "{error}");
}
