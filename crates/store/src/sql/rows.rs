//! Rows as the database gives them, and how they become what the rest of Watchbell knows.

use std::str::FromStr;

use serde::Serialize;
use watchbell_core::contact::Contact;
use watchbell_core::delivery::State;
use watchbell_core::device::Device;
use watchbell_core::rule::{Repeat, Rule, Trigger};
use watchbell_core::user::User;
use watchbell_core::{ContactId, DeliveryId, DeviceId, EventId, NamedAs, Reason, RuleId, Timestamp, UserId};

use crate::StoreError;
use crate::facts::{Alert, DAILY, Duty, HOURLY, Planned, Responder, Scope};

/// Reads a name that Watchbell wrote itself.
pub(super) fn name<T: FromStr<Err = watchbell_core::channel::UnknownName>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: watchbell_core::channel::UnknownName| StoreError::Corrupt(error.to_string()))
}

/// Reads JSON that Watchbell wrote itself.
pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// Writes a batch, or a value, as one JSON parameter.
pub(in super::super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct UserRow {
    pub id: i64,
    pub public_id: String,
    pub external_id: Option<String>,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    pub timezone: String,
    pub locale: String,
    pub quiet_hours: Option<String>,
    pub custom_fields: String,
    pub profile: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId(row.id),
            public_id: row.public_id,
            external_id: row.external_id,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            timezone: row.timezone,
            locale: row.locale,
            quiet_hours: row.quiet_hours.as_deref().map(json).transpose()?,
            custom_fields: json(&row.custom_fields)?,
            profile: json(&row.profile)?,
            version: row.version,
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
        })
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct ContactRow {
    pub id: i64,
    pub user_id: i64,
    pub kind: String,
    pub target: String,
    pub region: Option<String>,
    pub is_primary: bool,
    pub status: String,
}

impl TryFrom<ContactRow> for Contact {
    type Error = StoreError;

    fn try_from(row: ContactRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: ContactId(row.id),
            user_id: UserId(row.user_id),
            kind: name(&row.kind)?,
            target: row.target,
            region: row.region,
            primary: row.is_primary,
            status: name(&row.status)?,
        })
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct DeviceRow {
    pub id: i64,
    pub user_id: i64,
    pub kind: String,
    pub token: String,
    pub keys: Option<String>,
    pub created_at: i64,
}

impl TryFrom<DeviceRow> for Device {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeviceId(row.id),
            user_id: UserId(row.user_id),
            kind: name(&row.kind)?,
            token: row.token,
            keys: row.keys,
            created_at: at(row.created_at),
        })
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct RuleRow {
    pub id: i64,
    pub public_id: Option<String>,
    pub user_id: i64,
    pub surface: String,
    pub cause: String,
    pub channel: Option<String>,
    pub contact_id: Option<i64>,
    pub offset_s: i64,
    pub position: Option<i64>,
    pub critical: bool,
    pub conditions: Option<String>,
    pub repeat_every_s: Option<i64>,
    pub repeat_times: Option<i64>,
}

impl TryFrom<RuleRow> for Rule {
    type Error = StoreError;

    fn try_from(row: RuleRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: RuleId(row.id),
            public_id: row.public_id,
            user_id: UserId(row.user_id),
            surface: name(&row.surface)?,
            trigger: name(&row.cause)?,
            channel: row.channel.as_deref().map(name).transpose()?,
            contact_id: row.contact_id.map(ContactId),
            offset_s: row.offset_s,
            position: row.position,
            critical: row.critical,
            when: row.conditions.as_deref().map(json).transpose()?.unwrap_or_default(),
            repeat: row.repeat_every_s.zip(row.repeat_times).map(|(every_s, times)| Repeat { every_s, times }),
        })
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct AlertRow {
    pub id: String,
    state: String,
    priority: String,
    summary: String,
    url: Option<String>,
    category: Option<String>,
    round: i64,
    since_round: i64,
    event_id: String,
    content: Option<String>,
    history: String,
}

impl TryFrom<AlertRow> for Alert {
    type Error = StoreError;

    fn try_from(row: AlertRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            state: name(&row.state)?,
            priority: name(&row.priority)?,
            summary: row.summary,
            url: row.url,
            category: row.category,
            round: row.round,
            since_round: row.since_round,
            event_id: EventId(row.event_id),
            content: row.content.as_deref().map(json).transpose()?,
            history: json(&row.history)?,
        })
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct ResponderRow {
    alert_id: String,
    round: i64,
    user_id: i64,
    base_at: i64,
    event_id: String,
}

impl From<ResponderRow> for Responder {
    fn from(row: ResponderRow) -> Self {
        Self {
            alert_id: row.alert_id,
            round: row.round,
            user_id: UserId(row.user_id),
            base_at: at(row.base_at),
            event_id: EventId(row.event_id),
        }
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct DutyRow {
    id: String,
    user_id: i64,
    starts_at: i64,
    ends_at: i64,
    schedule: String,
    status: String,
    occurrence: String,
    event_id: String,
}

impl TryFrom<DutyRow> for Duty {
    type Error = StoreError;

    fn try_from(row: DutyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            user_id: UserId(row.user_id),
            starts_at: at(row.starts_at),
            ends_at: at(row.ends_at),
            schedule: row.schedule,
            status: name(&row.status)?,
            occurrence: json(&row.occurrence)?,
            event_id: EventId(row.event_id),
        })
    }
}

#[derive(Debug, sqlx_macros::FromRow)]
pub(super) struct PlannedRow {
    pub id: String,
    scope: String,
    event_id: String,
    alert_id: Option<String>,
    category: Option<String>,
    user_id: i64,
    purpose: String,
    cause: String,
    channel: String,
    contact_id: Option<i64>,
    device_id: Option<i64>,
    address: String,
    rules: String,
    critical: bool,
    due_at: i64,
    ready_at: i64,
    expires_at: Option<i64>,
    state: String,
    reason: Option<String>,
    expedited: bool,
    attempts: i64,
    collect: Option<String>,
    named_as: Option<String>,
    repetition: Option<i64>,
}

impl TryFrom<PlannedRow> for Planned {
    type Error = StoreError;

    fn try_from(row: PlannedRow) -> Result<Self, StoreError> {
        let rules: Vec<i64> = json(&row.rules)?;
        Ok(Self {
            id: DeliveryId(row.id),
            scope: scope(&row.scope)?,
            event_id: EventId(row.event_id),
            alert_id: row.alert_id,
            category: row.category,
            user_id: UserId(row.user_id),
            purpose: name(&row.purpose)?,
            trigger: name::<Trigger>(&row.cause)?,
            channel: name(&row.channel)?,
            contact_id: row.contact_id.map(ContactId),
            device_id: row.device_id.map(DeviceId),
            address: row.address,
            rules: rules.into_iter().map(RuleId).collect(),
            critical: row.critical,
            due_at: at(row.due_at),
            ready_at: at(row.ready_at),
            expires_at: row.expires_at.map(at),
            state: name::<State>(&row.state)?,
            reason: row.reason.as_deref().map(Reason::read),
            expedited: row.expedited,
            attempts: row.attempts,
            // The rest is decided at each claim anew.
            collect: row.collect.filter(|collect| matches!(collect.as_str(), HOURLY | DAILY)),
            named_as: row.named_as.as_deref().map(NamedAs::read),
            repetition: row.repetition.unwrap_or_default(),
        })
    }
}

pub(super) fn scope(key: &str) -> Result<Scope, StoreError> {
    Scope::parse(key).ok_or_else(|| StoreError::Corrupt("unknown scope of a delivery".to_owned()))
}

/// Turns a row, unless this version cannot read it: then it is left out, so that nothing else waits for it, and the log says which
/// one it was. Not what is in it, as that may be a text or an address.
pub(super) fn readable<R, T: TryFrom<R, Error = StoreError>>(what: &'static str, id: impl std::fmt::Display, row: R) -> Option<T> {
    T::try_from(row).inspect_err(|_| tracing::error!(what, %id, "a row that this version cannot read is left out")).ok()
}

/// Turns all rows, or says which one is unreadable.
pub(super) fn all<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}
