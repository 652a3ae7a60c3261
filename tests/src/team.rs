//! People, made through the API as an operator would.

use reqwest::Method;
use serde_json::{Value, json};
use watchbell_core::ids::UserRef;
use watchbell_core::{Channel, UserId};

use crate::bed::Bed;
use crate::client::Client;
use crate::settings::WEBHOOK_SECRET;

/// The six methods that an ilert rule can have.
pub const METHODS: [(&str, Channel); 6] = [
    ("EMAIL", Channel::Email),
    ("SMS", Channel::Sms),
    ("PUSH", Channel::Push),
    ("VOICE", Channel::Voice),
    ("WHATSAPP", Channel::Whatsapp),
    ("TELEGRAM", Channel::Telegram),
];

/// Somebody with an address for each channel, and no rules yet.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub email: String,
    pub email_id: i64,
    pub phone: String,
    pub phone_id: i64,
    pub device: String,
    pub chat: String,
}

impl Person {
    /// Makes the person number `number`, whose addresses all hold it.
    pub async fn create(api: &Client, number: u16) -> Self {
        let person = Self::without_telegram(api, number).await;
        person.link_telegram(api).await;
        person
    }

    /// As [`Person::create`], with no Telegram chat linked.
    pub async fn without_telegram(api: &Client, number: u16) -> Self {
        assert!(number < 1000, "the numbers that belong to nobody end with three digits");
        let email = format!("user{number:03}@example.org");
        let name = format!("User{number:03}");
        let user = json!({
            "username": email, "firstName": name, "lastName": "Test", "email": email, "timezone": "Europe/Berlin",
        });
        let user = api.post("/api/users", &user).await.expect(201);
        let id = user["id"].as_i64().unwrap();
        let contacts = format!("/api/users/{id}/contacts");
        let emails = api.get(&format!("{contacts}/emails")).await.expect(200);
        // 030 23125 000 to 999 are given to nobody.
        let phone = format!("+493023125{number:03}");
        let new = json!({ "target": phone, "regionCode": "DE", "primary": true });
        let made = api.post(&format!("{contacts}/phone-numbers"), &new).await.expect(201);
        let device = format!("device-token-of-{number:03}");
        let new = json!({ "kind": "fcm", "token": device });
        api.post(&format!("/watchbell/v1/users/{id}/devices"), &new).await.expect(201);
        Self {
            id,
            email,
            email_id: emails[0]["id"].as_i64().unwrap(),
            phone,
            phone_id: made["id"].as_i64().unwrap(),
            device,
            chat: format!("7100200{number:03}"),
        }
    }

    /// Opens the bot by the user's link, as Telegram would report it.
    async fn link_telegram(&self, api: &Client) {
        let link = api.post(&format!("/watchbell/v1/users/{}/telegram-link", self.id), &json!({})).await.expect(201);
        let (_, token) = link["url"].as_str().unwrap().split_once("?start=").unwrap();
        let chat: i64 = self.chat.parse().unwrap();
        let update = json!({ "update_id": 1, "message": { "text": format!("/start {token}"), "chat": { "id": chat, "type": "private" } } });
        let secret = [("x-telegram-bot-api-secret-token", WEBHOOK_SECRET)];
        let answer = api.with_key("").try_call(Method::POST, "/callbacks/telegram", &secret, Some(update.to_string())).await;
        let reply = answer.expect("the callback must be answered").expect(200);
        assert!(reply["text"].as_str().is_some_and(|text| text.contains("is linked")), "{reply}");
    }

    /// Where the person is reached by a channel.
    pub fn address(&self, channel: Channel) -> &str {
        match channel {
            Channel::Email => &self.email,
            Channel::Push => &self.device,
            Channel::Telegram => &self.chat,
            _ => &self.phone,
        }
    }

    /// How the API names the person's rules of a kind: `alerts`, `duties`, `updates` or `subscriptions`.
    pub fn rules(&self, kind: &str) -> String {
        format!("/api/users/{}/notification-preferences/{kind}", self.id)
    }

    /// A rule's body: `fields` with the contact that its `method` needs.
    pub fn rule_body(&self, mut fields: Value) -> Value {
        match fields["method"].as_str() {
            Some("PUSH") => {}
            Some("EMAIL") => fields["contact"] = json!({ "id": self.email_id }),
            _ => fields["contact"] = json!({ "id": self.phone_id }),
        }
        fields
    }

    /// Adds a rule; its id.
    pub async fn rule(&self, api: &Client, kind: &str, fields: Value) -> i64 {
        let made = api.post(&self.rules(kind), &self.rule_body(fields)).await.expect(201);
        made["id"].as_i64().unwrap()
    }

    /// Adds a rule for HIGH alerts by a channel that ilert's rules do not know: on the OnCall surface, by its name there.
    pub async fn notified_by(&self, bed: &Bed, channel: &str) {
        let user = bed.store().user(&UserRef::Id(UserId(self.id))).await.unwrap().unwrap();
        let rule = json!({ "user_id": user.public_id, "type": format!("notify_by_{channel}"), "important": true });
        // The OnCall surface takes the key as it is.
        let headers = [("authorization", bed.api().key()), ("content-type", "application/json")];
        let oncall = bed.api().with_key("");
        let made = oncall.try_call(Method::POST, "/api/v1/personal_notification_rules/", &headers, Some(rule.to_string())).await;
        made.unwrap().expect(201);
    }

    /// Makes that device the person's only one.
    pub async fn only_device(&self, api: &Client, device: &Value) {
        let devices = format!("/watchbell/v1/users/{}/devices", self.id);
        for old in api.get(&devices).await.expect(200)["items"].as_array().unwrap() {
            api.delete(&format!("{devices}/{}", old["id"])).await.expect(204);
        }
        api.post(&devices, device).await.expect(201);
    }

    /// Adds a rule for HIGH alerts.
    pub async fn high(&self, api: &Client, method: &str, delay_min: u8) -> i64 {
        self.rule(api, "alerts", json!({ "method": method, "type": "HIGH_PRIORITY", "delayMin": delay_min })).await
    }
}

/// A HIGH alert's data.
pub fn alert(alert_id: &str, responders: &[&Person]) -> Value {
    let responders: Vec<i64> = responders.iter().map(|person| person.id).collect();
    json!({ "alertId": alert_id, "priority": "HIGH", "summary": format!("{alert_id} is on fire"), "responders": responders })
}

/// An update's data.
pub fn update(alert_id: &str, status: &str, actor: Option<&Person>) -> Value {
    let mut data = json!({ "alertId": alert_id, "status": status });
    if let Some(actor) = actor {
        data["actor"] = actor.id.into();
    }
    data
}
