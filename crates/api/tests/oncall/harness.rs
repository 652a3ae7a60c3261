//! A database with two users and a key of each role, an instance with every channel but two, and a way to call.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt;
use watchbell_api::{Api, ApiSettings, ChannelStatus, Health, ProviderStatus, TrustedProxies};
use watchbell_channels::inline::EventIntake;
use watchbell_core::access::Role;
use watchbell_core::user::User;
use watchbell_core::{Channel, Clock, ManualClock, Secret, Timestamp, UserId};
use watchbell_scheduler::{RulePlanner, SchedulerSettings};
use watchbell_store::access::{Actor, NewKey};
use watchbell_store::directory::NewUser;
use watchbell_store::{Options, Store};

pub const ADMIN: &str = "wb_admin";
/// Anna's own key.
pub const USER: &str = "wb_user";
pub const READER: &str = "wb_reader";
pub const PUBLISHER: &str = "wb_publisher";

pub const RULES: &str = "/api/v1/personal_notification_rules";

/// Slack and Mattermost are not configured.
#[derive(Debug)]
struct Process;

impl Health for Process {
    fn nats_connected(&self) -> Option<bool> {
        None
    }

    fn providers(&self) -> Vec<ProviderStatus> {
        vec![ProviderStatus { name: "p".to_owned(), kind: "sandbox".to_owned() }]
    }

    fn channels(&self) -> Vec<ChannelStatus> {
        let provider = ProviderStatus { name: "p".to_owned(), kind: "sandbox".to_owned() };
        let status = |channel: &Channel| ChannelStatus {
            channel: *channel,
            providers: if *channel == Channel::Slack { Vec::new() } else { vec![provider.clone()] },
        };
        Channel::ALL.iter().filter(|channel| **channel != Channel::Mattermost).map(status).collect()
    }
}

pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: ManualClock,
    pub anna: User,
    pub ben: User,
    api: Api,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body of an answer of that status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() {
            return Value::Null;
        }
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {:?}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub async fn world() -> World {
    world_with(|_| {}).await
}

pub async fn world_with(change: impl FnOnce(&mut ApiSettings)) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(Timestamp::parse_rfc3339("2026-11-20T08:00:00Z").unwrap());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let options = Options::new(format!("sqlite://{}", folder.path().join("watchbell.db").display()));
    let planner = Arc::new(RulePlanner::new(SchedulerSettings::default()));
    let store = watchbell_store::open(&options, planner, shared.clone()).await.unwrap();
    let mut settings = ApiSettings {
        public_url: Some("http://bell.test:8080".to_owned()),
        request_timeout: Duration::from_secs(5),
        failures_per_minute: 100_000,
        // Requests without a connection come from 0.0.0.0.
        trusted_proxies: TrustedProxies::none(),
        ..ApiSettings::default()
    };
    change(&mut settings);
    let anna = add_user(&*store, "anna").await;
    let ben = add_user(&*store, "ben").await;
    let keys =
        [(ADMIN, Role::Admin, None), (USER, Role::User, Some(anna.id)), (READER, Role::Reader, None), (PUBLISHER, Role::Publisher, None)];
    for (key, role, user) in keys {
        add_key(&*store, key, role, user).await;
    }
    let intake = Arc::new(EventIntake::new(store.clone(), Arc::default()));
    let api = Api::new(store.clone(), intake, shared, Arc::new(Process), settings);
    World { store, clock, anna, ben, api, _folder: folder }
}

pub async fn add_key(store: &dyn Store, key: &str, role: Role, user: Option<UserId>) {
    store.add_key(Actor::System, NewKey::new(key, &watchbell_api::auth::hash_key(&Secret::new(key)), role, user)).await.unwrap();
}

pub async fn add_user(store: &dyn Store, name: &str) -> User {
    let user = NewUser {
        username: name.to_owned(),
        external_id: Some(format!("ext-{name}")),
        email: Some(format!("{name}@example.org")),
        timezone: "Europe/Berlin".to_owned(),
        ..NewUser::default()
    };
    store.create_user(Actor::System, user).await.unwrap()
}

impl World {
    pub async fn send(&self, request: Builder, body: impl Into<Body>) -> Answer {
        let response = watchbell_api::router(&self.api).oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A request with any body.
    pub async fn raw(&self, key: &str, method: &str, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "evil.example.com");
        for (name, value) in [("authorization", key), ("content-type", content_type)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        self.send(request, body).await
    }

    pub async fn call(&self, key: &str, method: &str, path: &str, body: &Value) -> Answer {
        self.raw(key, method, path, "application/json", body.to_string()).await
    }

    pub async fn get(&self, key: &str, path: &str) -> Answer {
        self.raw(key, "GET", path, "", "").await
    }

    /// Makes a rule of Anna's from the members of `body`.
    pub async fn post(&self, body: &Value) -> Answer {
        let mut whole = json!({ "user_id": self.anna.public_id });
        for (name, value) in body.as_object().unwrap() {
            whole[name] = value.clone();
        }
        self.call(ADMIN, "POST", &format!("{RULES}/"), &whole).await
    }

    /// A rule of Anna's that was made from the members of `body`.
    pub async fn made(&self, body: &Value) -> Value {
        self.post(body).await.expect(201)
    }

    pub async fn patch(&self, rule: &Value, body: &Value) -> Answer {
        self.call(ADMIN, "PATCH", &path(rule), body).await
    }

    /// All rules, as the list shows them.
    pub async fn rules(&self) -> Vec<Value> {
        self.get(ADMIN, &format!("{RULES}/?perpage=100")).await.expect(200)["results"].as_array().unwrap().clone()
    }
}

pub fn path(rule: &Value) -> String {
    format!("{RULES}/{}/", rule["id"].as_str().unwrap())
}
