//! Twilio, Firebase, Telegram and all other chats on one loopback port, told apart by their paths.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use watchbell_core::Channel;

use super::chats;
use super::script::{Act, Script, Then};
use super::{FCM_ACCESS_TOKEN, Outbox, Sent, TELEGRAM_TOKEN, TWILIO_SID, TWILIO_TOKEN};
use crate::wait;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn form(&self) -> HashMap<String, String> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The stand-in; it ends with this value.
#[derive(Debug)]
pub struct HttpStandIn {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    outbox: Outbox,
    script: Script,
    /// Calls that were read and not answered yet.
    in_flight: AtomicUsize,
    /// Message ids given so far.
    ids: AtomicU64,
    tokens: AtomicUsize,
    /// Whether Twilio's lists of messages and calls are there.
    keeps_lists: AtomicBool,
    /// What came for chats, edits and questions included.
    chats: Mutex<Vec<Request>>,
}

impl HttpStandIn {
    pub async fn start(outbox: Outbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            outbox,
            script: Script::default(),
            in_flight: AtomicUsize::new(0),
            ids: AtomicU64::new(0),
            tokens: AtomicUsize::new(0),
            keeps_lists: AtomicBool::new(false),
            chats: Mutex::default(),
        });
        let task = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }
        });
        Self { port, shared, task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on does `act` to requests whose path or body contains `part`, `times` times.
    pub fn program(&self, part: &str, act: Act, times: usize) {
        self.shared.script.add(part, act, Some(times));
    }

    /// From now on does `act` to every request whose path or body contains `part`.
    pub fn program_always(&self, part: &str, act: Act) {
        self.shared.script.add(part, act, None);
    }

    /// Answers as good providers would again.
    pub fn behave(&self) {
        self.shared.script.clear();
    }

    /// From now on says what it has, when it is asked for Twilio's lists.
    pub fn keep_lists(&self) {
        self.shared.keeps_lists.store(true, Ordering::SeqCst);
    }

    /// Messages that were read and are not answered yet.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// What came for chats by that method at a path with that part in it, in order.
    pub fn chats(&self, method: &str, part: &str) -> Vec<Request> {
        let all = self.shared.chats.lock().unwrap();
        all.iter().filter(|request| request.method == method && request.path.contains(part)).cloned().collect()
    }

    /// Access tokens handed out.
    pub fn tokens(&self) -> usize {
        self.shared.tokens.load(Ordering::SeqCst)
    }
}

impl Drop for HttpStandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut bytes = Vec::new();
    while let Some(request) = read(&mut stream, &mut bytes).await {
        let act = shared.script.next(&format!("{} {}", request.path, String::from_utf8_lossy(&request.body)));
        if chats::is_for(&request) || request.path.starts_with("/bot") {
            shared.chats.lock().unwrap().push(request.clone());
        }
        let message = message(&request, &act);
        let counted = message.is_some();
        if let Some(message) = message {
            shared.in_flight.fetch_add(1, Ordering::SeqCst);
            shared.outbox.add(message);
        }
        let done = answer(&mut stream, &shared, &request, act).await;
        if counted {
            shared.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
        if !done {
            return;
        }
    }
}

/// Answers; false when the connection has ended.
async fn answer(stream: &mut TcpStream, shared: &Shared, request: &Request, act: Act) -> bool {
    if !act.after.is_zero() {
        wait::pause(act.after).await;
    }
    let (status, headers, body) = match act.then {
        Then::Usual => usual(shared, request).await,
        Then::Answer(status, headers, body) => (status, headers, body),
        Then::Close => return false,
        Then::HalfClose => {
            let _ = stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 64\r\n\r\n{\"sid").await;
            let _ = stream.shutdown().await;
            let _ = stream.read(&mut [0; 1]).await;
            return false;
        }
        Then::Silence => {
            // Until the caller has had enough of it.
            let _ = stream.read(&mut [0; 1]).await;
            return false;
        }
    };
    let answer =
        format!("HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.is_ok()
}

/// What a good provider answers.
async fn usual(shared: &Shared, request: &Request) -> (u16, &'static str, String) {
    let id = shared.ids.fetch_add(1, Ordering::SeqCst) + 1;
    let path = request.path.as_str();
    let is = |end: &str| path.ends_with(end);
    if !is_authorized(request) {
        let body = json!({ "code": 20003, "message": "Authenticate", "status": 401, "ok": false, "description": "Unauthorized" });
        return (401, "", body.to_string());
    }
    if chats::is_for(request) {
        if path.contains("/sync") {
            // Held as a homeserver does when there is nothing to tell.
            wait::pause(Duration::from_secs(1)).await;
        }
        let (status, body) = chats::answer(request, id);
        return (status, "", body.to_string());
    }
    let is_list = request.method == "GET" && path.starts_with("/2010-04-01/");
    let (status, body) = if is_list && shared.keeps_lists.load(Ordering::SeqCst) {
        (200, list(&shared.outbox, path))
    } else if is("/Messages.json") {
        (201, json!({ "sid": format!("SM{id:032}"), "status": "queued" }))
    } else if is("/Calls.json") {
        (201, json!({ "sid": format!("CA{id:032}"), "status": "queued" }))
    } else if is("/token") {
        shared.tokens.fetch_add(1, Ordering::SeqCst);
        (200, json!({ "access_token": FCM_ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer" }))
    } else if is("/messages:send") {
        (200, json!({ "name": format!("projects/e2e-project/messages/{id}") }))
    } else if is("/sendMessage") {
        (200, json!({ "ok": true, "result": { "message_id": id } }))
    } else if is("/getUpdates") {
        // Held as Telegram does when there is nothing to tell.
        wait::pause(Duration::from_secs(1)).await;
        (200, json!({ "ok": true, "result": [] }))
    } else if is("/setWebhook") || is("/deleteWebhook") {
        (200, json!({ "ok": true, "result": true }))
    } else {
        (404, json!({ "ok": false, "description": "Not Found" }))
    };
    (status, "", body.to_string())
}

/// What was taken of messages or calls to a number, as Twilio lists it: the newest first.
fn list(outbox: &Outbox, path: &str) -> Value {
    let url = url::Url::parse(&format!("http://localhost{path}")).unwrap();
    let asked = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default();
    let (to, from) = (asked("To"), asked("From"));
    let (channel, key) = if url.path().ends_with("/Calls.json") { (Channel::Voice, "calls") } else { (Channel::Sms, "messages") };
    let item = |(number, sent): (usize, &Sent)| {
        json!({
            "sid": format!("{key}-{number}"), "to": to, "from": from, "body": sent.text, "status": "delivered",
            "date_created": sent.at.to_string(), "date_sent": null, "error_code": null,
        })
    };
    let kept = outbox.matching(|sent| sent.accepted && sent.is(channel, &to));
    json!({ key: kept.iter().enumerate().rev().map(item).collect::<Vec<_>>() })
}

fn is_authorized(request: &Request) -> bool {
    let path = request.path.as_str();
    let authorization = request.header("authorization");
    if path.starts_with("/2010-04-01/") {
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{TWILIO_SID}:{TWILIO_TOKEN}"));
        path.starts_with(&format!("/2010-04-01/Accounts/{TWILIO_SID}/")) && authorization == format!("Basic {login}")
    } else if path.starts_with("/bot") {
        path.replace("%3A", ":").starts_with(&format!("/bot{TELEGRAM_TOKEN}/"))
    } else if path.starts_with("/v1/") {
        authorization == format!("Bearer {FCM_ACCESS_TOKEN}")
    } else if chats::is_for(request) {
        chats::is_authorized(request)
    } else {
        true
    }
}

/// The message that a request carries, if it carries one.
fn message(request: &Request, act: &Act) -> Option<Sent> {
    let authorized = is_authorized(request);
    let accepted = authorized
        && match &act.then {
            Then::Usual | Then::Silence | Then::HalfClose => true,
            Then::Answer(status, ..) => (200..300).contains(status),
            Then::Close => false,
        };
    let sent = |channel, to: &str, text: String, delivery: Option<String>| Sent {
        at: wait::now(),
        channel,
        to: to.to_owned(),
        text,
        authorized,
        accepted,
        delivery,
    };
    if chats::is_for(request) {
        let (channel, to, text) = chats::message(request)?;
        return Some(sent(channel, &to, text, None));
    }
    let path = request.path.as_str();
    if path.ends_with("/Messages.json") || path.ends_with("/Calls.json") {
        let form = request.form();
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let callback = url::Url::parse(&field("StatusCallback")).ok();
        let delivery = callback.and_then(|url| url.query_pairs().find(|(key, _)| key == "delivery").map(|(_, id)| id.into_owned()));
        let to = field("To");
        return Some(match to.strip_prefix("whatsapp:") {
            _ if path.ends_with("/Calls.json") => sent(Channel::Voice, &to, field("Twiml"), delivery),
            Some(number) => sent(Channel::Whatsapp, number, field("Body"), delivery),
            None => sent(Channel::Sms, &to, field("Body"), delivery),
        });
    }
    let body = request.json();
    if path.ends_with("/messages:send") {
        let message = &body["message"];
        let shown = format!("{}\n{}", text(&message["notification"]["title"]), text(&message["notification"]["body"]));
        return Some(sent(Channel::Push, &text(&message["token"]), shown, message["data"]["deliveryId"].as_str().map(str::to_owned)));
    }
    path.ends_with("/sendMessage").then(|| sent(Channel::Telegram, &text(&body["chat_id"]), text(&body["text"]), None))
}

/// A JSON text, or whatever else it is as it is written.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads one request; None when the caller has closed.
pub(super) async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let mut lines = head.split("\r\n");
            let mut first = lines.next()?.split(' ');
            let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
            let headers: HashMap<String, String> =
                lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
            let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            let end = at + 4 + length;
            if bytes.len() >= end {
                let body = bytes[at + 4..end].to_vec();
                bytes.drain(..end);
                return Some(Request { method, path, headers, body });
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
