//! A claimed delivery with everything that its message is made of, in one row.

use std::sync::Arc;

use sqlx::{FromRow, Row as _};
use watchbell_core::device::Device;
use watchbell_core::event::EventData;
use watchbell_core::{ContactId, DeliveryId, DeviceId, EventId, NamedAs, Secret, UserId};

use super::rows::{at, json, name, scope};
use super::{Db, attempts, traces};
use crate::facts::content::Content;
use crate::queue::{Job, Target};

type Row = <Db as sqlx::Database>::Row;

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct JobRow {
    id: String,
    scope: String,
    purpose: String,
    cause: String,
    channel: String,
    critical: bool,
    rank: i64,
    due_at: i64,
    created_at: i64,
    expires_at: Option<i64>,
    attempts: i64,
    attempt_log: String,
    event_id: String,
    kind: String,
    data: String,
    content: Option<String>,
    trace: Option<String>,
    user_id: i64,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
    locale: Option<String>,
    timezone: Option<String>,
    contact_id: Option<i64>,
    target: Option<String>,
    status: Option<String>,
    device_id: Option<i64>,
    device_kind: Option<String>,
    token: Option<String>,
    keys: Option<String>,
    collect: Option<String>,
    named_as: Option<String>,
}

impl JobRow {
    /// `$1` is a list of ids; HIGH before others, older before newer.
    pub(super) const SELECT: &'static str = "SELECT d.id, d.scope, d.purpose, d.cause, d.channel, d.critical, d.rank, d.due_at, \
         d.created_at, d.expires_at, d.attempts, d.attempt_log, d.event_id, e.kind, e.data, e.content, e.trace, d.user_id, u.first_name, u.last_name, u.username, u.locale, \
         u.timezone, c.id AS contact_id, c.target, c.status, v.id AS device_id, v.kind AS device_kind, v.token, v.keys, d.collect, d.named_as \
         FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN users u ON u.id = d.user_id \
         LEFT JOIN contacts c ON c.id = d.contact_id LEFT JOIN devices v ON v.id = d.device_id \
         WHERE d.id {in $1 text} ORDER BY d.rank, d.ready_at, d.id";
}

impl JobRow {
    /// Reads a row; or its id, and what of it cannot be read.
    pub(super) fn job(row: &Row) -> Result<Job, (String, String)> {
        let id = row.try_get("id").unwrap_or_default();
        let read = Self::from_row(row).map_err(|error| match error {
            sqlx::Error::ColumnDecode { index, .. } => format!("its {}", index.trim_matches('"')),
            _ => "its columns".to_owned(),
        });
        read.and_then(|row| row.read().map_err(|what| format!("its {what}"))).map_err(|what| (id, what))
    }

    fn read(self) -> Result<Job, &'static str> {
        let user_id = UserId(self.user_id);
        let channel = name(&self.channel).map_err(|_| "channel")?;
        let target = match (self.contact_id, self.target, self.status, self.device_id, self.device_kind, self.token) {
            (Some(id), Some(target), Some(status), ..) => {
                let status = name(&status).map_err(|_| "contact's status")?;
                Target::Contact { id: ContactId(id), target: Secret::new(target), status }
            }
            (_, _, _, Some(id), Some(kind), Some(token)) => {
                let kind = name(&kind).map_err(|_| "device's kind")?;
                Target::Device(Device { id: DeviceId(id), user_id, kind, token, keys: self.keys, created_at: at(0) })
            }
            _ if channel == watchbell_core::Channel::InApp => Target::User,
            _ => Target::Gone,
        };
        let names = format!("{} {}", self.first_name.unwrap_or_default(), self.last_name.unwrap_or_default());
        let names = names.trim();
        let kind = name(&self.kind).map_err(|_| "event's kind")?;
        let mut event = EventData::from_json(kind, &self.data).map_err(|_| "event's data")?;
        if let (EventData::Alert(data), Some(content)) = (&mut event, &self.content) {
            json::<Content>(content).map_err(|_| "alert's content")?.complete(data);
        }
        Ok(Job {
            id: DeliveryId(self.id),
            scope: scope(&self.scope).map_err(|_| "scope")?,
            purpose: name(&self.purpose).map_err(|_| "purpose")?,
            trigger: name(&self.cause).map_err(|_| "cause")?,
            channel,
            critical: self.critical,
            rank: self.rank,
            due_at: at(self.due_at),
            planned_at: at(self.created_at),
            expires_at: self.expires_at.map(at),
            attempts: self.attempts,
            log: attempts::parse(&self.attempt_log).map_err(|_| "log of attempts")?,
            event_id: EventId(self.event_id),
            trace: traces::read(self.trace.as_deref()),
            event: Arc::new(event),
            user_id,
            user_name: if names.is_empty() { self.username.unwrap_or_default() } else { names.to_owned() },
            locale: self.locale.unwrap_or_else(|| "en".to_owned()),
            timezone: self.timezone.unwrap_or_else(|| "UTC".to_owned()),
            target,
            collect: self.collect,
            named_as: self.named_as.as_deref().map(NamedAs::read),
        })
    }
}
