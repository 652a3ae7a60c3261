//! A user: a name, a language, a time zone and quiet hours.

use std::fmt;

use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::channel::join;
use crate::ids::UserId;
use crate::time::Timestamp;

/// A user as the store keeps them.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: UserId,
    /// `U…`, for surfaces whose ids are texts.
    pub public_id: String,
    /// The id that another system gave the user.
    pub external_id: Option<String>,
    pub username: String,
    pub first_name: String,
    pub last_name: String,
    /// IANA name; `UTC` unless told.
    pub timezone: String,
    /// BCP 47; `en` unless told.
    pub locale: String,
    pub quiet_hours: Option<Hours>,
    pub custom_fields: serde_json::Map<String, serde_json::Value>,
    pub profile: Profile,
    /// Grows with every change of the user, their contacts, devices, rules and gates.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl User {
    /// What to call the user in a message: the names, else the user name.
    pub fn display_name(&self) -> String {
        let names = format!("{} {}", self.first_name, self.last_name);
        let names = names.trim();
        if names.is_empty() { self.username.clone() } else { names.to_owned() }
    }
}

/// What an organisation says about a user's place in it. Kept for the clients that compare it; nothing is decided by it, so a
/// role here gives no rights (API keys have roles of their own).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    /// `USER`, `ADMIN`, `STAKEHOLDER`, …; None is `USER`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The colour of the user's shifts in calendars, such as `#4cb054`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift_color: Option<String>,
    /// Where the user's picture is: an https or http URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
}

/// Looks a time zone up by its IANA name.
///
/// # Errors
/// No such zone in the compiled-in database.
pub fn parse_timezone(name: &str) -> Result<TimeZone, UnknownTimezone> {
    TimeZone::get(name).map_err(|_| UnknownTimezone)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone; an IANA name such as Europe/Berlin is needed")]
pub struct UnknownTimezone;

/// Whether `text` looks like a BCP 47 language tag: letters and digits in parts of 1 to 8, up to 35 characters.
pub fn is_locale(text: &str) -> bool {
    text.len() <= 35
        && text.split('-').enumerate().all(|(at, part)| {
            (1..=8).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric())
                && (at > 0 || (part.len() >= 2 && part.bytes().all(|b| b.is_ascii_alphabetic())))
        })
}

/// Hours of the day: of a user, those in which only HIGH alerts are told at once; of a rule, those in which it counts. `start` after
/// `end` spans midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// `HH:MM`, local time, inclusive.
    #[serde(with = "hours_minutes")]
    pub start: civil::Time,
    /// `HH:MM`, local time, exclusive.
    #[serde(with = "hours_minutes")]
    pub end: civil::Time,
    /// ISO weekdays (1 is Monday) on which the hours begin; empty is every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<i8>,
}

/// Such as `22:00–07:00 on Sat, Sun`.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let (start, end) = (self.start, self.end);
        write!(f, "{:02}:{:02}–{:02}:{:02}", start.hour(), start.minute(), end.hour(), end.minute())?;
        let days = self.days.iter().filter_map(|day| DAYS.get(usize::try_from(day - 1).ok()?)).collect::<Vec<_>>();
        if days.is_empty() { Ok(()) } else { write!(f, " on {}", join(&days)) }
    }
}

mod hours_minutes {
    use jiff::civil;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde's `with` calls")]
    pub fn serialize<S: Serializer>(time: &civil::Time, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:02}:{:02}", time.hour(), time.minute()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<civil::Time, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || D::Error::custom("must be a time of day such as 22:00");
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        if hour.len() != 2 || minute.len() != 2 {
            return Err(wrong());
        }
        civil::Time::new(hour.parse().map_err(|_| wrong())?, minute.parse().map_err(|_| wrong())?, 0, 0).map_err(|_| wrong())
    }
}

impl Hours {
    /// When the hours that `now` lies in end, or None outside them.
    ///
    /// Local times that a change of the clocks skips or repeats are resolved as RFC 5545 does: a skipped time is moved
    /// forward by the gap, of a repeated one the first is meant.
    pub fn until(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.to_jiff().to_zoned_datetime(zone.clone());
        let today = local.date();
        // The hours that hold now began today or, where they span midnight, yesterday.
        [Some(today), today.yesterday().ok()].into_iter().flatten().find_map(|day| {
            if !self.days.is_empty() && !self.days.contains(&day.weekday().to_monday_one_offset()) {
                return None;
            }
            let last_day = if self.start < self.end { day } else { day.tomorrow().ok()? };
            let start = day.to_datetime(self.start).to_zoned_datetime(zone.clone()).ok()?;
            let end = last_day.to_datetime(self.end).to_zoned_datetime(zone.clone()).ok()?;
            (start <= local && local < end).then(|| Timestamp::from_millis(end.timestamp().as_millisecond()))
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    fn until(hours: &str, zone: &str, now: &str) -> Option<String> {
        let hours: Hours = serde_json::from_str(hours).unwrap();
        let now = Timestamp::parse_rfc3339(now).unwrap();
        hours.until(now, &parse_timezone(zone).unwrap()).map(|at| at.to_string())
    }

    #[test]
    fn quiet_hours_hold_across_midnight_and_clock_changes() {
        let night = r#"{"start":"22:00","end":"07:00"}"#;
        let table = [
            (night, "Europe/Berlin", "2026-11-20T20:59:59Z", None),
            (night, "Europe/Berlin", "2026-11-20T21:00:00Z", Some("2026-11-21T06:00:00.000Z")),
            (night, "Europe/Berlin", "2026-11-21T05:59:59Z", Some("2026-11-21T06:00:00.000Z")),
            (night, "Europe/Berlin", "2026-11-21T06:00:00Z", None),
            // The night that is an hour shorter, and the one that is an hour longer.
            (night, "Europe/Berlin", "2026-03-28T22:00:00Z", Some("2026-03-29T05:00:00.000Z")),
            (night, "Europe/Berlin", "2026-10-24T21:00:00Z", Some("2026-10-25T06:00:00.000Z")),
            // An end that does not exist: 02:30 is skipped in Berlin on 2026-03-29, so it is 03:30.
            (r#"{"start":"22:00","end":"02:30"}"#, "Europe/Berlin", "2026-03-29T00:00:00Z", Some("2026-03-29T01:30:00.000Z")),
            // Only on Saturdays: the hours belong to the day on which they begin.
            (r#"{"start":"22:00","end":"07:00","days":[6]}"#, "UTC", "2026-11-22T03:00:00Z", Some("2026-11-22T07:00:00.000Z")),
            (r#"{"start":"22:00","end":"07:00","days":[6]}"#, "UTC", "2026-11-21T03:00:00Z", None),
            (r#"{"start":"09:00","end":"17:00"}"#, "UTC", "2026-11-22T12:00:00Z", Some("2026-11-22T17:00:00.000Z")),
        ];
        for (hours, zone, now, end) in table {
            assert_eq!(until(hours, zone, now).as_deref(), end, "{hours} {zone} {now}");
        }
    }

    #[test]
    fn times_of_day_are_checked() {
        for bad in [r#"{"start":"24:00","end":"07:00"}"#, r#"{"start":"7:00","end":"08:00"}"#, r#"{"start":"aa:bb","end":"08:00"}"#] {
            assert!(serde_json::from_str::<Hours>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn locales_are_language_tags() {
        assert!(is_locale("en") && is_locale("de-AT") && is_locale("zh-Hant-TW"));
        assert!(!is_locale("") && !is_locale("e") && !is_locale("de_AT") && !is_locale("de-"));
    }
}
