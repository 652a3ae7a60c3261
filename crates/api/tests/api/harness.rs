//! A database with two users and a key of each role, and a way to call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use watchbell_api::{Api, ApiSettings, ChannelStatus, Health, ProviderStatus};
use watchbell_channels::inline::EventIntake;
use watchbell_core::access::Role;
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, Clock, ManualClock, Secret, Timestamp, UserId};
use watchbell_providers::inbound::Inbound;
use watchbell_providers::settings::ProviderSettings;
use watchbell_scheduler::{RulePlanner, SchedulerSettings};
use watchbell_store::access::{Actor, NewKey};
use watchbell_store::directory::NewUser;
use watchbell_store::{Options, Store};

pub const ADMIN: &str = "wb_admin";
/// Anna's own key.
pub const USER: &str = "wb_user";
pub const READER: &str = "wb_reader";
pub const PUBLISHER: &str = "wb_publisher";
/// An admin's pair.
pub const PUBLIC_KEY: &str = "pk_admin";
pub const SECRET_KEY: &str = "sk_admin";
pub const TWILIO_TOKEN: &str = "12345";
pub const TELEGRAM_SECRET: &str = "hook-secret";

#[derive(Debug)]
pub struct Process {
    pub nats: Mutex<Option<bool>>,
}

impl Health for Process {
    fn nats_connected(&self) -> Option<bool> {
        *self.nats.lock().unwrap()
    }

    fn providers(&self) -> Vec<ProviderStatus> {
        vec![ProviderStatus { name: "twilio".to_owned(), kind: "twilio".to_owned() }]
    }

    fn channels(&self) -> Vec<ChannelStatus> {
        let twilio = ProviderStatus { name: "twilio".to_owned(), kind: "twilio".to_owned() };
        vec![
            ChannelStatus { channel: Channel::Sms, providers: vec![twilio] },
            ChannelStatus { channel: Channel::Email, providers: Vec::new() },
        ]
    }
}

pub struct World {
    pub api: Api,
    pub store: Arc<dyn Store>,
    pub clock: ManualClock,
    pub process: Arc<Process>,
    pub anna: i64,
    pub ben: i64,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    /// The body of an answer of that status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A provider's table.
pub fn twilio(token: &str) -> Value {
    json!({ "kind": "twilio", "account_sid": "AC1", "auth_token": token, "sms_from": "+15005550006" })
}

pub fn telegram(secret: &str) -> Value {
    json!({ "kind": "telegram", "token": "1:a", "bot_name": "bell_bot", "webhook_secret": secret })
}

fn read(table: Value) -> ProviderSettings {
    serde_json::from_value(table).unwrap()
}

/// Who reads what the providers of these tables say.
pub fn inbound<const N: usize>(tables: [(&str, Value); N]) -> BTreeMap<String, Arc<dyn Inbound>> {
    tables.map(|(name, table)| (name.to_owned(), read(table).inbound(name).unwrap().unwrap())).into()
}

pub async fn world() -> World {
    world_with(|_| {}).await
}

pub async fn world_with(change: impl FnOnce(&mut ApiSettings)) -> World {
    made(change, |_| {}).await
}

/// With another database.
pub async fn world_of(change: impl FnOnce(&mut Options)) -> World {
    made(|_| {}, change).await
}

async fn made(change: impl FnOnce(&mut ApiSettings), change_options: impl FnOnce(&mut Options)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp::parse_rfc3339("2026-11-20T08:00:00Z").unwrap());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut options = Options::new(format!("sqlite://{}", folder.path().join("watchbell.db").display()));
    change_options(&mut options);
    let planner = Arc::new(RulePlanner::new(SchedulerSettings::default()));
    let store = watchbell_store::open(&options, planner, shared.clone()).await.unwrap();
    let mut settings = ApiSettings {
        public_url: Some("https://bell.example.org".to_owned()),
        key_per_minute: 100_000,
        failures_per_minute: 100_000,
        request_timeout: Duration::from_secs(5),
        chat_link: read(telegram(TELEGRAM_SECRET)).chat_link(),
        inbound: inbound([("twilio", twilio(TWILIO_TOKEN)), ("telegram", telegram(TELEGRAM_SECRET))]),
        ..ApiSettings::default()
    };
    change(&mut settings);
    let process = Arc::new(Process { nats: Mutex::new(None) });
    let intake = Arc::new(EventIntake::new(store.clone(), Arc::default()));
    let api = Api::new(store.clone(), intake, shared, process.clone(), settings);
    let anna = add_user(&*store, "anna").await;
    let ben = add_user(&*store, "ben").await;
    let keys =
        [(ADMIN, Role::Admin, None), (USER, Role::User, Some(anna)), (READER, Role::Reader, None), (PUBLISHER, Role::Publisher, None)];
    for (key, role, user) in keys {
        let hash = watchbell_api::auth::hash_key(&Secret::new(key));
        store.add_key(Actor::System, NewKey::new(key, &hash, role, user.map(UserId))).await.unwrap();
    }
    let hash = watchbell_api::auth::hash_key(&Secret::new(SECRET_KEY));
    store.add_key(Actor::System, NewKey { public_key: Some(PUBLIC_KEY), ..NewKey::new("pair", &hash, Role::Admin, None) }).await.unwrap();
    World { api, store, clock, process, anna, ben, _folder: folder }
}

async fn add_user(store: &dyn Store, name: &str) -> i64 {
    let user = NewUser {
        username: name.to_owned(),
        external_id: Some(format!("ext-{name}")),
        email: Some(format!("{name}@example.org")),
        ..NewUser::default()
    };
    store.create_user(Actor::System, user).await.unwrap().id.0
}

impl World {
    /// As a configuration has them: not all tests of categories want some to be there.
    pub async fn with_categories(self) -> Self {
        self.store.ensure_categories(&["chat.message", "chat.mention", "order.updated"].map(str::to_owned)).await.unwrap();
        self
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = watchbell_api::router(&self.api).oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A request with any body.
    pub async fn raw(&self, key: &str, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !key.is_empty() {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn get(&self, key: &str, path: &str) -> Answer {
        self.raw(key, "GET", path, "").await
    }

    pub async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.raw(key, method, path, body.to_string()).await
    }

    /// A path of the ilert surface under Anna.
    pub fn anna(&self, rest: &str) -> String {
        format!("/api/users/{}/{rest}", self.anna)
    }

    /// Anna's new phone number.
    pub async fn phone(&self, number: &str) -> i64 {
        let body = json!({ "target": number, "regionCode": "DE" });
        self.call(ADMIN, "POST", &self.anna("contacts/phone-numbers"), &body).await.expect(201)["id"].as_i64().unwrap()
    }

    /// Anna's first email contact.
    pub async fn email(&self) -> i64 {
        self.get(ADMIN, &self.anna("contacts/emails")).await.expect(200)[0]["id"].as_i64().unwrap()
    }

    /// The life of a worker of that channel.
    pub async fn worker(&self, channel: Channel) -> Epoch {
        self.store.open_session("test", "worker", &[channel], std::time::Duration::from_mins(1)).await.unwrap()
    }

    pub async fn publish(&self, kind: &str, id: &str, mut data: Value) -> Value {
        data["id"] = id.into();
        data["type"] = format!("watchbell.events.{kind}").into();
        self.call(PUBLISHER, "POST", "/watchbell/v1/events", &data).await.expect(202)
    }
}

/// Checks the form of a surface's errors.
#[track_caller]
pub fn check_form(path: &str, answer: &Answer) {
    let body = answer.json();
    if path.starts_with("/api") {
        assert_eq!(body["status"], answer.status.as_u16(), "{path}: {body}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(body["code"].as_str().is_some_and(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')), "{body}");
    } else {
        assert!(body["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        assert!(body["error"]["code"].as_str().is_some_and(|code| !code.is_empty()), "{body}");
    }
    assert_eq!(answer.header("content-type"), "application/json");
}
