//! When a digest's period ends, by the user's own clock.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};
use watchbell_core::Timestamp;

/// The next full local hour after `at`.
///
/// A change of the clocks by half an hour moves the full hours, so that the rest of the hour is looked for once more.
pub fn hour_end(at: Timestamp, zone: &TimeZone) -> Timestamp {
    /// Milliseconds of an hour.
    const HOUR_MS: i64 = 3_600_000;
    let into_hour_ms = |at: Timestamp| {
        let local = at.to_jiff().to_zoned_datetime(zone.clone());
        (i64::from(local.minute()) * 60 + i64::from(local.second())) * 1_000 + i64::from(local.millisecond())
    };
    let end = at.plus_ms(HOUR_MS - into_hour_ms(at));
    match into_hour_ms(end) {
        0 => end,
        moved_ms => end.plus_ms(HOUR_MS - moved_ms),
    }
}

/// The next time after `at` at which it is `time` on the user's clock.
///
/// Where a change of the clocks skips that time, it is the next that there is; of a repeated one the first is meant, so that
/// there is one a day.
pub fn day_end(at: Timestamp, time: civil::Time, zone: &TimeZone) -> Timestamp {
    let today = at.to_jiff().to_zoned_datetime(zone.clone()).date();
    // The day after tomorrow for a zone that skipped a whole day.
    let ends = today.series(jiff::Span::new().days(1)).take(3).filter_map(|day| {
        let local = day.to_datetime(time);
        let there = zone.to_ambiguous_timestamp(local);
        let is_skipped = matches!(there.offset(), AmbiguousOffset::Gap { .. });
        let earlier = there.earlier().ok()?;
        let end = if is_skipped { zone.following(earlier).next()?.timestamp() } else { earlier };
        Some(Timestamp::from_millis(end.as_millisecond()))
    });
    // Only at the end of the calendar there is none.
    ends.filter(|end| *end > at).min().unwrap_or(at)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn an_hour_ends_at_the_next_full_hour_of_the_user_s_clock() {
        let table = [
            ("UTC", "2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z"),
            ("UTC", "2026-11-20T08:00:00.001Z", "2026-11-20T09:00:00Z"),
            ("UTC", "2026-11-20T08:59:59.999Z", "2026-11-20T09:00:00Z"),
            // Zones whose hours begin in the middle of others'.
            ("Asia/Kolkata", "2026-11-20T08:10:00Z", "2026-11-20T08:30:00Z"),
            ("Asia/Kolkata", "2026-11-20T08:30:00Z", "2026-11-20T09:30:00Z"),
            ("Asia/Kathmandu", "2026-11-20T08:10:00Z", "2026-11-20T08:15:00Z"),
            // Berlin: the hour that is skipped, and both hours from two to three.
            ("Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"),
            ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"),
            // Lord Howe Island moves its clocks by half an hour: at 15:00Z back from 02:00 to 01:30, and on from 02:00 to 02:30.
            ("Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:30:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T15:15:00Z", "2026-10-03T16:00:00Z"),
        ];
        for (zone, now, end) in table {
            assert_eq!(hour_end(at(now), &TimeZone::get(zone).unwrap()), at(end), "{zone} {now}");
        }
    }

    #[test]
    fn a_day_ends_at_a_time_of_the_user_s_clock() {
        let nine = civil::time(9, 0, 0, 0);
        let half_past_two = civil::time(2, 30, 0, 0);
        let midnight = civil::time(0, 0, 0, 0);
        let table = [
            ("UTC", nine, "2026-11-20T08:59:59.999Z", "2026-11-20T09:00:00Z"),
            ("UTC", nine, "2026-11-20T09:00:00Z", "2026-11-21T09:00:00Z"),
            ("Asia/Kolkata", nine, "2026-11-20T03:00:00Z", "2026-11-20T03:30:00Z"),
            ("America/St_Johns", nine, "2026-11-20T12:31:00Z", "2026-11-21T12:30:00Z"),
            ("Pacific/Kiritimati", nine, "2026-11-20T12:00:00Z", "2026-11-20T19:00:00Z"),
            // Days of 23 and of 25 hours.
            ("Europe/Berlin", nine, "2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z"),
            ("Europe/Berlin", nine, "2026-10-24T07:00:00Z", "2026-10-25T08:00:00Z"),
            // Skipped: 02:30 is not there on that day, 03:00 is the next that is.
            ("Europe/Berlin", half_past_two, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
            ("Europe/Berlin", half_past_two, "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
            // Repeated: the first is meant, and at the second the day has ended already.
            ("Europe/Berlin", half_past_two, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
            ("Europe/Berlin", half_past_two, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
            // Midnight is skipped in Cairo on 2026-04-24, and a whole day was on Samoa.
            ("Africa/Cairo", midnight, "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"),
            ("Pacific/Apia", nine, "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z"),
            ("Pacific/Apia", nine, "2011-12-30T10:00:00Z", "2011-12-30T19:00:00Z"),
        ];
        for (zone, time, now, end) in table {
            assert_eq!(day_end(at(now), time, &TimeZone::get(zone).unwrap()), at(end), "{zone} {time} {now}");
        }
    }
}
