//! What operators read at `/metrics`, and what stands in `deploy/monitoring` to read it with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::broker::free_port;
use watchbell_tests::client::Client;
use watchbell_tests::database::Kind;
use watchbell_tests::figures::{Figures, promtool};
use watchbell_tests::process::Process;
use watchbell_tests::proxy::{Mood, Proxy};
use watchbell_tests::stand_ins::Act;
use watchbell_tests::team::{Person, alert, update};
use watchbell_tests::{on_both, wait};

on_both!(what_happens_is_counted, who_may_read_figures);

/// The database is asked so often at most.
const FRESH: Duration = Duration::from_millis(3_100);

/// Anna's SMS goes out at once; Ben's first one fails for good, and his mail, which is due later, is accepted before; one event names
/// nobody.
async fn play(bed: &Bed) {
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    let ben = Person::without_telegram(bed.api(), 2).await;
    ben.high(bed.api(), "EMAIL", 5).await;
    bed.publish("alert", "A-1", &alert("A-1", &[&anna])).await;
    bed.publish("alert", "A-1", &alert("A-1", &[&anna])).await;
    bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    bed.stand_ins.http.program("Messages.json", Act::answer(400, "", "{\"code\":21211,\"message\":\"x\"}"), 1);
    bed.publish("alert", "A-2", &alert("A-2", &[&anna, &ben])).await;
    bed.publish("update", "U-2", &update("A-2", "ACCEPTED", Some(&ben))).await;
    bed.publish("alert", "A-3", &alert("A-3", &[&ben])).await;
    bed.publish("alert", "A-4", &json!({ "alertId": "A-4", "summary": "x", "responders": ["nobody@example.org"] })).await;
    bed.quiet().await;
}

async fn what_happens_is_counted(bed: &mut Bed) {
    bed.start().await;
    play(bed).await;
    wait::until("the consumers to be looked at", async || {
        bed.clock.advance(Duration::from_secs(1));
        Figures::of(bed.api()).await.sum("watchbell_nats_consumer_pending", &[]).is_some()
    })
    .await;
    wait::pause(FRESH).await;
    let seen = Figures::of(bed.api()).await;
    seen.check_form();
    let events =
        |kind: &str, result: &str| seen.count("watchbell_events_total", &[&format!("kind=\"{kind}\""), &format!("result=\"{result}\"")]);
    assert_eq!((events("alert", "accepted"), events("alert", "duplicate"), events("alert", "dead_letter")), (3, 1, 1), "{}", seen.text);
    assert_eq!((events("update", "accepted"), events("duty", "accepted")), (1, 0));
    let sms = ["channel=\"sms\"", "provider=\"twilio\""];
    let calls = |class: &str| seen.count("watchbell_calls_total", &[sms[0], sms[1], &format!("class=\"{class}\"")]);
    assert_eq!((calls("Accepted"), calls("BadAddress"), calls("Unknown")), (1, 1, 0));
    let deliveries = |state: &str| seen.count("watchbell_deliveries_total", &[sms[0], sms[1], &format!("state=\"{state}\"")]);
    assert_eq!((deliveries("sent"), deliveries("failed")), (1, 1));
    assert_eq!(seen.count("watchbell_deliveries_total", &["reason=\"bad_address\""]), 1);
    assert_eq!(seen.count("watchbell_deliveries_moved_total", &["state=\"cancelled\""]), 1, "{}", seen.text);
    assert_eq!(seen.count("watchbell_due_to_call_seconds_count", &["channel=\"sms\"", "rank=\"high\""]), 2);
    assert_eq!(seen.count("watchbell_due_to_call_seconds_count", &["channel=\"sms\"", "rank=\"normal\""]), 0);
    assert_eq!(seen.count("watchbell_provider_breaker", &[sms[0], "state=\"closed\""]), 1);
    // What the database knows.
    assert_eq!(seen.sum("watchbell_database_up", &[]), Some(1.0));
    assert_eq!(seen.sum("watchbell_dead_letters_open", &[]), Some(1.0));
    assert_eq!(seen.count("watchbell_queue_deliveries", &["channel=\"email\"", "rank=\"high\""]), 1);
    assert_eq!(seen.count("watchbell_queue_due_deliveries", &["channel=\"email\"", "rank=\"high\""]), 0);
    assert_eq!(seen.count("watchbell_processes", &["roles=\"api, ingest, scheduler, worker\""]), 1);
    // Nothing that is somebody's.
    for secret in ["example.org", "+49", "A-1", "User001", "nobody@"] {
        assert!(!seen.text.contains(secret), "{secret} in\n{}", seen.text);
    }
    check_monitoring(&seen);
}

/// A key for who reads everything, on the API's listener.
async fn who_may_read_figures(bed: &mut Bed) {
    let port = free_port();
    bed.settings.set("METRICS__LISTEN", &format!("127.0.0.1:{port}"));
    bed.start().await;
    let stranger = bed.api().with_key("");
    assert_eq!(stranger.get("/metrics").await.status, 401);
    for (role, status) in [("publisher", 403), ("reader", 200)] {
        let made = bed.api().post("/watchbell/v1/keys", &json!({ "name": role, "role": role })).await.expect(201);
        let client = bed.api().with_key(made["key"].as_str().unwrap());
        assert_eq!(client.get("/metrics").await.status, status, "{role}");
    }
    // On its own listener there is nothing else.
    let own = Client::new(format!("http://127.0.0.1:{port}"), "");
    Figures::of(&own).await.check_form();
    assert_eq!(own.get("/watchbell/v1/keys").await.status, 404);
    bed.stop().await;
    bed.settings.set("METRICS__OPEN", "true");
    bed.start().await;
    Figures::of(&bed.api().with_key("")).await.check_form();
}

/// Each process tells what it did, and all of them what the database knows.
#[test]
fn processes_with_one_role_each_tell_their_part() {
    run(Kind::Postgres, async |bed| {
        let mut parts = BTreeMap::new();
        for role in ["api", "ingest", "scheduler", "worker"] {
            let port = free_port();
            bed.settings.set("METRICS__LISTEN", &format!("127.0.0.1:{port}"));
            let process = Process::serve(&bed.settings, &["--roles", role]);
            parts.insert(role, (process, Client::new(format!("http://127.0.0.1:{port}"), "")));
        }
        parts.get_mut("api").unwrap().0.ready().await;
        let api = parts["api"].0.api();
        parts["worker"].0.logged("worker.started").await;
        let anna = Person::without_telegram(&api, 1).await;
        anna.high(&api, "SMS", 0).await;
        anna.high(&api, "EMAIL", 5).await;
        bed.nats.publish_all("alert", (0..20).map(|n| (format!("A-{n}"), alert(&format!("A-{n}"), &[&anna])))).await;
        bed.outbox().reaches(20).await;
        wait::pause(FRESH).await;
        let mut seen = BTreeMap::new();
        for (role, (_, client)) in &parts {
            let figures = Figures::of(client).await;
            figures.check_form();
            seen.insert(*role, figures);
        }
        let accepted = ["kind=\"alert\"", "result=\"accepted\""];
        let sent = ["channel=\"sms\"", "state=\"sent\""];
        for (role, figures) in &seen {
            assert_eq!(figures.count("watchbell_events_total", &accepted), if *role == "ingest" { 20 } else { 0 }, "{role}");
            assert_eq!(figures.count("watchbell_deliveries_total", &sent), if *role == "worker" { 20 } else { 0 }, "{role}");
            assert_eq!(figures.count("watchbell_queue_deliveries", &["channel=\"email\"", "rank=\"high\""]), 20, "{role}");
            assert_eq!(figures.count("watchbell_processes", &[]), 4, "{role}: {}", figures.text);
            assert_eq!(figures.sum("watchbell_build_info", &[&format!("roles=\"{role}\"")]), Some(1.0));
        }
        assert!(seen["ingest"].sum("watchbell_nats_consumer_pending", &["consumer=\"watchbell-alert\""]).is_some());
        // One that ends in order is gone at once.
        let (ended, _) = parts.remove("scheduler").unwrap();
        assert_eq!(ended.terminate().await.status.code(), Some(0));
        wait::pause(FRESH).await;
        assert_eq!(Figures::of(&parts["api"].1).await.count("watchbell_processes", &[]), 3);
    });
}

/// A database that takes questions and answers none keeps nobody from reading what the process itself knows.
#[test]
fn figures_are_told_while_the_database_hangs() {
    run(Kind::Postgres, async |bed| {
        let (url, port) = (bed.database.url(), free_port());
        let at = url::Url::parse(&url).unwrap();
        let proxy = Proxy::before(at.port().unwrap()).await;
        let mut through = at.clone();
        through.set_port(Some(proxy.port())).unwrap();
        bed.settings.set("DATABASE__URL", through.as_str()).set("METRICS__LISTEN", &format!("127.0.0.1:{port}"));
        let mut process = Process::serve(&bed.settings, &[]);
        process.ready().await;
        let own = Client::new(format!("http://127.0.0.1:{port}"), "");
        let before = Figures::of(&own).await;
        assert_eq!(before.sum("watchbell_database_up", &[]), Some(1.0));
        proxy.is(Mood::Mute);
        wait::pause(FRESH).await;
        let began = wait::now();
        let many = futures::future::join_all((0..8).map(|_| Figures::of(&own))).await;
        let took = wait::now() - began;
        assert!(took < Duration::from_secs(5), "{took:?}");
        for seen in many {
            assert_eq!(seen.sum("watchbell_database_up", &[]), Some(0.0));
            assert!(seen.sum("watchbell_build_info", &[]).is_some() && seen.sum("watchbell_queue_deliveries", &[]).is_none());
            seen.check_form();
        }
        proxy.is(Mood::Well);
        wait::until("the database to be known again", async || Figures::of(&own).await.sum("watchbell_database_up", &[]) == Some(1.0))
            .await;
    });
}

fn monitoring() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/monitoring")
}

#[test]
fn the_rules_fire_when_they_should() {
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules.test.yml"]] {
        let output = promtool().args(arguments).current_dir(monitoring()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
    }
}

/// Names that Prometheus knows itself, and labels that it adds.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];
const ADDED_LABELS: [&str; 3] = ["job", "instance", "le"];
/// What is told only when it happens: no such thing does while the others are looked at.
const RARE: [(&str, &[&str]); 4] = [
    ("watchbell_calendar_good_timestamp_seconds", &["calendar"]),
    ("watchbell_clock_ahead_seconds", &[]),
    ("watchbell_provider_calls_taken_today", &["channel", "provider"]),
    ("watchbell_provider_calls_allowed_today", &["channel", "provider"]),
];

/// The dashboard and the rules ask for nothing that is not told.
fn check_monitoring(seen: &Figures) {
    let mut told = seen.names();
    for (name, labels) in RARE {
        told.entry(name.to_owned()).or_default().extend(labels.iter().map(|label| (*label).to_owned()));
    }
    let mut expressions = Vec::new();
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(monitoring().join("dashboard.json")).unwrap()).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        expressions.extend(targets.iter().map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    assert!(expressions.len() > 20);
    let rules = std::fs::read_to_string(monitoring().join("rules.yml")).unwrap();
    for rule in rules.split("- alert:").skip(1) {
        let expression = rule.split_once("expr:").unwrap().1.split_once("labels: {").unwrap().0;
        expressions.push(expression.split("for:").next().unwrap().replace(">-", ""));
    }
    let mut wrong = Vec::new();
    for expression in &expressions {
        let words = words(expression);
        let metrics: Vec<&String> = words.iter().filter(|word| word.starts_with("watchbell_") || word.starts_with("process_")).collect();
        let known: BTreeSet<&str> = metrics.iter().filter_map(|name| told.get(*name)).flatten().map(String::as_str).collect();
        wrong.extend(metrics.iter().filter(|name| !told.contains_key(**name)).map(|name| format!("{name} is not told: {expression}")));
        for label in labels(expression) {
            if !known.contains(label.as_str()) && !ADDED_LABELS.contains(&label.as_str()) {
                wrong.push(format!("{label} is no label of these: {expression}"));
            }
        }
        assert!(!metrics.is_empty() || words.iter().any(|word| OF_PROMETHEUS.contains(&word.as_str())), "{expression}");
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), seen.text);
}

fn words(expression: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    expression.split(|letter| !is_part(letter)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What stands in braces before a comparison, and in the brackets of `by`.
fn labels(expression: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for selector in expression.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
        labels.extend(selector.0.split(',').filter_map(|part| part.split(['=', '!']).next()).map(|label| label.trim().to_owned()));
    }
    for by in expression.split("by (").skip(1).filter_map(|rest| rest.split_once(')')) {
        labels.extend(by.0.split(',').map(|label| label.trim().to_owned()));
    }
    labels
}
