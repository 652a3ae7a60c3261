//! However hard the API is used, who is paged hears in time.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use watchbell_core::Timestamp;
use watchbell_tests::bed::{Bed, run_by_itself};
use watchbell_tests::client::Client;
use watchbell_tests::database::Kind;
use watchbell_tests::process::Process;
use watchbell_tests::settings::ADMIN_KEY;
use watchbell_tests::team::{Person, alert};
use watchbell_tests::wait;

#[test]
fn pages_go_out_on_sqlite() {
    run_by_itself(Kind::Sqlite, pages_go_out_while_every_route_is_hammered);
}

#[test]
fn pages_go_out_on_postgresql() {
    run_by_itself(Kind::Postgres, pages_go_out_while_every_route_is_hammered);
}

const CONNECTIONS: usize = 100;
/// For each surface.
const DURATION: Duration = Duration::from_millis(2_500);
const BETWEEN_ALERTS: Duration = Duration::from_millis(40);
const SLOWEST: Duration = Duration::from_secs(1);
/// Events and explanations name as many as they may.
const NAMES: usize = 1_000;
/// What stands in a body for something that was never there before.
const ANEW: &str = "anew!";

/// One operation of the OpenAPI document, ready to be called.
#[derive(Clone, Debug)]
struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

async fn pages_go_out_while_every_route_is_hammered(bed: &mut Bed) {
    for rate in ["KEY", "OWN_KEY", "ONCALL_KEY", "APPLICATION_KEY"] {
        bed.settings.set(&format!("HTTP__RATE_LIMIT__{rate}_PER_MINUTE"), "1000000");
    }
    let mut process = Process::serve(&bed.settings, &[]);
    process.ready().await;
    let api = process.api();
    let (anna, ben) = (Person::without_telegram(&api, 1).await, Person::without_telegram(&api, 2).await);
    anna.high(&api, "SMS", 0).await;
    let surfaces = surfaces(&api, &ben).await;
    let calls: usize = surfaces.values().map(Vec::len).sum();
    assert!(calls > 90 && surfaces.len() == 6, "{calls} operations of {:?}", surfaces.keys());
    let address = api.base().trim_start_matches("http://").to_owned();
    let mut published = BTreeMap::new();
    for (surface, calls) in &surfaces {
        let hammering: Vec<_> = (0..CONNECTIONS).map(|at| tokio::spawn(hammer(address.clone(), calls.clone(), at))).collect();
        let until = tokio::time::Instant::now() + DURATION;
        while tokio::time::Instant::now() < until {
            let name = format!("A-{}", published.len());
            published.insert(name.clone(), (surface.clone(), wait::now()));
            bed.nats.publish("alert", &name, wait::now(), &alert(&name, &[&anna])).await;
            wait::pause(BETWEEN_ALERTS).await;
        }
        let mut answered = BTreeMap::new();
        for hammering in hammering {
            for (status, count) in hammering.await.unwrap() {
                *answered.entry(status).or_insert(0) += count;
            }
        }
        println!("{surface}: {} operations answered {answered:?}", calls.len());
        let done = |status: u16| answered.get(&status).copied().unwrap_or_default();
        assert!(done(200) + done(201) + done(202) + done(204) + done(403) + done(404) > 0, "{surface}: {answered:?}");
    }
    bed.outbox().expect(published.len(), "pages", |sent| sent.to == anna.phone).await;
    let mut late: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for sent in bed.outbox().matching(|sent| sent.to == anna.phone) {
        let name = sent.text.split_whitespace().find(|word| word.starts_with("A-")).unwrap();
        let (surface, at): &(String, Timestamp) = &published[name];
        late.entry(surface).or_default().push(if sent.at > *at { sent.at - *at } else { Duration::ZERO });
    }
    for (surface, mut late) in late {
        late.sort_unstable();
        let p99 = late[late.len() * 99 / 100];
        println!("{surface}: {} pages, p50 {:.0?}, p99 {p99:.0?}", late.len(), late[late.len() / 2]);
        assert!(p99 < SLOWEST, "{surface}: {p99:?}");
    }
    process.kill().await;
}

/// Calls one operation after the other until the time is over; how often what was answered, 0 being no whole answer. It is
/// written down to the socket, as clients cost more than the server on which they are to weigh.
async fn hammer(address: String, calls: Vec<Call>, from: usize) -> BTreeMap<u16, usize> {
    let mut answered = BTreeMap::new();
    let until = tokio::time::Instant::now() + DURATION;
    let mut at = from * calls.len() / CONNECTIONS;
    let mut connection = None;
    while tokio::time::Instant::now() < until {
        let call = &calls[at % calls.len()];
        let body = call.body.as_deref().unwrap_or_default().replace(ANEW, &format!("{from}-{at}"));
        at += 1;
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => BufReader::new(TcpStream::connect(&address).await.unwrap()),
        };
        let mut request = format!("{} {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", call.method, call.path, body.len());
        call.headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        // A stream goes on for ever.
        let answer = tokio::time::timeout(Duration::from_secs(2), exchange(&mut stream, &format!("{request}\r\n{body}"))).await;
        let (status, is_whole) = answer.ok().flatten().unwrap_or_default();
        connection = is_whole.then_some(stream);
        *answered.entry(status).or_insert(0) += 1;
    }
    answered
}

/// The status of an answer, and whether all of it was read.
async fn exchange(stream: &mut BufReader<TcpStream>, request: &str) -> Option<(u16, bool)> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let (mut status, mut length, mut line) = (None, None, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match (status, line.trim_end()) {
            (None, first) => status = Some(first.split(' ').nth(1)?.parse().ok()?),
            (_, "") => break,
            (_, header) => {
                let (name, value) = header.split_once(':')?;
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().ok();
                }
            }
        }
    }
    let status = status?;
    let Some(length) = length.or((status == 204).then_some(0)) else { return Some((status, false)) };
    stream.read_exact(&mut vec![0; length]).await.ok()?;
    Some((status, true))
}

/// Every operation that the document has, by surface.
async fn surfaces(api: &Client, ben: &Person) -> BTreeMap<String, Vec<Call>> {
    let document = api.get("/openapi.json").await.expect(200);
    let own = api.post("/watchbell/v1/keys", &json!({ "name": "ben", "role": "user", "user": ben.id })).await.expect(201);
    let pair = api.post("/watchbell/v1/keys", &json!({ "name": "app", "role": "admin", "pair": true })).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = |surface: &str| match surface {
        "/api/v1/" => vec![("authorization", ADMIN_KEY.to_owned())],
        "/admin/" => {
            vec![("x-notiflows-api-key", text(&pair["publicKey"])), ("x-notiflows-secret-key", text(&pair["secretKey"]))]
        }
        "/v1/messaging/" => vec![("authorization", format!("Bearer {}", text(&own["key"])))],
        "" => vec![("x-twilio-signature", "bm90aGluZw==".to_owned()), ("x-telegram-bot-api-secret-token", "wrong".to_owned())],
        _ => vec![("authorization", format!("Bearer {ADMIN_KEY}"))],
    };
    let mut all: BTreeMap<String, Vec<Call>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let prefixes = ["/api/v1/", "/api/", "/v1/messaging/", "/admin/", "/watchbell/v1/"];
        let surface = prefixes.into_iter().find(|prefix| path.starts_with(prefix)).unwrap_or_default();
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
                continue;
            }
            let mut headers = headers(surface);
            let mut body = None;
            if let Some((media_type, content)) =
                operation["requestBody"]["content"].as_object().and_then(|content| content.iter().next_back())
            {
                headers.push(("content-type", media_type.clone()));
                let example = &content["example"];
                body = Some(example.as_str().map_or_else(|| example.to_string(), str::to_owned));
            }
            let mut path = with_parameters(path, ben, method == Method::DELETE);
            if matches!(path.as_str(), "/watchbell/v1/events" | "/watchbell/v1/explain") {
                path = format!("{path}?user={}", ben.id);
                if method == Method::POST {
                    headers.retain(|(name, _)| *name != "content-type");
                    body = Some(largest(ben).to_string());
                }
            }
            all.entry(surface.to_owned()).or_default().push(Call { method, path, headers, body });
        }
    }
    all
}

/// The path of something that is there, but for what would be deleted: then others would find nothing.
fn with_parameters(path: &str, ben: &Person, is_delete: bool) -> String {
    let parts = path.split('/').map(|part| match part {
        "{user}" | "{user-id}" if is_delete && path.ends_with(part) => "999999".to_owned(),
        "{user}" | "{user-id}" => ben.id.to_string(),
        "{id}" if is_delete => "999999".to_owned(),
        "{id}" => ben.email_id.to_string(),
        "{provider}" => "twilio".to_owned(),
        "{action}" => "mark-read".to_owned(),
        "{handle}" | "{notiflow}" => "chat.message".to_owned(),
        "{topic}" => "news".to_owned(),
        "{user_id}" => "somebody".to_owned(),
        other => other.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Another alert each time.
fn largest(ben: &Person) -> Value {
    let nobody = (1..NAMES).map(|at| Value::from(format!("nobody-{at}")));
    let responders: Vec<Value> = nobody.chain([ben.id.into()]).collect();
    json!({ "id": ANEW, "type": "watchbell.events.alert", "alertId": ANEW, "summary": "x", "priority": "HIGH", "responders": responders })
}
