//! How every page looks, on a phone and on a desktop, in light and in dark: that nobody is kept out (axe-core), that nothing is wider than
//! the screen, and pictures of all of them in `target/page/`.

use serde_json::json;
use watchbell_tests::bed::{self, Bed};
use watchbell_tests::browser::{Browser, WIDTHS};
use watchbell_tests::database::Kind;
use watchbell_tests::team::{Person, alert};

use super::{admin, calm, key_of, signed_in};

#[test]
fn what_goes_out_and_why() {
    as_admin(async |browser, anna| {
        look(browser, "now", "/now", "DISK-1").await;
        look(browser, "alert", "/alerts/DISK-1", "Open: nobody has it").await;
        look(browser, "explain", &format!("/explain?user={}", anna.id), "would go out").await;
    });
}

#[test]
fn administration() {
    as_admin(async |browser, _| {
        look(browser, "users", "/users", "user001@example.org").await;
        look(browser, "topics", "/topics", "releases").await;
        look(browser, "keys", "/keys", "All keys").await;
        look(browser, "dead-letters", "/dead-letters", "Play again").await;
        look(browser, "audit", "/audit", "topic").await;
    });
}

#[test]
fn what_a_user_and_a_stranger_see() {
    bed::run(Kind::Sqlite, async |bed: &mut Bed| {
        let anna = busy(bed).await;
        let own = signed_in(bed.api(), &key_of(bed.api(), anna.id).await).await;
        look(&own, "preferences", "/preferences", "News by category").await;
        look_at_forms(&own).await;
        look(&own, "refused", "/now", "may not see this page").await;
        let stranger = Browser::start(bed.api().base()).await;
        look(&stranger, "sign-in", "/sign-in", "Sign in to Watchbell").await;
        calm(&stranger).await;
    });
}

/// Looks at pages as an admin does.
fn as_admin(looks: impl AsyncFnOnce(&Browser, &Person)) {
    bed::run(Kind::Sqlite, async |bed: &mut Bed| {
        let anna = busy(bed).await;
        let browser = admin(bed).await;
        looks(&browser, &anna).await;
        calm(&browser).await;
    });
}

/// Something of everything: what was sent, waits, failed, could not be used, and reached nobody.
async fn busy(bed: &mut Bed) -> Person {
    bed.start().await;
    let api = bed.api().clone();
    let anna = Person::create(&api, 1).await;
    anna.high(&api, "PUSH", 0).await;
    anna.high(&api, "SMS", 1).await;
    anna.high(&api, "VOICE", 5).await;
    anna.rule(&api, "duties", json!({ "method": "EMAIL", "type": "ON_CALL", "beforeMin": 60 })).await;
    let own = json!({
        "trigger": "alert_high", "channel": "email", "delayMin": 10, "repeatEveryMin": 15, "repeatTimes": 3,
        "when": {
            "labels": [{ "label": "team", "oneOf": ["ledger", "payments"] }, { "label": "host", "matches": "db-[0-9]+" }],
            "hours": { "start": "22:00", "end": "07:00", "days": [6, 7] }, "onDuty": { "schedule": "primary" },
        },
    });
    api.post(&format!("/watchbell/v1/users/{}/rules", anna.id), &own).await.expect(201);
    api.put("/watchbell/v1/categories/releases", &json!({ "name": "Releases" })).await;
    api.put(&format!("/watchbell/v1/topics/releases/users/{}", anna.id), &json!({})).await.expect(204);
    let mut data = alert("DISK-1", &[&anna]);
    data["summary"] = json!("The disk of db-7 is full; writes to the ledger fail since 03:12");
    data["details"] = json!("/var/lib/postgresql 100 % of 512 GiB\nlast autovacuum: never\n");
    data["labels"] = json!({ "host": "db-7", "team": "ledger" });
    bed.publish("alert", "1", &data).await;
    data["responders"] = json!([anna.id + 1_000]);
    data["alertId"] = json!("DISK-2");
    bed.publish("alert", "2", &data).await;
    anna
}

/// Looks at the preferences with every form open, and every condition of a rule.
async fn look_at_forms(browser: &Browser) {
    for width in WIDTHS {
        browser.look(width, false).await;
        browser.open("/preferences").await;
        browser.until_shown("News by category").await;
        browser.until("!document.getElementById('main').innerText.includes('Loading …')").await;
        browser
            .value(
                "[...document.querySelectorAll('button')].filter((button) => button.innerText === 'Change').forEach((button) => button.click()), \
                 document.querySelectorAll('details').forEach((details) => (details.open = true)), \
                 [...document.querySelectorAll('button')].filter((button) => button.innerText === 'Ask for a label').forEach((button) => button.click()), 0",
            )
            .await;
        browser.picture(&format!("preferences-open-{width}-light")).await;
        assert_eq!(browser.barriers().await, Vec::<String>::new(), "open forms at {width} pixels");
        let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert_eq!(overflow, 0, "open forms at {width} pixels are wider than that");
    }
}

/// Loads a page at each width, in light and in dark.
async fn look(browser: &Browser, name: &str, path: &str, text: &str) {
    for width in WIDTHS {
        for (scheme, is_dark) in [("light", false), ("dark", true)] {
            browser.look(width, is_dark).await;
            browser.open(path).await;
            browser.until_shown(text).await;
            browser.until("!document.getElementById('main').innerText.includes('Loading …')").await;
            browser.picture(&format!("{name}-{width}-{scheme}")).await;
            assert_eq!(browser.barriers().await, Vec::<String>::new(), "{name} at {width} pixels, {scheme}");
            let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(overflow, 0, "{name} at {width} pixels is wider than that");
        }
    }
}
