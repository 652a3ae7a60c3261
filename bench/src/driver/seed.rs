//! Many users straight into the tables, in SQL that both databases read.
//!
//! User n has a phone number, a mail address, a Telegram chat, a webhook and a device that all hold n, so that the receiver can
//! say who was reached, and a rule for HIGH alerts on each of the wanted channels.

use sqlx::{AssertSqlSafe, Connection, Database, Executor};

use crate::clock::now_ms;
use crate::error::{Doing, Error};

/// The topic that everybody is a member of, where [`Seed::topic`] says so.
pub const TOPIC: &str = "bench-all";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    pub users: u32,
    /// By these everybody is told of HIGH alerts.
    pub channels: Vec<&'static str>,
    /// Whether they are all members of [`TOPIC`], with an SMS rule for subscriptions.
    pub topic: bool,
    /// The rules' delay.
    pub delay_s: u32,
}

impl Seed {
    pub fn new(users: u32, channels: &[&'static str]) -> Self {
        Self { users, channels: channels.to_vec(), topic: false, delay_s: 0 }
    }

    /// A name that a database or file can have.
    pub fn name(&self) -> String {
        format!("seed_{}_{}_{}{}", self.users, self.channels.join("_"), self.delay_s, if self.topic { "_topic" } else { "" })
    }

    /// Writes everything into an empty database that Watchbell has made the tables in.
    pub async fn write<D>(&self, connection: &mut D::Connection, receiver: u16) -> Result<(), Error>
    where
        D: Database,
        for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    {
        let mut transaction = connection.begin().await.doing("seeding users")?;
        for statement in self.statements(receiver) {
            // Text only: made of numbers and of names that stand in this file.
            let statement = sqlx::raw_sql(AssertSqlSafe(statement));
            Executor::execute(&mut *transaction, statement).await.doing("seeding users")?;
        }
        transaction.commit().await.doing("seeding users")
    }

    fn statements(&self, receiver: u16) -> Vec<String> {
        let now = now_ms();
        let users = self.users;
        let each = format!("WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {users}) SELECT");
        let mut statements = vec![
            format!(
                "INSERT INTO users (id, public_id, external_id, username, first_name, last_name, timezone, locale, custom_fields, version, \
                 created_at, updated_at) {each} n, 'UBENCH' || replace(substr(CAST(10000000 + n AS TEXT), 2), '0', 'Z'), NULL, \
                 'user' || n, 'User', 'Nr ' || n, 'Europe/Berlin', 'en', '{{}}', 1, {now}, {now} FROM series"
            ),
            format!(
                "INSERT INTO devices (user_id, kind, token, keys, created_at) {each} n, 'fcm', 'bench-device-' || n, NULL, {now} FROM series"
            ),
        ];
        let targets = [
            ("phone", "'+49151' || substr(CAST(100000000 + n AS TEXT), 2)".to_owned(), "'DE'"),
            ("email", "'u' || n || '@bench.example'".to_owned(), "NULL"),
            ("telegram", "CAST(1000000000 + n AS TEXT)".to_owned(), "NULL"),
            ("webhook", format!("'http://127.0.0.1:{receiver}/hook/' || n"), "NULL"),
        ];
        for (place, (kind, target, region)) in targets.iter().enumerate() {
            statements.push(format!(
                "INSERT INTO contacts (id, user_id, kind, target, region, is_primary, status) {each} n * 4 + {place}, n, '{kind}', {target}, \
                 {region}, TRUE, 'OK' FROM series"
            ));
        }
        let contact = |channel: &str| match channel {
            "push" => "NULL".to_owned(),
            "email" => "n * 4 + 1".to_owned(),
            "telegram" => "n * 4 + 2".to_owned(),
            "webhook" => "n * 4 + 3".to_owned(),
            _ => "n * 4".to_owned(),
        };
        let rule = |cause: &str, channel: &str| {
            format!(
                "INSERT INTO rules (user_id, surface, cause, channel, contact_id, offset_s, critical) {each} n, 'ilert', '{cause}', \
                 '{channel}', {}, {}, FALSE FROM series",
                contact(channel),
                self.delay_s
            )
        };
        statements.extend(self.channels.iter().map(|channel| rule("alert_high", channel)));
        if self.topic {
            statements.push(rule("subscription", "sms"));
            statements.push(format!("INSERT INTO topic_members (topic, user_id) {each} '{TOPIC}', n FROM series"));
        }
        statements
    }
}
