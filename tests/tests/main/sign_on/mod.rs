//! Signing in by an identity provider: who gets in, as whom, and who does not.

mod idp;

use reqwest::{Method, Url};
use serde_json::{Value, json};
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::settings::{ADMIN_KEY, PUBLIC_URL};
use watchbell_tests::team::Person;

pub use idp::Idp;

on_both!(
    a_user_signs_in_by_an_identity_provider,
    a_user_is_made_of_who_is_none_where_that_is_wanted,
    who_gets_another_role_is_signed_out,
    what_does_not_belong_to_the_attempt_opens_nothing,
    a_provider_that_is_ill_says_so_and_keys_go_on,
);

const BEGIN: &str = "/watchbell/v1/session/sign-on?next=/preferences";

/// An answer that leads elsewhere.
struct Led {
    to: String,
    cookies: Vec<String>,
}

impl Led {
    /// The first part of a cookie that is set, as it is sent back.
    fn cookie(&self, name: &str) -> String {
        let set = self.cookies.iter().find(|cookie| cookie.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {:?}", self.cookies));
        assert!(set.contains("; HttpOnly; SameSite=Lax; Secure"), "{set}");
        set.split(';').next().unwrap().to_owned()
    }

    /// What went wrong, by the page to sign in.
    fn trouble(&self) -> &str {
        assert!(self.cookies.iter().all(|cookie| !cookie.starts_with("watchbell_session=")), "{:?}", self.cookies);
        self.to.split_once("trouble=").unwrap_or_else(|| panic!("{}", self.to)).1
    }
}

/// Follows one link, as a browser with that cookie.
async fn follow(url: &str, cookie: &str) -> Led {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = http.get(url).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), 303, "{url}");
    let text = |name: &str| answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>();
    Led { to: text("location").remove(0), cookies: text("set-cookie") }
}

/// A browser on its way: where the provider leads it back to, and its cookie.
async fn set_out(bed: &Bed) -> (String, String) {
    let begun = follow(&format!("{}{BEGIN}", bed.api().base()), "").await;
    let cookie = begun.cookie("watchbell_sign_on=");
    let back = follow(&begun.to, "").await.to;
    // The world's name for this server.
    (back.replace(PUBLIC_URL, bed.api().base()), cookie)
}

async fn sign_in(bed: &Bed) -> Led {
    let (back, cookie) = set_out(bed).await;
    follow(&back, &cookie).await
}

/// Who calls with a session.
async fn caller(bed: &Bed, session: &str) -> (u16, Value) {
    let answer = bed.api().with_key("").try_call(Method::GET, "/watchbell/v1/caller", &[("cookie", session)], None).await.unwrap();
    (answer.status.as_u16(), answer.body)
}

async fn a_user_signs_in_by_an_identity_provider(bed: &mut Bed) {
    let idp = Idp::start(&mut bed.settings).await;
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let led = sign_in(bed).await;
    assert_eq!(led.to, "/preferences");
    let session = led.cookie("watchbell_session=");
    let (_, who) = caller(bed, &session).await;
    assert_eq!((&who["role"], &who["userId"]), (&json!("user"), &json!(anna.id)), "{who}");
    // The same person is the same key, whatever their address is by now.
    idp.claim(json!({ "email": "married@example.org" }));
    let (_, again) = caller(bed, &sign_in(bed).await.cookie("watchbell_session=")).await;
    assert_eq!(again["keyId"], who["keyId"]);
    let keys = bed.api().get("/watchbell/v1/keys").await.expect(200);
    let key = keys["items"].as_array().unwrap().iter().find(|key| key["id"] == who["keyId"]).unwrap();
    assert_eq!(key["name"], "single sign-on User001 Test");
    // The key is revoked as any other.
    bed.api().delete(&format!("/watchbell/v1/keys/{}", who["keyId"])).await.expect(204);
    assert_eq!(caller(bed, &session).await.0, 401);
    // Who they are there is forgotten with it, so that they are found by their address again.
    idp.claim(json!({}));
    assert_eq!(sign_in(bed).await.to, "/preferences");
    // The provider was described once.
    idp.service.expect(1, "GET", "/.well-known/openid-configuration").await;
    // Its key changes, and with it the algorithm; a token that was changed after it was signed is none.
    idp.change_key();
    assert_eq!(sign_in(bed).await.trouble(), "refused", "its keys were read this very moment");
    bed.clock.advance(std::time::Duration::from_secs(11));
    assert_eq!(sign_in(bed).await.to, "/preferences");
    idp.forge();
    assert_eq!(sign_in(bed).await.trouble(), "refused");
}

async fn a_user_is_made_of_who_is_none_where_that_is_wanted(bed: &mut Bed) {
    let idp = Idp::start(&mut bed.settings).await;
    bed.start().await;
    assert_eq!(sign_in(bed).await.trouble(), "user");
    // Operators need be nobody.
    idp.claim(json!({ "groups": ["staff", "ops"] }));
    let (_, who) = caller(bed, &sign_in(bed).await.cookie("watchbell_session=")).await;
    assert_eq!((&who["role"], &who["userId"]), (&json!("admin"), &Value::Null), "{who}");
    bed.stop().await;
    bed.settings.set("OIDC__CREATE_USERS", "true");
    bed.start().await;
    idp.claim(json!({ "preferred_username": "anna", "zoneinfo": "Europe/Berlin", "locale": "de" }));
    let (_, who) = caller(bed, &sign_in(bed).await.cookie("watchbell_session=")).await;
    let made = bed.api().get(&format!("/watchbell/v1/users/{}", who["userId"])).await.expect(200);
    assert_eq!(
        (&made["externalId"], &made["timezone"], &made["locale"]),
        (&json!("anna-at-idp"), &json!("Europe/Berlin"), &json!("de")),
        "{made}"
    );
    // Somebody else with an address that nobody has verified, and the name that Anna has.
    idp.claim(json!({ "sub": "eve-at-idp", "preferred_username": "Anna", "email_verified": false }));
    assert_eq!(sign_in(bed).await.trouble(), "user");
}

async fn who_gets_another_role_is_signed_out(bed: &mut Bed) {
    let idp = Idp::start(&mut bed.settings).await;
    bed.start().await;
    Person::without_telegram(bed.api(), 1).await;
    idp.claim(json!({ "groups": "ops" }));
    let admin = sign_in(bed).await.cookie("watchbell_session=");
    assert_eq!(caller(bed, &admin).await.1["role"], "admin");
    idp.claim(json!({}));
    let user = sign_in(bed).await.cookie("watchbell_session=");
    assert_eq!(caller(bed, &user).await.1["role"], "user");
    assert_eq!(caller(bed, &admin).await.0, 401, "what they may no more they may nowhere");
    idp.claim(json!({ "groups": ["visitors"] }));
    assert_eq!(sign_in(bed).await.trouble(), "role");
    assert_eq!(caller(bed, &user).await.0, 401);
    // The last key that opens without a provider stays.
    idp.claim(json!({ "groups": ["ops"] }));
    sign_in(bed).await;
    let keys = bed.api().get("/watchbell/v1/keys").await.expect(200);
    let first = keys["items"].as_array().unwrap().iter().find(|key| key["name"] == "first admin").unwrap();
    bed.api().delete(&format!("/watchbell/v1/keys/{}", first["id"])).await.expect(409);
    assert_eq!(bed.api().key(), ADMIN_KEY);
}

async fn what_does_not_belong_to_the_attempt_opens_nothing(bed: &mut Bed) {
    let idp = Idp::start(&mut bed.settings).await;
    bed.start().await;
    Person::without_telegram(bed.api(), 1).await;
    let table = [
        json!({ "nonce": "another" }),
        json!({ "aud": "somebody-else" }),
        json!({ "iss": "https://evil.example.com" }),
        json!({ "exp": 1_000_000_000 }),
    ];
    for claims in table {
        idp.claim(claims.clone());
        assert_eq!(sign_in(bed).await.trouble(), "refused", "{claims}");
    }
    idp.claim(json!({}));
    let with = |back: &str, name: &str, value: &str| {
        let mut url: Url = back.parse().unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(key, _)| key != name).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
        url.to_string()
    };
    // Another's state, another's cookie, and none.
    let ((back, cookie), (others_back, others_cookie)) = (set_out(bed).await, set_out(bed).await);
    assert_eq!(follow(&back, &others_cookie).await.trouble(), "attempt");
    assert_eq!(follow(&back, "").await.trouble(), "attempt");
    assert_eq!(follow(&with(&back, "state", "x"), &cookie).await.trouble(), "attempt");
    // Another's code: the provider knows who asked for it, as it goes with that one's verifier.
    let url: Url = others_back.parse().unwrap();
    let stolen = url.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
    assert_eq!(follow(&with(&back, "code", &stolen), &cookie).await.trouble(), "refused");
    assert_eq!(follow(&with(&back, "code", ""), &cookie).await.trouble(), "denied");
    // Its own opens once.
    assert_eq!(follow(&back, &cookie).await.to, "/preferences");
    assert_eq!(follow(&back, &cookie).await.trouble(), "refused", "a code is used once");
    // Nobody is led to another site.
    let begun = follow(&format!("{}/watchbell/v1/session/sign-on?next=//evil.example.com", bed.api().base()), "").await;
    let back = follow(&begun.to, "").await.to.replace(PUBLIC_URL, bed.api().base());
    assert_eq!(follow(&back, &begun.cookie("watchbell_sign_on=")).await.to, "/");
}

async fn a_provider_that_is_ill_says_so_and_keys_go_on(bed: &mut Bed) {
    let idp = Idp::start(&mut bed.settings).await;
    bed.start().await;
    Person::without_telegram(bed.api(), 1).await;
    let begin = format!("{}{BEGIN}", bed.api().base());
    idp.answer_with(Some(503));
    let led = follow(&begin, "").await;
    assert_eq!((led.trouble(), led.to.as_str()), ("unavailable", "/sign-in?next=%2Fpreferences&trouble=unavailable"));
    let page = bed.api().with_key("").get(&led.to).await.expect(200).to_string();
    assert!(page.contains("The identity provider does not work now") && page.contains("API key"), "{page}");
    idp.answer_with(None);
    // It says that it is somebody else, or leads to no web page.
    for lie in [
        json!({ "issuer": "https://evil.example.com" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
        json!({ "jwks_uri": 7 }),
    ] {
        idp.describe_as(lie.clone());
        assert_eq!(follow(&begin, "").await.trouble(), "unavailable", "{lie}");
        // What it leads to was kept; an hour later it is asked anew.
        bed.clock.advance(std::time::Duration::from_secs(3_601));
    }
    idp.describe_as(json!({}));
    let (back, cookie) = set_out(bed).await;
    idp.answer_with(Some(500));
    assert_eq!(follow(&back, &cookie).await.trouble(), "unavailable");
    idp.answer_with(None);
    assert_eq!(sign_in(bed).await.to, "/preferences");
    // Whoever is led to a sentence is led to one of ours.
    let page = bed.api().with_key("").get("/sign-in?trouble=call+this+number").await.expect(200).to_string();
    assert!(!page.contains("call this number"), "{page}");
}
