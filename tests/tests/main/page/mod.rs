//! The page, in a real browser: what people see and press, and what comes of it.
//!
//! After every story the browser has seen no error in its console, and asked no other server for anything.

mod looks;
mod stories;

use serde_json::{Value, json};
use watchbell_tests::bed::Bed;
use watchbell_tests::browser::Browser;
use watchbell_tests::client::Client;
use watchbell_tests::settings::ADMIN_KEY;

/// Signs in by the form, as people do.
pub async fn signed_in(api: &Client, key: &str) -> Browser {
    let browser = Browser::start(api.base()).await;
    browser.open("/").await;
    browser.fill("API key", key).await;
    browser.press_named("Sign in").await;
    browser.until("location.pathname !== '/sign-in'").await;
    browser
}

pub async fn admin(bed: &Bed) -> Browser {
    signed_in(bed.api(), ADMIN_KEY).await
}

/// A user's own key.
pub async fn key_of(api: &Client, user: i64) -> String {
    let made = api.post("/watchbell/v1/keys", &json!({ "name": "phone", "role": "user", "user": user })).await.expect(201);
    made["key"].as_str().unwrap().to_owned()
}

/// Ends a story: nothing was wrong on the way.
pub async fn calm(browser: &Browser) {
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// The texts of all elements that a selector finds.
pub async fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let found = browser.value(&format!("[...document.querySelectorAll({})].map((found) => found.innerText.trim())", json!(selector))).await;
    serde_json::from_value::<Vec<Value>>(found).unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}
