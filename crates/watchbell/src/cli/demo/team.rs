//! The demo team, loaded through the REST API: what is there already stays.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use watchbell_core::device::DeviceKind;
use watchbell_core::{Clock, SystemClock};
use watchbell_wire::contacts::TelegramLink;
use watchbell_wire::devices::NewDevice;

use super::telegram::BotApi;
use crate::cli::client::{Client, Error};

/// Watchbell asks its bot for updates all the time, so a link is made at once.
const LINKED_WITHIN: Duration = Duration::from_secs(15);

/// The three of them, with the numbers that the API gave.
#[derive(Debug)]
pub struct Team {
    /// On call: reached by every channel.
    pub anna: i64,
    /// Her back-up: other channels, a little later.
    pub ben: i64,
    /// Ben's phone number among his contacts.
    pub ben_phone: i64,
    /// Has no rule for HIGH alerts, so the fallback email is shown.
    pub cleo: i64,
}

struct Member {
    name: (&'static str, &'static str),
    email: &'static str,
    /// As people in that region write it; none of these numbers is anybody's.
    phone: (&'static str, &'static str),
    push_token: &'static str,
    telegram_chat: Option<i64>,
    /// By kind of rule, as the API takes them.
    rules: [(&'static str, Value); 4],
}

#[derive(Deserialize)]
struct Id {
    id: i64,
}

/// A user's numbers.
struct Loaded {
    user: i64,
    phone: i64,
}

pub async fn load(client: &Client, bot: &BotApi) -> Result<Team, Error> {
    let [anna, ben, cleo] = members();
    let anna = load_one(client, bot, anna).await?;
    let ben = load_one(client, bot, ben).await?;
    let cleo = load_one(client, bot, cleo).await?;
    Ok(Team { anna: anna.user, ben: ben.user, ben_phone: ben.phone, cleo: cleo.user })
}

impl Team {
    pub fn introduction(&self) -> String {
        format!(
            "The demo team:\n  \
             Anna Adler ({}), on call: push, SMS and Telegram at once, WhatsApp after 1 minute, a call after 2, email after 5\n  \
             Ben Brandt ({}), her back-up: push at once, SMS after 1 minute, a call after 3\n  \
             Cleo Castro ({}), on duty next; no rule for HIGH alerts",
            self.anna, self.ben, self.cleo
        )
    }
}

/// Delays are short, so that the story is quick to watch: what comes later is what an accept cancels.
fn members() -> [Member; 3] {
    let high = |method: &str, delay_min: u8| json!({ "method": method, "delayMin": delay_min, "type": "HIGH_PRIORITY" });
    let low = |method: &str, delay_min: u8| json!({ "method": method, "delayMin": delay_min, "type": "LOW_PRIORITY" });
    let duty = |method: &str, before_min: u16| json!({ "method": method, "beforeMin": before_min, "type": "ON_CALL" });
    let update = |method: &str, kind: &str| json!({ "method": method, "type": kind });
    let subscription = |method: &str| json!({ "method": method });
    [
        Member {
            name: ("Anna", "Adler"),
            email: "anna.adler@example.org",
            phone: ("030 23125 001", "DE"),
            push_token: "demo-device-of-anna",
            telegram_chat: Some(7_100_200_301),
            rules: [
                (
                    "alerts",
                    json!([
                        high("PUSH", 0),
                        high("SMS", 0),
                        high("TELEGRAM", 0),
                        high("WHATSAPP", 1),
                        high("VOICE", 2),
                        high("EMAIL", 5),
                        low("EMAIL", 0)
                    ]),
                ),
                ("duties", json!([duty("EMAIL", 60), duty("SMS", 15), duty("PUSH", 0)])),
                ("updates", json!([update("PUSH", "ALERT_ACCEPTED"), update("PUSH", "ALERT_RESOLVED")])),
                ("subscriptions", json!([subscription("EMAIL")])),
            ],
        },
        Member {
            name: ("Ben", "Brandt"),
            email: "ben.brandt@example.org",
            phone: ("030 23125 002", "DE"),
            push_token: "demo-device-of-ben",
            telegram_chat: None,
            rules: [
                ("alerts", json!([high("PUSH", 0), high("SMS", 1), high("VOICE", 3), low("PUSH", 0)])),
                ("duties", json!([duty("PUSH", 15)])),
                ("updates", json!([update("SMS", "ALERT_ACCEPTED"), update("EMAIL", "ALERT_RESOLVED")])),
                ("subscriptions", json!([subscription("PUSH")])),
            ],
        },
        Member {
            name: ("Cleo", "Castro"),
            email: "cleo.castro@example.org",
            phone: ("030 23125 003", "DE"),
            push_token: "demo-device-of-cleo",
            telegram_chat: None,
            rules: [
                ("alerts", json!([low("EMAIL", 0)])),
                ("duties", json!([duty("SMS", 15), duty("PUSH", 0)])),
                ("updates", json!([update("WHATSAPP", "ALERT_ACCEPTED")])),
                ("subscriptions", json!([subscription("EMAIL"), subscription("SMS")])),
            ],
        },
    ]
}

async fn load_one(client: &Client, bot: &BotApi, member: Member) -> Result<Loaded, Error> {
    let user = json!({
        "username": member.email,
        "firstName": member.name.0,
        "lastName": member.name.1,
        "email": member.email,
        "timezone": "Europe/Berlin",
    });
    let id = find_or_make(client, "/api/users/search-email", &json!({ "email": member.email }), "/api/users", &user).await?;
    let contacts = format!("/api/users/{id}/contacts");
    let emails = format!("{contacts}/emails");
    let email = json!({ "target": member.email });
    let email = find_or_make(client, &format!("{emails}/search-target"), &email, &emails, &email).await?;
    let numbers = format!("{contacts}/phone-numbers");
    let phone = json!({ "target": member.phone.0, "regionCode": member.phone.1, "primary": true });
    let phone =
        find_or_make(client, &format!("{numbers}/search-target"), &json!({ "target": e164(member.phone.0) }), &numbers, &phone).await?;
    let device = NewDevice { kind: DeviceKind::Fcm.into(), token: member.push_token.to_owned(), keys: None };
    // A token that is registered already keeps its id.
    client.call(Method::POST, &format!("/watchbell/v1/users/{id}/devices"), &[], Some(&json!(device))).await?;
    if let Some(chat) = member.telegram_chat {
        let TelegramLink { url, .. } = client.post(&format!("/watchbell/v1/users/{id}/telegram-link"), &[], None).await?;
        tokio::select! {
            () = bot.open(&url, chat) => {}
            // Her Telegram step then says that there is no address, and the rest goes on.
            () = SystemClock.sleep(LINKED_WITHIN) => tracing::warn!("Anna's Telegram chat could not be linked"),
        }
    }
    for (kind, rules) in member.rules {
        let path = format!("/api/users/{id}/notification-preferences/{kind}");
        let there: Vec<Value> = client.get(&path, &[]).await?;
        // Somebody may have changed them since: theirs are kept.
        if there.is_empty() {
            for rule in rules.as_array().into_iter().flatten() {
                client.call(Method::POST, &path, &[], Some(&with_contact(rule, email, phone))).await?;
            }
        }
    }
    Ok(Loaded { user: id, phone })
}

/// The rule with the contact that its method goes to; PUSH goes to devices.
fn with_contact(rule: &Value, email: i64, phone: i64) -> Value {
    let mut rule = rule.clone();
    match rule["method"].as_str() {
        Some("PUSH") => {}
        Some("EMAIL") => rule["contact"] = json!({ "id": email }),
        _ => rule["contact"] = json!({ "id": phone }),
    }
    rule
}

/// The id of what `search` finds, else of what is made.
async fn find_or_make(client: &Client, search: &str, wanted: &Value, make: &str, new: &Value) -> Result<i64, Error> {
    let found: Result<Id, _> = client.post(search, &[], Some(wanted)).await;
    let id = match found {
        Err(Error::Status { status: StatusCode::NOT_FOUND, .. }) => client.post(make, &[], Some(new)).await?,
        found => found?,
    };
    let Id { id } = id;
    Ok(id)
}

/// The team's numbers as the API keeps them; all are in Berlin.
fn e164(national: &str) -> String {
    let digits: String = national.chars().filter(char::is_ascii_digit).collect();
    format!("+49{}", digits.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    #[test]
    fn the_team_s_numbers_are_numbers() {
        for member in members() {
            let (number, _) = watchbell_core::contact::parse_phone(member.phone.0, member.phone.1).unwrap();
            assert_eq!(number, e164(member.phone.0));
            watchbell_core::contact::parse_email(member.email).unwrap();
        }
    }
}
