//! A point in time, and differences between points, in milliseconds.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as every table keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// The latest time that RFC 3339 can write (9999-12-31T23:59:59Z), in epoch milliseconds: what arithmetic saturates at.
const LATEST_MS: i64 = 253_402_300_799_000;

impl Timestamp {
    pub const MAX: Self = Self(LATEST_MS);

    /// Clamps to the years 1970 to 9999, so that every timestamp can be written as RFC 3339.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(0, LATEST_MS))
    }

    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The calendar day in UTC, in days since 1970.
    pub fn utc_day(self) -> i64 {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        self.0.div_euclid(DAY_MS)
    }

    #[must_use]
    pub fn plus_s(self, seconds: i64) -> Self {
        self.plus_ms(seconds.saturating_mul(1000))
    }

    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    pub fn ms_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Reads RFC 3339, with any offset.
    ///
    /// # Errors
    /// The text is not RFC 3339, or lies outside the years 1970 to 9999.
    pub fn parse_rfc3339(text: &str) -> Result<Self, BadTime> {
        let parsed: jiff::Timestamp = text.parse().map_err(|_| BadTime)?;
        let ms = parsed.as_millisecond();
        if (0..=LATEST_MS).contains(&ms) { Ok(Self(ms)) } else { Err(BadTime) }
    }

    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// A text that is no RFC 3339 time between 1970 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time between 1970 and 9999, such as 2026-11-20T08:00:00Z")]
pub struct BadTime;

impl Add<std::time::Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: std::time::Duration) -> Self {
        self.plus_ms(i64::try_from(rhs.as_millis()).unwrap_or(LATEST_MS))
    }
}

impl Sub for Timestamp {
    type Output = std::time::Duration;

    /// The time from `rhs` to `self`; zero when `rhs` is later.
    fn sub(self, rhs: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0 - rhs.0).unwrap_or(0))
    }
}

/// RFC 3339 in UTC with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}
