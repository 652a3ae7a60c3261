//! Whole calendars: in the form in which services write them, and such as nobody should write.

#![expect(clippy::unwrap_used, reason = "a calendar that cannot be read should fail the test")]
use proptest::prelude::*;
use std::fmt::Write as _;
use watchbell_calendar::{Calendar, NoCalendar, Options, UserBy, read};
use watchbell_core::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn by(user_by: UserBy) -> Options {
    Options { user_by, timezone: None, most_shifts: 10_000 }
}

/// From 24 October 2026 on, over the end of summer time in Europe the next night, for three weeks.
fn autumn(text: &str, options: &Options) -> Calendar {
    read(text.as_bytes(), options, at("2026-10-24T00:00:00Z"), at("2026-11-14T00:00:00Z")).unwrap()
}

/// Each shift as its begin, its hours, and its names as last understood.
fn lines(calendar: &Calendar) -> Vec<String> {
    let line = |shift: &watchbell_calendar::Shift| {
        let minutes = shift.ends_at.ms_since(shift.starts_at) / 60_000;
        let names = shift.who.readings.last().map(|names| names.join(" + ")).unwrap_or_default();
        format!("{} {}h{:02} {names}", &shift.starts_at.to_string()[5..16], minutes / 60, minutes % 60)
    };
    calendar.shifts.iter().map(line).collect()
}

#[test]
fn calendars_of_services_are_read_as_they_show_them() {
    let table: [(&str, UserBy, &[&str]); 6] = [
        (
            include_str!("calendars/google.ics"),
            UserBy::Email,
            &[
                // Thirteen hours, as clocks are set back that night: the shift still ends at eight.
                "10-24T18:00 13h00 anna@example.org",
                // Moved to nine, and Ben's.
                "10-25T20:00 11h00 ben@example.org",
                "11-01T19:00 12h00 anna@example.org",
                "11-02T23:00 48h00 ben@example.org",
                "11-07T19:00 12h00 anna@example.org",
                "11-08T19:00 12h00 anna@example.org",
            ],
        ),
        (
            include_str!("calendars/outlook.ics"),
            UserBy::Summary,
            &["10-19T06:00 169h00 ben", "10-26T07:00 168h00 anna", "11-02T02:30 8h00 ben", "11-09T07:00 168h00 anna"],
        ),
        (
            include_str!("calendars/pagerduty.ics"),
            UserBy::Email,
            &["10-26T07:00 169h00 anna@example.org", "11-02T08:00 168h00 ben@example.org"],
        ),
        (
            include_str!("calendars/opsgenie.ics"),
            UserBy::Email,
            &["10-26T07:00 169h00 anna@example.org", "11-02T08:00 168h00 ben@example.org + nobody@example.org"],
        ),
        (
            include_str!("calendars/oncall.ics"),
            UserBy::Summary,
            &[
                "10-26T08:00 12h00 anna",
                "10-27T08:00 12h00 ben",
                "10-28T08:00 12h00 anna",
                "10-29T08:00 4h00 ben",
                "10-30T08:00 12h00 anna",
                "10-31T08:00 1h00 ben",
                "11-02T08:00 12h00 anna",
                "11-04T08:00 12h00 anna",
            ],
        ),
        (include_str!("calendars/goalert.ics"), UserBy::Summary, &["10-26T07:00 169h00 Anna Example", "11-02T08:00 168h00 Ben Example"]),
    ];
    for (text, user_by, expected) in table {
        let calendar = autumn(text, &by(user_by));
        assert_eq!(calendar.unreadable, [], "{text}");
        assert_eq!(lines(&calendar), expected, "{}", &text[..200]);
        // Wherever it breaks off, it is not taken for a whole one.
        for cut in [text.len() / 2, text.len() - 20] {
            let cut = read(&text.as_bytes()[..cut], &by(user_by), at("2026-10-24T00:00:00Z"), at("2026-11-14T00:00:00Z"));
            assert!(matches!(cut, Err(NoCalendar::CutOff | NoCalendar::Broken)), "{cut:?}");
        }
    }
}

#[test]
fn a_shift_keeps_its_id_wherever_it_is_moved_and_however_far_the_window_has_gone_on() {
    let text = include_str!("calendars/google.ics");
    let ids = |text: &str, from: &str| -> Vec<(String, String)> {
        let calendar = read(text.as_bytes(), &by(UserBy::Email), at(from), at("2026-11-14T00:00:00Z")).unwrap();
        calendar.shifts.into_iter().map(|shift| (shift.entry, shift.occurrence)).collect()
    };
    let all = ids(text, "2026-10-24T00:00:00Z");
    assert_eq!(ids(text, "2026-10-30T00:00:00Z"), all[2..]);
    let moved = text.replace("DTSTART;TZID=Europe/Berlin:20261025T210000", "DTSTART;TZID=Europe/Berlin:20261025T220000");
    assert_eq!(ids(&moved, "2026-10-24T00:00:00Z"), all);
}

fn one(entry: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:anna\r\n{entry}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nSUMMARY:ben\r\nDTSTART:20261030T080000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

#[test]
fn what_of_a_calendar_cannot_be_understood_is_named_and_the_rest_is_taken() {
    let table = [
        ("", "does not say when it begins"),
        ("DTSTART:tomorrow", "has a DTSTART that is no time"),
        ("DTSTART:20261026T080000Z", "does not say when it ends"),
        ("DTSTART:20261026T080000Z\r\nDTEND:20261026T080000Z", "ends before it begins"),
        ("DTSTART:20261026T080000Z\r\nDTEND;TZID=Europe/Berlin:20261026T080000", "ends before it begins"),
        ("DTSTART:20261026T080000Z\r\nDURATION:-PT1H", "has a duration that is none"),
        ("DTSTART;TZID=Mars/Olympus:20261026T080000\r\nDURATION:PT1H", "names the time zone \"Mars/Olympus\", which is not known"),
        (
            "DTSTART:20261026T080000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=MINUTELY",
            "has a recurrence rule that recurs more often than each hour, as no shift does",
        ),
        ("DTSTART:20261026T080000Z\r\nDURATION:PT1H\r\nRRULE:COUNT=1", "has a recurrence rule that does not say how often (FREQ)"),
        (
            "DTSTART:20010101T000000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=HOURLY;INTERVAL=1;COUNT=4000000000;BYMONTH=2;BYMONTHDAY=30",
            "recurs more often than can be followed",
        ),
        (
            "DTSTART:20261026T080000Z\r\nDURATION:PT1H\r\nEXRULE:FREQ=DAILY",
            "leaves out times by a rule (EXRULE), which is not followed; EXDATE is",
        ),
        ("DTSTART:20261026T080000Z\r\nDURATION:PT1H\r\nEXDATE:never", "has a EXDATE that is no time"),
        (
            "DTSTART:20261026T080000Z\r\nDURATION:PT1H\r\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261026T080000Z",
            "changes this and all later times at once (RANGE), which is not followed",
        ),
    ];
    for (entry, why) in table {
        let far = if entry.contains("4000000000") { "2126-11-14T00:00:00Z" } else { "2026-11-14T00:00:00Z" };
        let calendar = read(one(entry).as_bytes(), &by(UserBy::Summary), at("2026-10-24T00:00:00Z"), at(far)).unwrap();
        assert_eq!(
            calendar.unreadable.iter().map(|entry| (entry.uid.as_str(), entry.why.as_str())).collect::<Vec<_>>(),
            [("1", why)],
            "{entry}"
        );
        assert_eq!(lines(&calendar), ["10-30T08:00 1h00 ben"], "{entry}");
    }
}

#[test]
fn what_recurs_without_end_costs_no_more_than_its_window() {
    let calendar = autumn(&one("DTSTART:19700101T000000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=HOURLY"), &by(UserBy::Summary));
    assert_eq!(calendar.shifts.len(), 21 * 24 + 1);
}

#[test]
fn days_and_times_without_a_zone_lie_where_the_calendar_is() {
    let text = one("DTSTART;VALUE=DATE:20261026\r\nRRULE:FREQ=DAILY;COUNT=2");
    let first = |text: &str, timezone: Option<&str>| {
        let options = Options { timezone: timezone.and_then(watchbell_calendar::timezone), ..by(UserBy::Summary) };
        autumn(text, &options).shifts[0].starts_at
    };
    assert_eq!(first(&text, None), at("2026-10-26T00:00:00Z"));
    let shown = text.replace("BEGIN:VCALENDAR\r\n", "BEGIN:VCALENDAR\r\nX-WR-TIMEZONE:Europe/Berlin\r\n");
    assert_eq!(first(&shown, None), at("2026-10-25T23:00:00Z"));
    assert_eq!(first(&shown, Some("America/New_York")), at("2026-10-26T04:00:00Z"));
}

#[test]
fn of_very_many_shifts_those_that_begin_first_are_taken_and_it_is_said_until_when() {
    let mut text = "BEGIN:VCALENDAR\r\n".to_owned();
    for number in 0..10_000 {
        let _ = write!(
            text,
            "BEGIN:VEVENT\r\nUID:{number}\r\nSUMMARY:anna\r\nDTSTART:202611{:02}T{:02}0000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n",
            number / 24 % 12 + 1,
            number % 24
        );
    }
    text.push_str("END:VCALENDAR\r\n");
    let options = Options { most_shifts: 100, ..by(UserBy::Summary) };
    let calendar = autumn(&text, &options);
    assert_eq!(
        (calendar.entries, calendar.until),
        (10_000, at("2026-11-01T02:00:00Z")),
        "those that begin with the first left out are left out"
    );
    assert!(calendar.shifts.iter().all(|shift| shift.starts_at < calendar.until));
}

#[test]
fn an_older_revision_that_was_left_behind_says_nothing() {
    let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSEQUENCE:1\nSUMMARY:anna\nDTSTART:20261026T080000Z\nDURATION:PT1H\nEND:VEVENT\n\
        BEGIN:VEVENT\nUID:1\nSEQUENCE:2\nSUMMARY:anna\nDTSTART:20261026T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2\nEND:VEVENT\n\
        BEGIN:VEVENT\nUID:1\nSEQUENCE:3\nSUMMARY:ben\nDTSTART:20261027T090000Z\nDURATION:PT2H\nRECURRENCE-ID:20261027T090000Z\nEND:VEVENT\n\
        BEGIN:VEVENT\nUID:1\nSEQUENCE:2\nSUMMARY:carl\nDTSTART:20261027T090000Z\nDURATION:PT3H\nRECURRENCE-ID:20261027T090000Z\nEND:VEVENT\nEND:VCALENDAR";
    assert_eq!(lines(&autumn(text, &by(UserBy::Summary))), ["10-26T09:00 1h00 anna", "10-27T09:00 2h00 ben"]);
}

proptest! {
    /// Whatever somebody's server answers, it is read or refused.
    #[test]
    fn whatever_comes_is_read_or_refused(lines in prop::collection::vec("(BEGIN|END|DTSTART|RRULE|UID|X)[;:=A-Z0-9,]{0,30}|BEGIN:VCALENDAR|BEGIN:VEVENT|END:VEVENT", 0..20), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (from, to) = (at("2026-10-24T00:00:00Z"), at("2026-11-14T00:00:00Z"));
        let _ = read(&bytes, &by(UserBy::Email), from, to);
        let text = format!("BEGIN:VCALENDAR\n{}\nEND:VCALENDAR", lines.join("\n"));
        let _ = read(text.as_bytes(), &by(UserBy::Summary), from, to);
        let _ = read(one(&lines.join("\r\n")).as_bytes(), &by(UserBy::Summary), from, to);
    }
}
