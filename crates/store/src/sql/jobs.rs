//! A claimed delivery with everything that its message is made of, in one row.

use std::sync::Arc;

use watchbell_core::device::Device;
use watchbell_core::event::EventData;
use watchbell_core::outcome::Class;
use watchbell_core::{ContactId, DeliveryId, DeviceId, Secret, UserId};

use super::attempts;
use super::rows::{at, json, name, scope};
use super::waiting::count;
use crate::StoreError;
use crate::facts::content::Content;
use crate::queue::{Job, Target};

#[derive(Debug, sqlx::FromRow)]
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
    kind: String,
    data: String,
    content: Option<String>,
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
}

impl JobRow {
    /// `$1` is a list of ids; HIGH before others, older before newer.
    pub(super) const SELECT: &'static str = "SELECT d.id, d.scope, d.purpose, d.cause, d.channel, d.critical, d.rank, d.due_at, \
         d.created_at, d.expires_at, d.attempts, d.attempt_log, e.kind, e.data, e.content, d.user_id, u.first_name, u.last_name, u.username, u.locale, \
         u.timezone, c.id AS contact_id, c.target, c.status, v.id AS device_id, v.kind AS device_kind, v.token, v.keys, d.collect \
         FROM deliveries d JOIN events e ON e.id = d.event_id LEFT JOIN users u ON u.id = d.user_id \
         LEFT JOIN contacts c ON c.id = d.contact_id LEFT JOIN devices v ON v.id = d.device_id \
         WHERE d.id {in $1 text} ORDER BY d.rank, d.ready_at, d.id";
}

impl TryFrom<JobRow> for Job {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        let user_id = UserId(row.user_id);
        let channel = name(&row.channel)?;
        let target = match (row.contact_id, row.target, row.status, row.device_id, row.device_kind, row.token) {
            (Some(id), Some(target), Some(status), ..) => {
                Target::Contact { id: ContactId(id), target: Secret::new(target), status: name(&status)? }
            }
            (_, _, _, Some(id), Some(kind), Some(token)) => {
                Target::Device(Device { id: DeviceId(id), user_id, kind: name(&kind)?, token, keys: row.keys, created_at: at(0) })
            }
            _ if channel == watchbell_core::Channel::InApp => Target::User,
            _ => Target::Gone,
        };
        let mut unknown = attempts::parse(&row.attempt_log)?;
        unknown.retain(|attempt| attempt.class == Class::Unknown);
        let unknowns = count(&unknown);
        unknown.retain(|attempt| attempt.latency_ms.is_none());
        let mut event = EventData::from_json(name(&row.kind)?, &row.data).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        if let (EventData::Alert(data), Some(content)) = (&mut event, &row.content) {
            json::<Content>(content)?.complete(data);
        }
        let names = format!("{} {}", row.first_name.unwrap_or_default(), row.last_name.unwrap_or_default());
        let names = names.trim();
        Ok(Self {
            id: DeliveryId(row.id),
            scope: scope(&row.scope)?,
            purpose: name(&row.purpose)?,
            trigger: name(&row.cause)?,
            channel,
            critical: row.critical,
            rank: row.rank,
            due_at: at(row.due_at),
            planned_at: at(row.created_at),
            expires_at: row.expires_at.map(at),
            attempts: row.attempts,
            unknowns,
            interrupted: count(&unknown),
            event: Arc::new(event),
            user_id,
            user_name: if names.is_empty() { row.username.unwrap_or_default() } else { names.to_owned() },
            locale: row.locale.unwrap_or_else(|| "en".to_owned()),
            timezone: row.timezone.unwrap_or_else(|| "UTC".to_owned()),
            target,
            collect: row.collect,
        })
    }
}
