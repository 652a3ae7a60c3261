//! `[calendars.NAME]`: whose entries are shifts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;
use watchbell_calendar::UserBy;
use watchbell_core::Secret;
use watchbell_core::network::Reach;
use watchbell_providers::endpoint;

use super::problem::Findings;

/// Between two readings, in seconds: more often tires whoever serves it, less often is a surprise.
const EVERY_S: std::ops::RangeInclusive<u32> = 10..=86_400;
const DAYS_AHEAD: std::ops::RangeInclusive<u32> = 1..=730;

/// One table. (Its defaults stand here, as there is no table of it in `default.toml`.)
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarSettings {
    #[serde(default)]
    url: Secret,
    #[serde(default)]
    file: String,
    pub schedule: String,
    user_by: String,
    #[serde(default = "every_s")]
    pub every_s: u32,
    #[serde(default = "days_ahead")]
    pub days_ahead: u32,
    #[serde(default)]
    timezone: String,
    #[serde(default)]
    allow_private: bool,
    #[serde(default)]
    allow_networks: Vec<String>,
}

fn every_s() -> u32 {
    300
}

fn days_ahead() -> u32 {
    60
}

/// Where a calendar is.
#[derive(Clone, PartialEq, Eq)]
pub enum CalendarFrom {
    Url(Url),
    File(PathBuf),
}

/// Who knows a calendar's URL reads it.
impl fmt::Debug for CalendarFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Url(_)) { "Url(…)" } else { "File(…)" })
    }
}

impl CalendarSettings {
    /// None where the settings do not say it, or say both; such a configuration is refused.
    pub fn from(&self) -> Option<CalendarFrom> {
        match (self.url.expose(), self.file.as_str()) {
            (url, "") => {
                // As it is written where a calendar is subscribed to.
                let url = url.strip_prefix("webcal://").map_or_else(|| url.to_owned(), |rest| format!("https://{rest}"));
                let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
                Some(CalendarFrom::Url(url))
            }
            ("", file) => Some(CalendarFrom::File(PathBuf::from(file))),
            _ => None,
        }
    }

    pub fn user_by(&self) -> Option<UserBy> {
        match self.user_by.as_str() {
            "email" => Some(UserBy::Email),
            "summary" => Some(UserBy::Summary),
            _ => None,
        }
    }

    /// What it is read with; None unless it is set.
    pub fn timezone(&self) -> Option<jiff::tz::TimeZone> {
        if self.timezone.is_empty() { None } else { watchbell_calendar::timezone(&self.timezone) }
    }

    pub fn reach(&self) -> Reach {
        // What is none was refused with the configuration.
        endpoint::reach(self.allow_private, &self.allow_networks).unwrap_or_default()
    }

    /// Tells these settings from others, without saying what they are.
    pub fn digest(&self) -> String {
        watchbell_core::ids::digest(&[self.url.expose(), &self.file, &self.user_by, &self.days_ahead.to_string(), &self.timezone])
    }
}

/// Checks every table.
pub fn validate(calendars: &BTreeMap<String, CalendarSettings>, findings: &mut Findings) {
    for (name, calendar) in calendars {
        let mut at = findings.section(&["calendars", name]);
        let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_');
        at.check(is_plain && !name.is_empty(), "schedule", "stands in a table whose name must be lower-case letters, digits, - and _");
        let schedule = calendar.schedule.trim();
        at.check(
            !schedule.is_empty() && schedule == calendar.schedule,
            "schedule",
            "must be the name of a schedule, without blanks around it",
        );
        let is_one = calendar.url.is_empty() != calendar.file.is_empty();
        at.check(is_one, "url", "must be given, or file, and not both");
        if is_one {
            at.check(calendar.from().is_some(), "url", "must be an http://, https:// or webcal:// URL");
        }
        at.check(calendar.user_by().is_some(), "user_by", "must be \"email\" or \"summary\"");
        at.check(EVERY_S.contains(&calendar.every_s), "every_s", "must be 10 to 86400");
        at.check(DAYS_AHEAD.contains(&calendar.days_ahead), "days_ahead", "must be 1 to 730");
        let zone = calendar.timezone.is_empty() || calendar.timezone().is_some();
        at.check(zone, "timezone", "must be a time zone such as \"Europe/Berlin\", or left out");
        let reach = endpoint::reach(calendar.allow_private, &calendar.allow_networks);
        at.check(reach.is_ok(), "allow_networks", "must be addresses or networks such as [\"10.20.0.0/16\"]");
        if let (Ok(reach), Some(CalendarFrom::Url(url))) = (reach, calendar.from())
            && let Err(why) = reach.check(&url)
        {
            at.wrong("url", format!("leads to {why}; allow_private or allow_networks would"));
        }
    }
}
