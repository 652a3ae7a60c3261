//! What people do with the page.

use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::browser::Browser;
use watchbell_tests::database::Kind;
use watchbell_tests::on_both;
use watchbell_tests::process::Process;
use watchbell_tests::settings::ADMIN_KEY;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

use super::{admin, calm, key_of, signed_in, texts};
use crate::sign_on::Idp;

on_both!(
    a_key_signs_in_and_out,
    a_revoked_key_ends_what_was_signed_in_with_it,
    an_alert_appears_by_itself_and_is_accepted,
    whoever_is_paged_says_not_me,
    rules_are_edited_in_place,
    a_contact_is_added_and_verified,
    a_dead_letter_is_played_again,
    an_admin_makes_a_key_that_is_shown_once,
    what_would_happen_is_shown_before_it_does,
);

/// The page is another process's than the one that sends.
#[test]
fn a_page_shows_what_other_processes_send() {
    run(Kind::Postgres, async |bed: &mut Bed| {
        let mut rest = Process::serve(&bed.settings, &["--roles", "api,ingest,scheduler"]);
        rest.ready().await;
        let api = rest.api();
        let anna = Person::without_telegram(&api, 1).await;
        anna.high(&api, "SMS", 0).await;
        anna.high(&api, "VOICE", 30).await;
        let browser = signed_in(&api, ADMIN_KEY).await;
        browser.until_shown("No process sends anything").await;
        let worker = Process::serve(&bed.settings, &["--roles", "worker"]);
        worker.logged("worker.started").await;
        browser.until("!document.body.innerText.includes('No process sends anything')").await;
        bed.nats.publish("alert", "1", wait::now(), &alert("DISK-5", &[&anna])).await;
        browser.until("document.querySelectorAll('[data-state=sent]').length === 1").await;
        browser.press_named("DISK-5").await;
        browser.press_named("It is resolved").await;
        browser.until("document.querySelectorAll('[data-state=cancelled]').length === 1").await;
        calm(&browser).await;
    });
}

async fn a_key_signs_in_and_out(bed: &mut Bed) {
    bed.start().await;
    let browser = Browser::start(bed.api().base()).await;
    browser.open("/keys?from=a-link").await;
    browser.until("location.pathname === '/sign-in'").await;
    browser.fill("API key", "wb_wrong").await;
    browser.press_named("Sign in").await;
    browser.until_shown("Nobody has this key").await;
    // The browser says of every 401 that it is one.
    assert!(browser.complaints().await.iter().all(|complaint| complaint.contains("401")));
    browser.fill("API key", ADMIN_KEY).await;
    browser.press_named("Sign in").await;
    // Where the link led in the first place.
    browser.until("location.pathname === '/keys'").await;
    assert_eq!(browser.path().await, "/keys?from=a-link");
    browser.until_shown("All keys").await;
    assert_eq!(browser.value("document.cookie").await, "", "no script sees the session");
    browser.press_named("Sign out").await;
    browser.until("location.pathname === '/sign-in'").await;
    browser.open("/keys").await;
    browser.until("location.pathname === '/sign-in'").await;
    calm(&browser).await;
}

async fn a_revoked_key_ends_what_was_signed_in_with_it(bed: &mut Bed) {
    bed.start().await;
    let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": "a colleague", "role": "admin" })).await.expect(201);
    let browser = signed_in(bed.api(), made["key"].as_str().unwrap()).await;
    browser.open("/topics").await;
    browser.until_shown("There is none yet").await;
    bed.api().delete(&format!("/watchbell/v1/keys/{}", made["id"])).await.expect(204);
    browser.open("/topics").await;
    browser.until("location.pathname === '/sign-in'").await;
    calm(&browser).await;
}

async fn an_alert_appears_by_itself_and_is_accepted(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "VOICE", 5).await;
    let browser = admin(bed).await;
    browser.until_shown("Nothing was sent yet").await;
    browser.value("window.stays = true").await;
    bed.publish("alert", "1", &alert("DISK-1", &[&anna])).await;
    // Both steps: the one that went out, and the one that waits.
    browser.until("document.querySelectorAll('[data-state=sent]').length === 1").await;
    browser.until("document.querySelectorAll('[data-state=scheduled]').length === 1").await;
    assert_eq!(browser.value("window.stays").await, true, "the page was not loaded anew");
    browser.press_named("DISK-1").await;
    browser.until_shown("Open: nobody has it").await;
    browser.press_named("I have it").await;
    browser.until_shown("You have it").await;
    browser.until("document.querySelectorAll('[data-state=cancelled]').length === 1").await;
    browser.until_shown("Accepted").await;
    assert_eq!(bed.api().states("alert=DISK-1").await, ["sent", "cancelled"]);
    // Whoever comes later finds it accepted, and can only resolve it.
    assert_eq!(texts(&browser, "button[data-action]").await, ["It is resolved"]);
    calm(&browser).await;
}

async fn whoever_is_paged_says_not_me(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "VOICE", 5).await;
    bed.publish("alert", "1", &alert("DISK-2", &[&anna])).await;
    let browser = signed_in(bed.api(), &key_of(bed.api(), anna.id).await).await;
    browser.open("/alerts/DISK-2").await;
    browser.until_shown("Open: nobody has it").await;
    browser.press_named("Not me").await;
    browser.until_shown("Your next step comes now").await;
    let called = bed.outbox();
    wait::until("the call that was to come later", async || !called.matching(|sent| sent.is(Channel::Voice, &anna.phone)).is_empty()).await;
    browser.press_named("I have it").await;
    browser.until_shown("Accepted by User001 Test").await;
    // Nobody else's alert is hers to see.
    let ben = Person::create(bed.api(), 2).await;
    bed.publish("alert", "2", &alert("DISK-3", &[&ben])).await;
    browser.open("/alerts/DISK-3").await;
    browser.until_shown("There is no such thing").await;
    assert!(browser.complaints().await.iter().all(|complaint| complaint.contains("404")));
}

async fn rules_are_edited_in_place(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    let browser = signed_in(bed.api(), &key_of(bed.api(), anna.id).await).await;
    assert_eq!(browser.path().await, "/preferences");
    browser.press_named("Add a step: a high alert").await;
    let form = "//details[summary[normalize-space()='Add a step: a high alert']]";
    browser.choose(form, "By", "SMS").await;
    browser.choose(form, "When", "5 min").await;
    browser.press(&format!("{form}//button[normalize-space()='Add']")).await;
    browser.until_shown("after 5 min: SMS").await;
    let rules = async || bed.api().get(&anna.rules("alerts")).await.expect(200);
    let made = rules().await;
    assert_eq!((&made[0]["method"], &made[0]["delayMin"], &made[0]["type"]), (&json!("SMS"), &json!(5), &json!("HIGH_PRIORITY")), "{made}");
    let step = format!("//li[@data-rule='{}']", made[0]["id"]);
    browser.press(&format!("{step}//button[normalize-space()='Change']")).await;
    browser.choose(&step, "When", "1 min").await;
    browser.press(&format!("{step}//button[normalize-space()='Save']")).await;
    browser.until_shown("after 1 min: SMS").await;
    assert_eq!(rules().await[0]["delayMin"], 1);
    // Only for some alerts, and again and again: the other surfaces cannot say that, and do not show it.
    browser.press(&format!("{step}//button[normalize-space()='Change']")).await;
    browser.press(&format!("{step}//summary[normalize-space()='Only if …, and again']")).await;
    browser.press(&format!("{step}//button[normalize-space()='Ask for a label']")).await;
    browser.fill("Label", "team").await;
    browser.fill("Value", "db").await;
    browser.choose(&step, "On duty or not", "Only on duty").await;
    browser.choose(&step, "Tell again until somebody accepts", "3 times").await;
    browser.choose(&step, "Every", "10 min").await;
    browser.press(&format!("{step}//button[normalize-space()='Save']")).await;
    browser.until_shown("only if team = db and on duty; again 3 times, every 10 min, until somebody accepts").await;
    let own = bed.api().get(&format!("/watchbell/v1/users/{}/rules", anna.id)).await.expect(200)["items"][0].clone();
    assert_eq!(own["when"], json!({ "labels": [{ "label": "team", "equals": "db" }], "onDuty": {} }), "{own}");
    assert_eq!((&own["repeatEveryMin"], &own["repeatTimes"], &own["delayMin"]), (&json!(10), &json!(3), &json!(1)), "{own}");
    assert_eq!(rules().await, json!([]));
    calm(&browser).await;
    browser.press(&format!("{step}//button[normalize-space()='Remove']")).await;
    browser.until("document.querySelectorAll('[data-rule]').length === 0").await;
    wait::until("the rule to be gone", async || {
        bed.api().get(&format!("/watchbell/v1/users/{}/rules", anna.id)).await.expect(200)["items"] == json!([])
    })
    .await;
    calm(&browser).await;
}

async fn a_contact_is_added_and_verified(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    let browser = signed_in(bed.api(), &key_of(bed.api(), anna.id).await).await;
    browser.press_named("Add a contact").await;
    browser.fill("Address", "+49 30 23125 777").await;
    browser.press("//details[summary[normalize-space()='Add a contact']]//button[normalize-space()='Add']").await;
    browser.until_shown("not verified").await;
    browser.press_named("Verify").await;
    browser.fill("The code that was sent there", "").await;
    let mut code = String::new();
    let outbox = bed.outbox();
    wait::until("the code to arrive", async || {
        let sent = outbox.matching(|sent| sent.is(Channel::Sms, "+493023125777"));
        let digits =
            sent.first().map(|sent| sent.text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).map(str::to_owned));
        code = digits.flatten().unwrap_or_default();
        !code.is_empty()
    })
    .await;
    browser.fill("The code that was sent there", &code).await;
    browser.press_named("Confirm").await;
    browser.until_shown("is verified: messages go there now").await;
    let contacts = bed.api().get(&format!("/watchbell/v1/users/{}/contacts?kind=phone", anna.id)).await.expect(200);
    let new = contacts["items"].as_array().unwrap().iter().find(|contact| contact["target"] == "+493023125777").unwrap();
    assert_eq!(new["status"], "OK");
    // And it can be tried at once.
    browser.press(&format!("//li[@data-contact='{}']//button[normalize-space()='Send me a test']", new["id"])).await;
    browser.until_shown("twilio").await;
    assert_eq!(bed.outbox().matching(|sent| sent.is(Channel::Sms, "+493023125777")).len(), 2);
    calm(&browser).await;
}

async fn a_dead_letter_is_played_again(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    let mut data = alert("DISK-4", &[]);
    data["responders"] = json!([anna.id + 1]);
    bed.publish("alert", "1", &data).await;
    let browser = admin(bed).await;
    browser.until_shown("1 dead letter").await;
    browser.press_named("1 dead letter").await;
    browser.press_named("What came").await;
    browser.until_shown("DISK-4 is on fire").await;
    let ben = Person::create(bed.api(), 2).await;
    assert_eq!(ben.id, anna.id + 1);
    ben.high(bed.api(), "SMS", 0).await;
    browser.press_named("Play again").await;
    browser.until_shown("It was played again: 1 step is planned").await;
    browser.until_shown("Nothing is left to be looked at").await;
    bed.quiet().await;
    assert_eq!(bed.outbox().matching(|sent| sent.is(Channel::Sms, &ben.phone)).len(), 1);
    calm(&browser).await;
}

async fn an_admin_makes_a_key_that_is_shown_once(bed: &mut Bed) {
    bed.start().await;
    let browser = admin(bed).await;
    browser.open("/keys").await;
    browser.fill("Name", "monitoring").await;
    browser.choose("//section", "Role", "Publisher: publishes events").await;
    browser.press("//form//button[normalize-space()='Make a key']").await;
    browser.until("document.querySelector('.secret') !== null").await;
    let key = texts(&browser, ".secret").await.remove(0);
    let event = json!({ "type": "watchbell.events.alert", "id": "1", "alertId": "A-1", "responders": ["nobody"], "summary": "x" });
    let status = bed.api().with_key(&key).post("/watchbell/v1/events", &event).await.status;
    assert!(status == 202 || status == 400, "{status}: the key publishes");
    browser.open("/keys").await;
    browser.until_shown("monitoring").await;
    assert_eq!(texts(&browser, ".secret").await, Vec::<String>::new());
    browser.press("//button[@aria-label='Revoke monitoring']").await;
    browser.press("//dialog//button[normalize-space()='Revoke']").await;
    browser.until_shown("opens nothing any more").await;
    bed.api().with_key(&key).get("/watchbell/v1/caller").await.expect(401);
    calm(&browser).await;
}

async fn what_would_happen_is_shown_before_it_does(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::create(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    anna.high(bed.api(), "VOICE", 5).await;
    let browser = admin(bed).await;
    browser.open(&format!("/explain?user={}", anna.id)).await;
    browser.until("document.querySelectorAll('tbody tr').length === 2").await;
    let rows = texts(&browser, "tbody tr").await.join("\n");
    assert!(rows.contains("SMS") && rows.contains("Call"), "{rows}");
    assert!(bed.outbox().is_empty());
    calm(&browser).await;
}

/// By an identity provider, which leads the browser back to where it wanted to go.
#[test]
fn somebody_signs_in_by_an_identity_provider() {
    run(Kind::Sqlite, async |bed: &mut Bed| {
        let idp = Idp::start(&mut bed.settings).await;
        bed.settings.set("HTTP__PUBLIC_URL", "").set("OIDC__LABEL", "Sign in with our directory");
        bed.start().await;
        Person::without_telegram(bed.api(), 1).await;
        let browser = Browser::start(bed.api().base()).await;
        browser.open("/preferences").await;
        browser.until_shown("Or with a key").await;
        assert_eq!(browser.barriers().await, Vec::<String>::new());
        browser.picture("sign-in-by-provider").await;
        browser.press_named("Sign in with our directory").await;
        browser.until("location.pathname === '/preferences'").await;
        browser.until_shown("User001 Test").await;
        browser.press_named("Sign out").await;
        browser.until("location.pathname === '/sign-in'").await;
        let elsewhere = |complaint: &String| !complaint.contains(&idp.service.url());
        let complaints: Vec<String> = browser.complaints().await.into_iter().filter(elsewhere).collect();
        assert_eq!(complaints, Vec::<String>::new());
    });
}
