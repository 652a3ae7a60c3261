//! Calendars that shifts are read from.

use std::time::Duration;

use watchbell_core::UserId;
use watchbell_store::calendars::{CalendarContents, CalendarName, CalendarReading, Turn};

use crate::harness::Bed;

on_both![
    a_calendar_is_read_by_one_at_a_time,
    what_was_found_is_kept_until_something_else_is_believed,
    a_calendars_shifts_are_those_whose_ids_begin_so
];

fn primary() -> CalendarName {
    CalendarName { name: "primary".to_owned(), schedule: "first".to_owned(), settings: "1".to_owned() }
}

async fn a_calendar_is_read_by_one_at_a_time(bed: &Bed) {
    let (store, until) = (&bed.store, bed.now().plus_s(60));
    assert_eq!(store.take_calendar(&primary(), until).await.unwrap(), Turn::Now);
    assert_eq!(store.take_calendar(&primary(), bed.now().plus_s(90)).await.unwrap(), Turn::At(until));
    // Whoever had it is gone: it is somebody else's turn then.
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(store.take_calendar(&primary(), bed.now().plus_s(60)).await.unwrap(), Turn::Now);
    let next = bed.now().plus_s(300);
    store.calendar_read("primary", &CalendarReading::Failed("no".to_owned()), next).await.unwrap();
    assert_eq!(store.take_calendar(&primary(), bed.now()).await.unwrap(), Turn::At(next));
    // Read in another way, it is read at once.
    let other = CalendarName { settings: "2".to_owned(), ..primary() };
    assert_eq!(store.take_calendar(&other, next).await.unwrap(), Turn::Now);
    assert_eq!(store.take_calendar(&other, next).await.unwrap(), Turn::At(next));
    // Its schedule is known, and stays, though there are no shifts of it.
    store.tidy(&watchbell_store::housekeeping::Cutoffs::all(bed.now()), 100).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM schedules").await, 1);
    bed.clock.advance(Duration::from_hours(1));
    store.tidy(&watchbell_store::housekeeping::Cutoffs::all(bed.now()), 100).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM calendars").await, 0, "nobody reads it any more");
}

async fn what_was_found_is_kept_until_something_else_is_believed(bed: &Bed) {
    let (store, began) = (&bed.store, bed.now());
    store.take_calendar(&primary(), began).await.unwrap();
    let found = &store.calendars().await.unwrap()[0];
    assert_eq!((found.read_at, found.good_at, &found.failure, &found.contents), (None, None, &None, &CalendarContents::default()));
    let contents = CalendarContents { shifts: 7, until: began, unknown: vec!["x\u{0}".to_owned()], ..CalendarContents::default() };
    store.calendar_read("primary", &CalendarReading::Good(contents.clone()), began).await.unwrap();
    bed.clock.advance(Duration::from_mins(5));
    store.calendar_read("primary", &CalendarReading::Failed("it is empty".to_owned()), began).await.unwrap();
    let found = &store.calendars().await.unwrap()[0];
    assert_eq!(
        (found.read_at, found.good_at, found.failure.as_deref(), &found.contents),
        (Some(bed.now()), Some(began), Some("it is empty"), &contents)
    );
    store.calendar_read("primary", &CalendarReading::Good(contents), began).await.unwrap();
    let found = &store.calendars().await.unwrap()[0];
    assert_eq!((found.good_at, &found.failure), (Some(bed.now()), &None));
}

async fn a_calendars_shifts_are_those_whose_ids_begin_so(bed: &Bed) {
    let (user, now) = (bed.user("anna").await.id, bed.now());
    let of = |id: &str, ends_s: i64, status: &str| {
        let (from, to) = (now.plus_s(-60).as_millis(), now.plus_s(ends_s).as_millis());
        format!("('{id}', {user}, {from}, {to}, 'first', '{status}', '{{}}', 'E')")
    };
    let rows = [
        of("calendar:primary:a:1", 60, "SCHEDULED"),
        of("calendar:primary:a:2", 60, "CANCELLED"),
        of("calendar:primary:b:1", 0, "SCHEDULED"),
        of("calendar:primary-2:a:1", 60, "SCHEDULED"),
        of("calendar:primary", 60, "SCHEDULED"),
        of("calendar:primarz:a:1", 60, "SCHEDULED"),
        of("1", 60, "SCHEDULED"),
    ];
    bed.execute(&format!(
        "INSERT INTO duties (id, user_id, starts_at, ends_at, schedule, status, occurrence, event_id) VALUES {}",
        rows.join(", ")
    ))
    .await;
    let found = bed.store.calendar_shifts("calendar:primary:", now).await.unwrap();
    let mut found: Vec<(&str, UserId, &str)> =
        found.iter().map(|shift| (shift.id.as_str(), shift.user_id, shift.status.as_str())).collect();
    found.sort_unstable();
    assert_eq!(found, [("calendar:primary:a:1", user, "SCHEDULED"), ("calendar:primary:a:2", user, "CANCELLED")]);
}
