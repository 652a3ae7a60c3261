//! Services as data: each delivers an alert, says what became of it, and hands over its answer; and what somebody else says in its
//! name changes nothing. A service is a file in `tests/services`.

mod push;
mod row;
mod sign;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Map, Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::settings::PUBLIC_URL;
use watchbell_tests::stand_ins::service::Answer;
use watchbell_tests::stand_ins::{Request, ServiceStandIn, rsa_key, service_account};
use watchbell_tests::team::{Person, alert};

use push::Browser;
use row::{Call, Holes, Row};
use sign::{CERTIFICATE, Signer};

macro_rules! services {
    ($($test:ident = $file:literal),+ $(,)?) => {
        $(async fn $test(bed: &mut Bed) {
            play(bed, Row::read($file)).await;
        })+

        on_both!($($test),+);

        /// The files that are played.
        const PLAYED: &[&str] = &[$($file),+];
    };
}

services! {
    vonage = "vonage",
    vonage_messages = "vonage-messages",
    vonage_messages_by_whatsapp = "vonage-messages-whatsapp",
    telnyx = "telnyx",
    plivo = "plivo",
    bird = "bird",
    aws_eum = "aws-eum",
    aws_sns = "aws-sns",
    meta = "meta",
    ses = "ses",
    sendgrid = "sendgrid",
    mailgun = "mailgun",
    postmark = "postmark",
    vonage_voice = "vonage-voice",
    telnyx_voice = "telnyx-voice",
    teams = "teams",
    webhook = "webhook",
    gotify = "gotify",
    fcm = "fcm",
    apns = "apns",
    webpush = "webpush",
    an_operator_s_own = "own",
}

#[test]
fn every_definition_is_played() {
    let names = |folder: &str| -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)).collect()
    };
    for name in names("../crates/providers/definitions").into_iter().chain(names("services")) {
        assert!(PLAYED.contains(&name.as_str()), "{name} is not played");
    }
}

/// A row as it is played, against a stand-in of its service.
struct Play<'b> {
    bed: &'b Bed,
    row: Row,
    server: ServiceStandIn,
    holes: Holes,
    /// The service, and somebody else.
    signers: Option<[Signer; 2]>,
    person: Person,
    browser: Option<Browser>,
    /// Messages that the service was handed so far.
    sent: usize,
}

async fn play(bed: &mut Bed, row: Row) {
    let server = start(&row).await;
    let signers = row.signed.map(|scheme| [true, false].map(|is_service| Signer::new(scheme, is_service)));
    let mut holes = Holes::default();
    holes.set("server", server.url());
    holes.set("rsa_key", rsa_key());
    holes.set("service_account", service_account());
    holes.set("apns_key", include_str!("../../../crates/providers/src/kinds/apns/test_key.p8"));
    if let Some([service, _]) = &signers {
        service.fill(&mut holes);
    }
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("own.toml");
    if let Some(text) = &row.definition {
        std::fs::write(&definition, text).unwrap();
    }
    holes.set("definition", definition.to_str().unwrap());
    for (key, value) in &row.settings {
        bed.settings.set(&format!("PROVIDERS__SERVICE__{}", key.to_uppercase()), &holes.fill(value));
    }
    let channel = row.channel.as_str().to_uppercase();
    bed.settings.set(&format!("CHANNELS__{channel}__PROVIDERS"), "service");
    bed.settings.set(&format!("LIMITS__RECIPIENT__{channel}"), "{ calls = 100000, per_s = 1 }");
    bed.start().await;
    let browser = row.device.as_ref().filter(|device| device.kind == "webpush").map(|_| Browser::new());
    let person = reached(bed, &row, &holes, browser.as_ref()).await;
    let to = if row.channel == Channel::Email { &person.email } else { &person.phone };
    holes.set("to", to);
    holes.set("digits", to.trim_start_matches('+'));
    let mut play = Play { bed, row, server, holes, signers, person, browser, sent: 0 };
    play.begin().await;
    play.delivered_and_answered().await;
    play.did_not_arrive().await;
}

async fn start(row: &Row) -> ServiceStandIn {
    let (answers, ids) = (row.answers.clone(), AtomicUsize::new(1));
    let answer = move |request: &Request| -> Answer {
        let asked = format!("{} {}", request.method, request.path);
        let Some(answer) = answers.iter().find(|answer| asked.starts_with(&answer.to)) else { return (404, String::new(), String::new()) };
        let id = format!("id-{}", ids.fetch_add(1, Ordering::SeqCst));
        let fill = |text: &str| text.replace("{id}", &id).replace("{certificate}", CERTIFICATE);
        (answer.status, answer.header.as_ref().map(|header| format!("{}\r\n", fill(header))).unwrap_or_default(), fill(&answer.body))
    };
    if row.settings["kind"] == "apns" { ServiceStandIn::start_http2(answer).await } else { ServiceStandIn::start(answer).await }
}

/// Anna, who is told by the row's channel at once, and by another one five minutes later.
async fn reached(bed: &Bed, row: &Row, holes: &Holes, browser: Option<&Browser>) -> Person {
    let anna = Person::without_telegram(bed.api(), 1).await;
    if let Some(contact) = &row.contact {
        let contact = json!({ "kind": contact.kind, "target": holes.fill(&contact.target) });
        bed.api().post(&format!("/watchbell/v1/users/{}/contacts", anna.id), &contact).await.expect(201);
    }
    if let Some(device) = &row.device {
        let mut new = json!({ "kind": device.kind, "token": holes.fill(&device.target) });
        if let Some(browser) = browser {
            new["keys"] = browser.keys();
        }
        anna.only_device(bed.api(), &new).await;
    }
    match row.channel {
        Channel::Email | Channel::Sms | Channel::Voice | Channel::Whatsapp | Channel::Push => {
            anna.high(bed.api(), &row.channel.as_str().to_uppercase(), 0).await;
        }
        Channel::Teams => anna.notified_by(bed, "msteams").await,
        channel => anna.notified_by(bed, channel.as_str()).await,
    }
    anna.high(bed.api(), if row.channel == Channel::Email { "SMS" } else { "EMAIL" }, 5).await;
    anna
}

impl Play<'_> {
    /// What the service calls with before anything is sent.
    async fn begin(&self) {
        for call in &self.row.before {
            self.called(call, &self.holes).await;
        }
    }

    /// The message arrives, and is answered; what is due later is called off.
    async fn delivered_and_answered(&mut self) {
        let (sent, holes) = self.told("A-1").await;
        if let Some(receipt) = self.row.receipt.clone() {
            self.refused(&receipt, &holes, "A-1", ["sent", "scheduled"]).await;
            // Services repeat themselves.
            for _ in 0..2 {
                self.called(&receipt, &holes).await;
            }
            self.shown(&holes, &receipt, "delivered").await;
        }
        let state = if self.row.receipt.is_some() { "delivered" } else { "sent" };
        match self.row.reply.clone() {
            Some(reply) => {
                if reply.is_signed {
                    self.refused(&reply, &holes, "A-1", [state, "scheduled"]).await;
                }
                self.called(&reply, &holes).await;
                if !reply.writes.is_empty() {
                    self.sent += 1;
                    let written = self.server.expect(self.sent, self.row.sent.method(), self.row.sent.path()).await.pop().unwrap();
                    let written = self.body(&written).to_string();
                    assert!(written.contains(&reply.writes), "{written}");
                }
            }
            None => self.answered_on_the_page(&sent, state).await,
        }
        assert_eq!(self.bed.store().alert("A-1").await.unwrap().unwrap().state.as_str(), "accepted");
        // A key that was pressed says that somebody is there.
        let states = self.bed.api().states("alert=A-1").await;
        assert!(states[1] == "cancelled" && (states[0] == state || self.row.channel == Channel::Voice), "{states:?}");
        let delivery = self.bed.api().delivery(&holes.fill("{delivery}")).await;
        assert_eq!((&delivery["answers"][0]["action"], &delivery["answers"][0]["userId"]), (&json!("accept"), &json!(self.person.id)));
    }

    /// A message that did not arrive brings the next one at once.
    async fn did_not_arrive(&mut self) {
        let Some(failure) = self.row.failure.clone() else { return };
        let (_, holes) = self.told("A-2").await;
        self.refused(&failure, &holes, "A-2", ["sent", "scheduled"]).await;
        assert!(self.bed.outbox().is_empty());
        self.called(&failure, &holes).await;
        self.bed.quiet().await;
        self.shown(&holes, &failure, "undelivered").await;
        let mut states = self.bed.api().states("alert=A-2").await;
        states.sort_unstable();
        assert_eq!(states, ["sent", "undelivered"]);
        self.bed.outbox().expect(1, "message by the other channel", |sent| sent.text.contains("A-2")).await;
    }

    /// The person is told of an alert: what the service got, and the holes that it fills.
    async fn told(&mut self, id: &str) -> (Value, Holes) {
        self.bed.publish("alert", id, &alert(id, &[&self.person])).await;
        self.sent += 1;
        let sent = &self.row.sent;
        let request = self.server.expect(self.sent, sent.method(), sent.path()).await.pop().unwrap();
        let body = self.body(&request);
        assert!(body.to_string().contains(&format!("{id} is on fire")), "{body}");
        let deliveries = self.bed.api().deliveries(&format!("alert={id}&channel={}", self.row.channel.as_str())).await;
        let delivery = self.bed.api().delivery(deliveries[0]["id"].as_str().unwrap()).await;
        assert_eq!((&delivery["state"], &delivery["provider"]), (&json!("sent"), &json!("service")), "{delivery}");
        let mut holes = self.holes.clone();
        holes.set("delivery", delivery["id"].as_str().unwrap());
        holes.set("id", delivery["attemptLog"][0]["messageId"].as_str().unwrap_or_default());
        sent.check(&request, &body, &mut holes);
        (body, holes)
    }

    /// What a request says.
    fn body(&self, request: &Request) -> Value {
        if let Some(browser) = &self.browser {
            return serde_json::from_slice(&browser.open(&request.body)).unwrap();
        }
        if request.header("content-type").starts_with("application/x-www-form-urlencoded") {
            return Value::Object(request.form().into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>());
        }
        request.json()
    }

    /// The service calls.
    async fn called(&self, call: &Call, holes: &Holes) {
        let answered = self.call(call, holes, 0).await;
        assert_eq!(answered.0, call.status, "{call:?}: {}", answered.1);
        assert!(answered.1.contains(&call.says), "{}", answered.1);
        if let Some((method, path)) = call.asks.split_once(' ') {
            self.server.expect(1, method, path).await;
        }
    }

    /// Somebody else calls with the same, and nothing changes.
    async fn refused(&self, call: &Call, holes: &Holes, alert: &str, states: [&str; 2]) {
        let answered = self.call(call, holes, 1).await;
        assert_eq!(answered.0, 403, "{call:?}: {}", answered.1);
        assert_eq!(self.bed.api().states(&format!("alert={alert}")).await, states);
    }

    async fn call(&self, call: &Call, holes: &Holes, by: usize) -> (u16, String) {
        let mut call = call.filled(holes);
        if let Some(signers) = self.signers.as_ref().filter(|_| call.is_signed) {
            call = signers[by].sign(call, self.bed.now().as_millis() / 1000, &self.server.url());
        }
        let body = call.body();
        let kind = if call.form.is_empty() { "application/json" } else { "application/x-www-form-urlencoded" };
        call.headers.entry("content-type".to_owned()).or_insert_with(|| kind.to_owned());
        let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let method = Method::from_bytes(call.method.as_bytes()).unwrap();
        let body = Some(body).filter(|body| !body.is_empty());
        let answer = self.bed.api().with_key("").try_call(method, &call.path, &headers, body).await.unwrap();
        (answer.status.as_u16(), answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned))
    }

    /// The delivery shows what the service said of it.
    async fn shown(&self, holes: &Holes, said: &Call, state: &str) {
        let delivery = self.bed.api().delivery(&holes.fill("{delivery}")).await;
        let receipt = &delivery["receipts"][0];
        assert_eq!(delivery["state"], state, "{delivery}");
        assert_eq!((&receipt["outcome"], &receipt["provider"]), (&json!(said.outcome), &json!("service")), "{delivery}");
        assert_eq!(receipt["code"].as_str().unwrap_or_default(), said.code, "{delivery}");
    }

    /// The message leads to a page, where the person accepts.
    async fn answered_on_the_page(&self, sent: &Value, state: &str) {
        let text = sent.to_string();
        let (_, rest) = text.split_once(&format!("{PUBLIC_URL}/a/")).unwrap_or_else(|| panic!("no page: {text}"));
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let page = async |method: Method, token: &str, body: Option<&str>| {
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            let path = format!("/a/{token}");
            self.bed.api().with_key("").try_call(method, &path, &headers, body.map(str::to_owned)).await.unwrap().status.as_u16()
        };
        let turned: String = token.chars().rev().collect();
        assert_eq!(page(Method::POST, &turned, Some("action=accept")).await, 404);
        assert_eq!(page(Method::GET, &token, None).await, 200);
        assert_eq!(self.bed.api().states("alert=A-1").await, [state, "scheduled"]);
        assert_eq!(page(Method::POST, &token, Some("action=accept")).await, 200);
    }
}
