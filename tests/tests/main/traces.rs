//! One trace from the publisher of an event to whoever answers, whichever processes are between them.

use async_nats::{HeaderMap, Message, Subscriber};
use futures::StreamExt;
use serde_json::json;
use watchbell_core::{Channel, Timestamp};
use watchbell_tests::bed::{Bed, run};
use watchbell_tests::broker::binary;
use watchbell_tests::client::Client;
use watchbell_tests::collector::{ToldSpan, spans};
use watchbell_tests::database::Kind;
use watchbell_tests::figures::Figures;
use watchbell_tests::on_both;
use watchbell_tests::process::Process;
use watchbell_tests::stand_ins::{Act, HttpStandIn, Outbox, Request, ServiceStandIn, TWILIO_TOKEN};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{twilio_calls, wait};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISHER: &str = "00f067aa0ba902b7";

on_both!(what_keeps_no_traces_tells_nothing);

#[test]
fn one_trace_leads_from_an_event_to_its_answer() {
    run(Kind::Sqlite, async |bed| one_trace(bed, &[&[]]).await);
}

#[test]
fn one_trace_leads_through_all_processes() {
    let roles: [&[&str]; 3] = [&["--roles", "api,scheduler"], &["--roles", "ingest"], &["--roles", "worker"]];
    run(Kind::Postgres, async |bed| one_trace(bed, &roles).await);
}

/// Anna is told by SMS and by a webhook, whose receiver this is; it takes spans as well.
async fn set_up(bed: &mut Bed) -> (ServiceStandIn, Person) {
    let service = ServiceStandIn::start(|request: &Request| match request.path.as_str() {
        "/v1/traces" => (200, String::new(), r#"{"partialSuccess":{}}"#.to_owned()),
        _ => (204, String::new(), String::new()),
    })
    .await;
    bed.settings
        .set("PROVIDERS__HOOK__KIND", "webhook")
        .set("PROVIDERS__HOOK__SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .set("PROVIDERS__HOOK__ALLOW_PRIVATE", "true")
        .set("CHANNELS__WEBHOOK__PROVIDERS", "hook");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let contact = json!({ "kind": "webhook", "target": format!("{}/hook", service.url()) });
    bed.api().post(&format!("/watchbell/v1/users/{}/contacts", anna.id), &contact).await.expect(201);
    anna.notified_by(bed, "webhook").await;
    anna.high(bed.api(), "SMS", 0).await;
    (service, anna)
}

/// Publishes an alert as a program does that traces what it does.
async fn publish(bed: &Bed, anna: &Person, at: Timestamp) {
    let mut headers: HeaderMap = binary("alert", "1", at);
    headers.insert("ce-traceparent", format!("00-{TRACE}-{PUBLISHER}-01").as_str());
    let client = bed.nats.client().await;
    client.publish_with_headers("watchbell.events.alert", headers, alert("A-1", &[anna]).to_string().into()).await.unwrap();
    client.flush().await.unwrap();
}

async fn one_trace(bed: &mut Bed, roles: &[&[&str]]) {
    let (service, anna) = set_up(bed).await;
    bed.stop().await;
    bed.settings
        .set("TRACES__ENDPOINT", &format!("{}/v1/traces", service.url()))
        .set("TRACES__HEADERS", "x-team: ours")
        .set("LOG__FORMAT", "json")
        .set("LOG__LEVEL", "info,watchbell_channels=debug");
    let mut processes: Vec<Process> = roles.iter().map(|roles| Process::serve(&bed.settings, roles)).collect();
    processes[0].ready().await;
    let worker = processes.last().unwrap();
    worker.logged("worker.started").await;
    let api = processes[0].api();
    let client = bed.nats.client().await;
    let mut out = client.subscribe("watchbell.out.>").await.unwrap();
    client.flush().await.unwrap();

    publish(bed, &anna, wait::now()).await;
    let sms = bed.outbox().expect(1, "SMS", |sent| sent.is(Channel::Sms, &anna.phone)).await;
    let sms = sms[0].delivery.clone().unwrap();
    let hook = service.expect(1, "POST", "/hook").await.remove(0);
    let mut told: Vec<(String, String)> = Vec::new();
    next_out(&mut out, &mut told, 2).await;
    wait::until("the message to be sent", async || api.delivery(&sms).await["state"] == "sent").await;
    call_back(&api, &format!("/callbacks/twilio?delivery={sms}"), &[("MessageStatus", "delivered")]).await;
    call_back(&api, "/callbacks/twilio/message", &[("From", &anna.phone), ("To", "+15005550006"), ("Body", "ok"), ("MessageSid", "SM9")])
        .await;
    // Delivered, and answered.
    next_out(&mut out, &mut told, 4).await;

    let is_single = roles.len() == 1;
    // What is begun as it is planned needs no claim.
    let all = collect(&service, if is_single { 5 } else { 7 }).await;
    assert!(all.iter().all(|span| span.trace_id == TRACE), "{all:#?}");
    let [alert, update] = named(&all, "event.accept")[..] else { panic!("{all:#?}") };
    assert_eq!(alert.parent_id, PUBLISHER);
    let calls = named(&all, "delivery.call");
    let [sms_call, hook_call] = ["sms", "webhook"].map(|channel| {
        let call = calls.iter().find(|call| call.attribute("watchbell.channel") == channel);
        call.unwrap_or_else(|| panic!("no call by {channel}: {all:#?}"))
    });
    for call in [sms_call, hook_call] {
        let behind = all.iter().find(|span| span.span_id == call.parent_id).unwrap();
        assert_eq!(behind.name, if is_single { "event.accept" } else { "delivery.claim" });
        assert!(is_single || behind.parent_id == alert.span_id, "{all:#?}");
    }
    assert_eq!(hook.header("traceparent"), format!("00-{TRACE}-{}-01", hook_call.span_id));
    assert_eq!(named(&all, "delivery.receipt")[0].parent_id, sms_call.span_id);
    assert_eq!(update.parent_id, sms_call.span_id, "the answer was given to that message");
    for (subject, span) in &told {
        let call = if subject.ends_with("answered") || subject.ends_with("delivered") { vec![sms_call] } else { vec![sms_call, hook_call] };
        assert!(call.iter().any(|call| call.span_id == *span), "{subject} {span} {all:#?}");
    }
    let instances: std::collections::BTreeSet<&str> = all.iter().map(|span| span.instance.as_str()).collect();
    assert_eq!(instances.len(), roles.len());
    let written = format!("{all:?}");
    for private in [anna.phone.as_str(), "on fire", "127.0.0.1", "User001", "whsec"] {
        assert!(!written.contains(private), "{private}");
    }
    let logged = worker.log();
    assert!(logged.lines().any(|line| line.contains("delivery.send") && line.contains(&format!("\"trace_id\":\"{TRACE}\""))), "{logged}");
}

/// The subjects and spans of what is published next, until there are so many.
async fn next_out(out: &mut Subscriber, told: &mut Vec<(String, String)>, count: usize) {
    while told.len() < count {
        let Message { subject, headers, .. } = wait::within("what is published", out.next()).await.unwrap();
        let trace = headers.and_then(|headers| headers.get("traceparent").map(ToString::to_string)).unwrap_or_default();
        let span = trace.strip_prefix(&format!("00-{TRACE}-")).and_then(|rest| rest.strip_suffix("-01"));
        told.push((subject.to_string(), span.unwrap_or_else(|| panic!("{subject}: {trace:?}")).to_owned()));
    }
}

async fn call_back(api: &Client, path: &str, form: &[(&str, &str)]) {
    let answer = twilio_calls::call(api, path, form, TWILIO_TOKEN).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.status);
}

/// Everything that the collector was told, once that is so much.
async fn collect(service: &ServiceStandIn, count: usize) -> Vec<ToldSpan> {
    let mut all = Vec::new();
    wait::until("the spans", async || {
        let asked = service.asked("POST", "/v1/traces");
        assert!(asked.iter().all(|request| request.header("x-team") == "ours"));
        all = asked.iter().flat_map(spans).collect();
        all.len() >= count
    })
    .await;
    assert_eq!(all.len(), count, "{all:#?}");
    all
}

fn named<'a>(all: &'a [ToldSpan], name: &str) -> Vec<&'a ToldSpan> {
    all.iter().filter(|span| span.name == name).collect()
}

async fn what_keeps_no_traces_tells_nothing(bed: &mut Bed) {
    let (service, anna) = set_up(bed).await;
    let client = bed.nats.client().await;
    let mut out = client.subscribe("watchbell.out.>").await.unwrap();
    client.flush().await.unwrap();
    publish(bed, &anna, bed.now()).await;
    let hook = service.expect(1, "POST", "/hook").await.remove(0);
    assert_eq!(hook.header("traceparent"), "");
    assert!(wait::within("what is published", out.next()).await.unwrap().headers.is_none());
    bed.quiet().await;
    assert_eq!(bed.database.number("SELECT count(*) FROM events WHERE trace IS NOT NULL").await, 0);
    assert_eq!(Figures::of(bed.api()).await.sum("watchbell_trace_spans_total", &[]), None);
}

/// A collector that is ill costs spans, and nothing else.
#[test]
fn a_collector_that_is_ill_holds_up_nothing() {
    run(Kind::Sqlite, async |bed| {
        let collector = HttpStandIn::start(Outbox::default()).await;
        bed.settings.set("TRACES__ENDPOINT", &format!("{}/v1/traces", collector.url()));
        collector.program("/v1/traces", Act::answer(503, "", "busy"), 1);
        collector.program("/v1/traces", Act::answer(200, "", "<html>Sign in</html>"), 1);
        collector.program("/v1/traces", Act::silence(), 1);
        collector.program_always("/v1/traces", Act::answer(200, "", "{}"));
        let mut process = Process::serve(&bed.settings, &[]);
        process.ready().await;
        let api = process.api();
        let anna = Person::without_telegram(&api, 1).await;
        anna.high(&api, "SMS", 0).await;
        bed.nats.publish("alert", "1", wait::now(), &alert("A-1", &[&anna])).await;
        bed.outbox().reaches(1).await;
        let count = async |result| Figures::of(&api).await.count("watchbell_trace_spans_total", &[&format!("result=\"{result}\"")]);
        wait::until("the first spans to be lost", async || count("lost").await > 0).await;
        assert_eq!(count("exported").await, 0);
        // It hangs; nobody who is told has to wait for it.
        bed.nats.publish("alert", "2", wait::now(), &alert("A-2", &[&anna])).await;
        bed.outbox().reaches(2).await;
        wait::until("spans to be taken", async || count("exported").await > 0).await;
        let log = process.log();
        assert_eq!(log.matches("does not take spans").count(), 1, "{log}");
        assert_eq!(log.matches("takes spans again").count(), 1, "{log}");
    });
}
