//! What is counted of calendars.

use prometheus_client::encoding::EncodeLabelSet;
use watchbell_core::Timestamp;
use watchbell_metrics::{Counter, Family, Gauge, Registry};
use watchbell_store::calendars::CalendarContents;

/// What reading calendars came to, in this process.
#[derive(Clone, Debug, Default)]
pub struct CalendarMetrics {
    readings: Family<ReadingLabels, Counter>,
    shifts: Family<CalendarLabels, Gauge>,
    unusable: Family<CalendarLabels, Gauge>,
    good_at: Family<CalendarLabels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadingLabels {
    calendar: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CalendarLabels {
    calendar: String,
}

impl CalendarMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let readings = "Readings of calendars: that changed shifts, that found them the same, or that failed and changed none";
        registry.register("watchbell_calendar_readings", readings, self.readings.clone());
        let shifts = "Shifts that a calendar holds from now on, when it was last read by this process";
        registry.register("watchbell_calendar_shifts", shifts, self.shifts.clone());
        let unusable = "Names and entries of a calendar that cannot be used, when it was last read by this process";
        registry.register("watchbell_calendar_unusable", unusable, self.unusable.clone());
        let good_at = "When this process last read a calendar and believed it, in seconds since 1970";
        registry.register("watchbell_calendar_good_timestamp_seconds", good_at, self.good_at.clone());
    }

    pub fn read(&self, calendar: &str, result: &'static str) {
        self.readings.get_or_create(&ReadingLabels { calendar: calendar.to_owned(), result }).inc();
    }

    pub fn found(&self, calendar: &str, contents: &CalendarContents, now: Timestamp) {
        let labels = CalendarLabels { calendar: calendar.to_owned() };
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.shifts.get_or_create(&labels).set(count(contents.shifts));
        self.unusable.get_or_create(&labels).set(count(contents.unknown.len() + contents.unreadable.len() + contents.more));
        self.good_at.get_or_create(&labels).set(now.as_millis() / 1_000);
    }
}
