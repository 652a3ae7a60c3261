//! Moving in from other systems by the commands that an operator types: their answers are in the form of their documents.

use std::process::Output;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::client::Client;
use watchbell_tests::on_both;
use watchbell_tests::process::{said, watchbell};
use watchbell_tests::stand_ins::Act;

on_both!(a_pagerduty_moves_in, an_opsgenie_moves_in, a_goalert_moves_in, a_source_that_is_ill_changes_nothing);

const PHONE: &str = "+4915112345678";
const KEY: &str = "a-key-of-theirs";

/// What `watchbell import` prints.
async fn import(bed: &Bed, arguments: &[&str]) -> Output {
    let url = bed.stand_ins.http.url();
    watchbell(bed.api(), &[&["import"], arguments, &["--url", &url, "--token", KEY]].concat()).await
}

/// The source answers what begins so by that.
fn answers(bed: &Bed, request: &str, answer: &Value) {
    bed.stand_ins.http.program_always(request, Act::answer(200, "", answer.to_string()));
}

async fn everything(api: &Client) -> Value {
    api.get("/watchbell/v1/export?limit=500").await.expect(200)
}

/// Says first what would be, does it, finds nothing to do the next time; and whoever moved in is paged as they were told before.
async fn moves_in(bed: &mut Bed, source: &[&str], name: &str) {
    let before = everything(bed.api()).await;
    let dry = said(&import(bed, source).await);
    assert!(
        dry.contains(&format!("{name}: would make the user")) && dry.ends_with("nothing has been changed yet: --apply does it\n"),
        "{dry}"
    );
    assert_eq!(everything(bed.api()).await, before);
    let applied = [source, &["--apply"]].concat();
    let done = said(&import(bed, &applied).await);
    assert!(done.contains(&format!("{name}: done: make the user")), "{done}");
    let again = said(&import(bed, &applied).await);
    assert!(again.contains("nothing to change"), "{again}");

    let users = everything(bed.api()).await;
    let id = users["users"].as_array().unwrap().iter().find(|user| user["username"] == name).unwrap()["externalId"].clone();
    let event = json!({ "alertId": "A-1", "summary": "disk full", "priority": "HIGH", "responders": [id] });
    bed.nats.publish("alert", "A-1", bed.now(), &event).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, PHONE)).await;
}

async fn a_pagerduty_moves_in(bed: &mut Bed) {
    bed.start().await;
    let user = json!({
        "id": "PXPGF42", "type": "user", "name": "Anna", "email": "anna@example.org", "time_zone": "Berlin",
        "contact_methods": [
            { "id": "PE1", "type": "email_contact_method", "address": "anna@example.org" },
            { "id": "PS1", "type": "sms_contact_method", "country_code": 49, "address": "15112345678", "blacklisted": false, "enabled": true },
            { "id": "PP1", "type": "push_notification_contact_method", "address": "device" },
        ],
    });
    let method = |id: &str| json!({ "id": id, "type": "contact_method_reference" });
    answers(
        bed,
        "/users/PXPGF42/notification_rules?urgency=all ",
        &json!({ "notification_rules": [
        { "id": "R1", "start_delay_in_minutes": 0, "urgency": "high", "contact_method": method("PS1") },
        { "id": "R2", "start_delay_in_minutes": 10, "urgency": "low", "contact_method": method("PE1") },
        { "id": "R3", "start_delay_in_minutes": 600, "urgency": "high", "contact_method": method("PS1") },
    ] }),
    );
    answers(
        bed,
        "/users/PXPGF42/oncall_handoff_notification_rules ",
        &json!({ "oncall_handoff_notification_rules": [
        { "id": "H1", "notify_advance_in_minutes": 60, "handoff_type": "both", "contact_method": method("PE1") },
    ] }),
    );
    // The second page has nobody on it.
    answers(
        bed,
        "/users?include%5B%5D=contact_methods&limit=100&offset=0 ",
        &json!({ "users": [user], "limit": 100, "offset": 0, "more": true }),
    );
    answers(bed, "/users?include%5B%5D=contact_methods&limit=100&offset=100 ", &json!({ "users": [], "more": true }));
    answers(
        bed,
        "/schedules?limit=100&offset=0 ",
        &json!({ "more": false, "schedules": [
        { "id": "PS", "name": "Primary", "http_cal_url": "https://example.pagerduty.com/private/secret/feed/PS" },
        { "id": "PT", "name": "Odd" },
    ] }),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calendars.toml").display().to_string();
    let told = said(&import(bed, &["pagerduty", "--calendars", &file]).await);
    for line in [
        "1 calendars written to",
        "Anna: not taken over: a contact method of the type push_notification_contact_method",
        "delayMin",
        "not taken over: the schedule Odd",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert!(!told.contains("secret"), "{told}");
    let calendars = std::fs::read_to_string(&file).unwrap();
    assert!(calendars.starts_with("[calendars.primary]\nschedule = \"Primary\"\nurl = \"https://"), "{calendars}");

    moves_in(bed, &["pagerduty"], "Anna").await;
    let anna = &everything(bed.api()).await["users"][0];
    assert_eq!((&anna["timezone"], anna["rules"].as_array().map(Vec::len)), (&json!("Europe/Berlin"), Some(3)), "{anna}");
}

async fn an_opsgenie_moves_in(bed: &mut Bed) {
    bed.start().await;
    let answer = |data: Value| json!({ "data": data, "took": 0.1, "requestId": "r" });
    let id = "b5b92115-bfe7-43eb-8c2a-e467f2e5ddc4";
    let user = json!({ "id": id, "username": "ben@example.org", "fullName": "Ben", "timeZone": "Europe/Berlin", "blocked": false });
    answers(
        bed,
        &format!("/v2/users/{id}/contacts "),
        &answer(json!([{ "id": "c1", "method": "sms", "to": "49-15112345678", "status": { "enabled": true } }])),
    );
    answers(
        bed,
        &format!("/v2/users/{id}/notification-rules "),
        &answer(json!([{ "id": "n1", "name": "New alert", "actionType": "create-alert", "enabled": true }])),
    );
    answers(
        bed,
        &format!("/v2/users/{id}/notification-rules/n1 "),
        &answer(json!({
            "id": "n1", "name": "New alert", "actionType": "create-alert", "enabled": true, "criteria": { "type": "match-all" },
            "steps": [{ "contact": { "method": "sms", "to": "49-15112345678" }, "sendAfter": { "timeAmount": 0, "timeUnit": "minutes" }, "enabled": true }],
        })),
    );
    answers(bed, "/v2/users?limit=100&offset=0 ", &answer(json!([user])));
    moves_in(bed, &["opsgenie"], "Ben").await;
}

async fn a_goalert_moves_in(bed: &mut Bed) {
    bed.start().await;
    let node = |name: &str, phone: &str| {
        let dest = json!({ "type": "builtin-twilio-sms", "args": { "phone_number": phone } });
        json!({
            "id": format!("00000000-0000-4000-8000-{phone:0>12}").replace('+', "0"), "name": name, "email": "",
            "contactMethods": [{ "id": "m1", "name": "Mobile", "disabled": false, "pending": false, "dest": dest }],
            "notificationRules": [{ "delayMinutes": 0, "contactMethodID": "m1" }],
        })
    };
    let page = |node: Value, cursor: Option<&str>| json!({ "data": { "users": { "nodes": [node], "pageInfo": { "hasNextPage": cursor.is_some(), "endCursor": cursor } } } });
    answers(bed, "\"after\":\"p2\"", &page(node("Dora", "+4915112345679"), None));
    answers(bed, "/api/graphql ", &page(node("Cleo", PHONE), Some("p2")));
    moves_in(bed, &["goalert"], "Cleo").await;
    assert_eq!(everything(bed.api()).await["users"].as_array().map(Vec::len), Some(2));
    let query = said(&watchbell(bed.api(), &["import", "goalert", "--print-query"]).await);
    assert!(query.starts_with("query WatchbellImport("), "{query}");
}

async fn a_source_that_is_ill_changes_nothing(bed: &mut Bed) {
    bed.start().await;
    let before = everything(bed.api()).await;
    let answers = [
        ("401", Act::answer(401, "", r#"{"error":{"message":"Invalid Authentication"}}"#), "refuses this API key (Invalid Authentication)"),
        ("HTML", Act::answer(200, "", "<html>Sign in</html>"), "cannot be read; is "),
        ("empty", Act::answer(200, "", ""), "cannot be read; is "),
        ("500", Act::answer(500, "", "oops"), "answers 500"),
        ("asks for an hour of quiet", Act::answer(429, "Retry-After: 3600\r\n", ""), "wants 3600 s of quiet"),
        ("closes", Act::close(), "no server answers"),
    ];
    for (what, act, why) in answers {
        bed.stand_ins.http.program_always("", act);
        for source in ["pagerduty", "opsgenie", "goalert", "oncall"] {
            let failed = import(bed, &[source, "--apply"]).await;
            let told = String::from_utf8_lossy(&failed.stderr).into_owned();
            assert!(failed.status.code() == Some(1) && told.lines().count() == 1 && told.contains(why), "{what}, {source}: {failed:?}");
            assert!(!told.contains(KEY), "{told}");
        }
        bed.stand_ins.http.behave();
    }
    // A limit that passes is waited for.
    bed.stand_ins.http.program("", Act::answer(429, "Retry-After: 1\r\n", ""), 1);
    bed.stand_ins.http.program_always("/v2/users", Act::answer(200, "", r#"{"data":[]}"#));
    let told = said(&import(bed, &["opsgenie"]).await);
    assert!(told.contains("0 users: nothing to change"), "{told}");
    // GraphQL says what is wrong with 200.
    bed.stand_ins.http.behave();
    bed.stand_ins.http.program_always("", Act::answer(200, "", r#"{"errors":[{"message":"wrong query for API key"}],"data":null}"#));
    let failed = import(bed, &["goalert"]).await;
    assert!(String::from_utf8_lossy(&failed.stderr).contains("wrong query for API key"), "{failed:?}");
    assert_eq!(everything(bed.api()).await, before);
}
