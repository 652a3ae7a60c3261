//! Moving in and out by the commands that an operator types, between two servers.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use watchbell_tests::bed::Bed;
use watchbell_tests::client::Client;
use watchbell_tests::on_both;
use watchbell_tests::process::{said, watchbell};
use watchbell_tests::server::Running;
use watchbell_tests::settings::{ADMIN_KEY, Settings};
use watchbell_tests::team::Person;

on_both!(
    an_oncall_s_users_and_chains_move_in,
    an_export_moves_to_another_server,
    files_that_are_no_exports_change_nothing,
    an_import_that_was_cut_off_goes_on,
    a_team_in_a_file_is_what_is_there,
    a_team_s_file_with_a_slip_takes_nothing_away
);

/// A second server, on SQLite.
struct Elsewhere {
    server: Running,
    folder: tempfile::TempDir,
}

impl Elsewhere {
    async fn start(bed: &Bed) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(&format!("sqlite://{}", folder.path().join("watchbell.db").display()), "");
        bed.stand_ins.configure(&mut settings);
        let server = Running::start(&settings, std::sync::Arc::new(bed.clock.clone())).await;
        Self { server: server.unwrap_or_else(|error| panic!("the second server does not start: {error}")), folder }
    }

    fn file(&self) -> String {
        self.folder.path().join("users.json").display().to_string()
    }
}

/// The one line that says why it failed.
#[track_caller]
fn why(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}

/// All that a server's users have said.
async fn everything(api: &Client) -> Value {
    api.get("/watchbell/v1/export?limit=500").await.expect(200)
}

/// Ten users with chains of both importances, gaps among them.
async fn oncall(api: &Client) {
    let page: Vec<Value> = (0..10)
        .map(|number| {
            let step = |important: bool, position: u8, kind: &str| json!({ "important": important, "position": position, "type": kind });
            json!({
                "externalId": format!("ONCALL{number}"),
                "username": format!("user{number}"),
                "timezone": "Europe/Berlin",
                "contacts": [{ "kind": "email", "target": format!("user{number}@example.org") }],
                "chains": [
                    step(true, 0, "notify_by_mobile_app_critical"), step(true, 1, "wait"), step(true, 7, "notify_by_sms"),
                    step(false, 0, "wait"), step(false, 1, "notify_by_email"),
                ],
            })
        })
        .collect();
    let made = api.post("/watchbell/v1/import", &json!({ "users": page })).await.expect(200);
    assert!(made["users"].as_array().unwrap().iter().all(|user| user["problems"] == json!([])), "{made}");
}

async fn an_oncall_s_users_and_chains_move_in(bed: &mut Bed) {
    bed.start().await;
    let old = Elsewhere::start(bed).await;
    oncall(&old.server.api).await;
    // Somebody who is here already is found by email, and keeps what they are called.
    let here = json!({ "username": "Anna", "email": "USER3@example.org" });
    let anna = bed.api().post("/api/users", &here).await.expect(201)["id"].clone();
    let import = |more: &[&'static str]| {
        let url = format!("{}/api/v1/", old.server.api.base());
        let (api, more) = (bed.api().clone(), more.to_vec());
        async move { watchbell(&api, &[&["import", "oncall", "--url", &url, "--token", ADMIN_KEY], &more[..]].concat()).await }
    };
    let before = everything(bed.api()).await;
    let dry = said(&import(&[]).await);
    assert!(dry.contains("10 users, 50 rules") && dry.contains("user0: would make the user"), "{dry}");
    assert!(dry.ends_with("nothing has been changed yet: --apply does it\n"), "{dry}");
    assert_eq!(everything(bed.api()).await, before);

    let done = said(&import(&["--apply"]).await);
    assert!(done.contains("user0: done: make the user") && done.contains(", 0 not taken over"), "{done}");
    let rules = async |api: &Client| {
        let (anybody, key) = (api.with_key(""), [("authorization", ADMIN_KEY)]);
        let list = "/api/v1/personal_notification_rules/?perpage=100";
        let answer = anybody.try_call(reqwest::Method::GET, list, &key, None).await.unwrap();
        let mut rules = answer.expect(200)["results"].as_array().unwrap().clone();
        for rule in &mut rules {
            rule.as_object_mut().unwrap().remove("user_id");
        }
        rules.sort_by_key(|rule| rule["id"].to_string());
        rules
    };
    assert_eq!(rules(bed.api()).await, rules(&old.server.api).await, "with ids, positions and gaps");
    let anna = bed.api().get(&format!("/watchbell/v1/users/{anna}")).await.expect(200);
    assert_eq!((&anna["username"], anna["externalId"].is_string()), (&json!("Anna"), true), "{anna}");

    for arguments in [&["--apply"][..], &[]] {
        let again = said(&import(arguments).await);
        assert!(again.ends_with("10 users: nothing to change, 0 not taken over\n"), "{again}");
    }
    let url = old.server.api.base().to_owned();
    let refused = watchbell(bed.api(), &["import", "oncall", "--url", &url, "--token", "wrong"]).await;
    assert!(why(&refused).contains("refuses this API key"), "{refused:?}");
    old.server.stop().await;
}

/// A team that has said something of most kinds.
async fn team(api: &Client) {
    for number in 1..=3 {
        let person = Person::create(api, number).await;
        person.high(api, "SMS", 5).await;
        person.high(api, "PUSH", 0).await;
        person.rule(api, "duties", json!({ "method": "EMAIL", "beforeMin": 30, "type": "ON_CALL" })).await;
        let own = json!({
            "trigger": "alert_high", "channel": "email", "repeatEveryMin": 5, "repeatTimes": 3,
            "when": { "labels": [{ "label": "team", "oneOf": ["db", "web"] }], "onDuty": { "schedule": "primary" } },
        });
        api.post(&format!("/watchbell/v1/users/{}/rules", person.id), &own).await.expect(201);
        let night = json!({ "quietHours": { "start": "22:00", "end": "07:00" }, "locale": "de" });
        api.put(&format!("/watchbell/v1/users/{}", person.id), &night).await.expect(200);
        api.put(&format!("/watchbell/v1/topics/storms/users/{}", person.id), &json!({})).await.expect(204);
        let status = format!("/watchbell/v1/users/{}/contacts/{}/status", person.id, person.phone_id);
        api.put(&status, &json!({ "status": "LOCKED" })).await.expect(200);
    }
}

async fn an_export_moves_to_another_server(bed: &mut Bed) {
    bed.start().await;
    let new = Elsewhere::start(bed).await;
    team(bed.api()).await;
    let file = new.file();
    // A file that everybody could read before.
    std::fs::write(&file, "old").unwrap();
    set_mode(&file, 0o644);
    assert_eq!(said(&watchbell(bed.api(), &["export", "--file", &file]).await), format!("3 users written to {file}\n"));
    assert_eq!(mode(&file), 0o600);

    let there = &new.server.api;
    let dry = said(&watchbell(there, &["import", "file", &file]).await);
    assert!(dry.ends_with("nothing has been changed yet: --apply does it\n"), "{dry}");
    said(&watchbell(there, &["import", "file", &file, "--apply"]).await);
    assert_eq!(everything(there).await, everything(bed.api()).await);
    let again = said(&watchbell(there, &["import", "file", &file, "--apply"]).await);
    assert!(again.ends_with("3 users: nothing to change, 0 not taken over\n"), "{again}");
    new.server.stop().await;
}

async fn files_that_are_no_exports_change_nothing(bed: &mut Bed) {
    bed.start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.json").display().to_string();
    let import = async |text: &[u8]| {
        std::fs::write(&file, text).unwrap();
        watchbell(bed.api(), &["import", "file", &file, "--apply"]).await
    };
    let before = everything(bed.api()).await;
    for text in
        [&b""[..], b"{", b"[]", b"{\"version\":1}", b"\xff\xfe", b"{\"version\":2,\"users\":[]}", b"{\"version\":1,\"users\":[],\"x\":1}"]
    {
        let told = why(&import(text).await);
        assert!(told.starts_with(&format!("watchbell: cannot import {file}: it is ")), "{told}");
    }
    let told = why(&import(b"{\"version\":1,\"users\":[],\"categories\":[{\"handle\":\"a b\"}]}").await);
    assert!(told.contains("categories[0].handle"), "{told}");
    let missing = watchbell(bed.api(), &["import", "file", "/nowhere/users.json", "--apply"]).await;
    assert!(why(&missing).contains("/nowhere/users.json"), "{missing:?}");
    // Users that make no sense are named, each, and nothing of them is taken over.
    let told = said(&import(br#"{"version":1,"users":[1,{},{"externalId":"x"},{"externalId":"y","username":"y","foot":1}]}"#).await);
    for line in
        ["user 1: not taken over: ", "user 2: not taken over: externalId is missing", "x: not taken over: ", "y: not taken over: foot"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(everything(bed.api()).await, before);
}

/// What a cut leaves is a user with some of their parts: the next run adds the others, and nothing twice.
async fn an_import_that_was_cut_off_goes_on(bed: &mut Bed) {
    bed.start().await;
    let old = Elsewhere::start(bed).await;
    team(&old.server.api).await;
    oncall(&old.server.api).await;
    let whole = everything(&old.server.api).await;
    let mut half = whole.clone();
    let users = half["users"].as_array_mut().unwrap();
    users.truncate(8);
    for user in users {
        for part in ["contacts", "devices", "rules", "ownRules", "chains", "topics"] {
            let list = user[part].as_array_mut().unwrap();
            list.truncate(list.len() / 2);
        }
    }
    // A rule that names a contact which is not there yet is left for the next run.
    bed.api().post("/watchbell/v1/import", &half).await.expect(200);
    let file = old.file();
    std::fs::write(&file, whole.to_string()).unwrap();
    let rest = said(&watchbell(bed.api(), &["import", "file", &file, "--apply"]).await);
    assert!(rest.ends_with(", 0 not taken over\n"), "{rest}");
    assert_eq!(sorted(everything(bed.api()).await), sorted(whole));
    old.server.stop().await;
}

/// In order of each list's own text: what came in two parts stands in another order.
fn sorted(mut all: Value) -> Value {
    for user in all["users"].as_array_mut().unwrap() {
        for (_, part) in user.as_object_mut().unwrap() {
            if let Some(list) = part.as_array_mut() {
                list.sort_by_key(Value::to_string);
            }
        }
    }
    all
}

fn mode(file: &str) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&Path::new(file).metadata().unwrap().permissions()) & 0o777
}

fn set_mode(file: &str, mode: u32) {
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

const TEAM: &str = r#"
[[categories]]
handle = "releases"

[[users]]
externalId = "anna"
username = "Anna"
timezone = "Europe/Berlin"
topics = ["storms"]
contacts = [{ kind = "email", target = "anna@example.org" }, { kind = "phone", target = "+4915112345678" }]

[[users.rules]]
kind = "alerts"
type = "HIGH_PRIORITY"
method = "SMS"
delayMin = 5
contact = { kind = "phone", target = "+4915112345678" }
"#;

async fn apply(bed: &Bed, team: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("team.toml");
    std::fs::write(&file, team).unwrap();
    watchbell(bed.api(), &[&["apply", "--file", &file.display().to_string()], more].concat()).await
}

async fn a_team_in_a_file_is_what_is_there(bed: &mut Bed) {
    bed.start().await;
    let before = everything(bed.api()).await;
    let dry = said(&apply(bed, TEAM, &["--dry-run"]).await);
    assert!(dry.contains("Anna: would make the user") && dry.ends_with("the same without --dry-run does it\n"), "{dry}");
    assert_eq!(everything(bed.api()).await, before);
    let done = said(&apply(bed, TEAM, &[]).await);
    assert!(done.contains("Anna: done: add a rule") && done.contains(", 0 not taken over"), "{done}");
    for more in [&[][..], &["--prune"], &["--dry-run", "--prune"]] {
        assert!(said(&apply(bed, TEAM, more).await).contains("nothing to change"), "{more:?}");
    }
    // What somebody added by hand stays until it is pruned; somebody who is not in the file stays always.
    let found = bed.api().get("/watchbell/v1/users/anna").await.expect(200);
    let anna = found["id"].as_i64().unwrap();
    let users = format!("/watchbell/v1/users/{anna}");
    let other = bed.api().post(&format!("{users}/contacts"), &json!({ "kind": "email", "target": "other@example.org" })).await.expect(201);
    let rule = json!({ "method": "EMAIL", "type": "HIGH_PRIORITY", "delayMin": 1, "contact": { "id": other["id"] } });
    bed.api().post(&format!("/api/users/{anna}/notification-preferences/alerts"), &rule).await.expect(201);
    bed.api().put(&format!("/watchbell/v1/topics/rain/users/{anna}"), &json!({})).await.expect(204);
    Person::without_telegram(bed.api(), 7).await;
    let with_more = everything(bed.api()).await;
    assert!(said(&apply(bed, TEAM, &[]).await).contains("nothing to change"));
    let dry = said(&apply(bed, TEAM, &["--prune", "--dry-run"]).await);
    for line in
        ["would delete a rule: alert_high by email, 60 s", "would delete the email contact", "would take the user out of the topic rain"]
    {
        assert!(dry.contains(line), "{line}: {dry}");
    }
    assert!(!dry.contains("other@example.org"), "{dry}");
    assert_eq!(everything(bed.api()).await, with_more);
    assert!(said(&apply(bed, TEAM, &["--prune"]).await).contains("3 changes made, 0 not taken over"));
    let users = everything(bed.api()).await["users"].clone();
    let anna = users.as_array().unwrap().iter().find(|user| user["externalId"] == "anna").unwrap();
    let count = |list: &str| anna[list].as_array().map(Vec::len);
    assert_eq!((count("contacts"), count("rules"), &anna["topics"]), (Some(2), Some(1), &json!(["storms"])), "{anna}");
    assert_eq!(users.as_array().map(Vec::len), Some(2));
    // A list that is not said is not pruned.
    let without_topics = TEAM.replace("topics = [\"storms\"]\n", "");
    assert!(said(&apply(bed, &without_topics, &["--prune"]).await).contains("nothing to change"));
}

async fn a_team_s_file_with_a_slip_takes_nothing_away(bed: &mut Bed) {
    bed.start().await;
    said(&apply(bed, TEAM, &[]).await);
    let before = everything(bed.api()).await;
    let slip = TEAM.replace("kind = \"phone\"", "kind = \"fone\"");
    let told = said(&apply(bed, &slip, &["--prune"]).await);
    assert!(told.contains("nothing was taken away, as not everything that was said could be done"), "{told}");
    assert_eq!(everything(bed.api()).await, before);
    for (team, expected) in [
        ("[[users]\n", "line 1: "),
        ("\n[[people]]\nexternalId = \"a\"\n", "line 2: unknown field `people`, expected `categories` or `users`"),
    ] {
        let told = why(&apply(bed, team, &[]).await);
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(everything(bed.api()).await, before);
}
