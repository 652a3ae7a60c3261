//! Calendars whose entries are shifts, from a server to whoever is paged.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::figures::Figures;
use watchbell_tests::stand_ins::service::ServiceStandIn;
use watchbell_tests::team::Person;
use watchbell_tests::{on_both, wait};

on_both!(whoever_is_in_the_calendar_is_paged_and_whatever_is_wrong_with_it_changes_nothing);
on_both!(a_file_is_read_as_well_and_one_process_after_another_changes_nothing);

const FIVE_MINUTES: Duration = Duration::from_mins(5);

/// What a server answers from now on.
type Served = Arc<Mutex<(u16, String, String)>>;

async fn serve(text: &str) -> (ServiceStandIn, Served) {
    let served: Served = Arc::new(Mutex::new((200, String::new(), text.to_owned())));
    let answer = served.clone();
    (ServiceStandIn::start(move |_| answer.lock().unwrap().clone()).await, served)
}

/// An entry of March 2026.
fn entry(uid: &str, email: &str, from: &str, to: &str) -> String {
    format!(
        "BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:On call\r\nATTENDEE:mailto:{email}\r\nDTSTART:202603{from}Z\r\nDTEND:202603{to}Z\r\nEND:VEVENT\r\n"
    )
}

fn calendar(entries: &[String]) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", entries.concat())
}

/// The schedule as the API shows it, once the calendar has been read after now.
async fn schedule(bed: &Bed) -> Value {
    let mut found = Value::Null;
    let now = bed.now().to_string();
    wait::until("the calendar to be read", async || {
        let duties = bed.api().get("/watchbell/v1/duties").await.expect(200);
        found = duties["items"][0].clone();
        found["calendars"][0]["readAt"].as_str().is_some_and(|at| at >= now.as_str())
    })
    .await;
    found
}

async fn next_reading(bed: &Bed) -> Value {
    bed.advance(FIVE_MINUTES).await;
    schedule(bed).await
}

async fn scheduled(bed: &Bed) -> i64 {
    bed.database.number("SELECT count(*) FROM duties WHERE status = 'SCHEDULED'").await
}

async fn whoever_is_in_the_calendar_is_paged_and_whatever_is_wrong_with_it_changes_nothing(bed: &mut Bed) {
    let (anna, ben) = ("user001@example.org", "user002@example.org");
    let good = calendar(&[
        entry("1", anna, "02T060000", "02T200000"),
        entry("2", ben, "02T200000", "03T060000"),
        entry("3", "nobody@example.org", "03T060000", "04T060000"),
    ]);
    let (server, served) = serve(&good).await;
    let say = |status: u16, headers: &str, text: &str| *served.lock().unwrap() = (status, headers.to_owned(), text.to_owned());
    bed.settings
        .set("CALENDARS__PRIMARY__URL", &format!("{}/secret-part/basic.ics", server.url()))
        .set("CALENDARS__PRIMARY__ALLOW_NETWORKS", r#"["127.0.0.0/8"]"#)
        .set("CALENDARS__PRIMARY__SCHEDULE", "primary")
        .set("CALENDARS__PRIMARY__USER_BY", "email");
    bed.start().await;
    // Nobody whom it names is there yet: it is read all the same, and says so.
    let found = schedule(bed).await;
    assert_eq!((&found["schedule"], found["calendars"][0]["unknown"].as_array().unwrap().len()), (&json!("primary"), 3), "{found}");
    let mut people = Vec::new();
    for number in [1, 2] {
        let person = Person::create(bed.api(), number).await;
        person.high(bed.api(), "SMS", 0).await;
        people.push(person);
    }
    let found = next_reading(bed).await;
    assert_eq!((&found["onDuty"][0]["userId"], &found["next"][0]["userId"]), (&json!(people[0].id), &json!(people[1].id)), "{found}");
    assert_eq!(
        (&found["calendars"][0]["unknown"], &found["calendars"][0]["shifts"]),
        (&json!(["nobody@example.org"]), &json!(2)),
        "{found}"
    );
    bed.publish("alert", "1", &json!({ "alertId": "A-1", "priority": "HIGH", "summary": "Disk full", "responders": ["duty:primary"] }))
        .await;
    bed.outbox().expect(1, "SMS of who is on duty", |sent| sent.is(Channel::Sms, &people[0].phone)).await;
    bed.publish("update", "2", &json!({ "alertId": "A-1", "status": "RESOLVED" })).await;

    // The same again says nothing new.
    let events = "SELECT count(*) FROM events WHERE kind = 'duty'";
    let before = bed.database.number(events).await;
    next_reading(bed).await;
    assert_eq!((bed.database.number(events).await, scheduled(bed).await), (before, 2));
    let long = "x".repeat(9 * 1024 * 1024);
    let table: [(u16, &str, &str, &str); 8] = [
        (503, "", "", "answered 503"),
        (200, "", "", "it is empty"),
        (200, "", "<html><body>Sign in</body></html>", "does not begin with BEGIN:VCALENDAR"),
        (200, "", &good[..good.len() / 2], "breaks off"),
        (200, "", &calendar(&[]), "has no entry any more"),
        (200, "", &good.replace("@example.org", "@example.com"), "nobody whom it names is a user"),
        (302, "Location: http://169.254.169.254/latest/\r\n", "", "an address that the configuration does not allow"),
        (200, "", &long, "longer than 8388608 bytes"),
    ];
    for (status, headers, text, why) in table {
        say(status, headers, text);
        let found = next_reading(bed).await;
        let told = &found["calendars"][0];
        assert!(told["failure"].as_str().is_some_and(|told| told.contains(why)), "{why}: {told}");
        assert!(!found.to_string().contains("secret-part"), "{found}");
        assert_eq!((bed.database.number(events).await, scheduled(bed).await), (before, 2), "{why}");
    }
    // An entry that cannot be understood keeps its shift; what is moved moves, what is gone is cancelled.
    let broken = entry("2", ben, "02T200000", "03T060000").replace("DTEND", "X-END");
    say(200, "", &calendar(&[entry("1", anna, "02T060000", "02T180000"), broken]));
    let found = next_reading(bed).await;
    assert_eq!(found["calendars"][0]["failure"], Value::Null, "{found}");
    assert!(found["calendars"][0]["unreadable"][0].as_str().unwrap().contains("the entry 2 does not say when it ends"), "{found}");
    assert_eq!((found["onDuty"][0]["endsAt"].as_str().unwrap(), scheduled(bed).await), ("2026-03-02T18:00:00.000Z", 2));
    say(200, "", &calendar(&[entry("1", ben, "02T060000", "02T180000")]));
    let found = next_reading(bed).await;
    assert_eq!((&found["onDuty"][0]["userId"], found["onDuty"].as_array().unwrap().len()), (&json!(people[1].id), 1), "{found}");
    assert_eq!(scheduled(bed).await, 1);
    // Set anew as it was once: it is said anew.
    say(200, "", &good);
    let found = next_reading(bed).await;
    assert_eq!((&found["onDuty"][0]["userId"], scheduled(bed).await), (&json!(people[0].id), 2), "{found}");
    // What is past stays.
    say(200, "", &calendar(&[entry("2", ben, "02T200000", "03T060000")]));
    bed.advance(Duration::from_hours(13)).await;
    let found = next_reading(bed).await;
    assert_eq!((&found["onDuty"][0]["userId"], scheduled(bed).await), (&json!(people[1].id), 2), "{found}");
    let figures = Figures::of(bed.api()).await;
    assert_eq!(figures.count("watchbell_calendar_readings_total", &["calendar=\"primary\"", "result=\"failed\""]), 8, "{}", figures.text);
}

async fn a_file_is_read_as_well_and_one_process_after_another_changes_nothing(bed: &mut Bed) {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("primary.ics");
    std::fs::write(
        &file,
        calendar(&[entry("1", "x@example.org", "02T060000", "02T200000").replace("On call", "User001 Test On-Call (GoAlert: Primary)")]),
    )
    .unwrap();
    bed.settings
        .set("CALENDARS__PRIMARY__FILE", file.to_str().unwrap())
        .set("CALENDARS__PRIMARY__SCHEDULE", "primary")
        .set("CALENDARS__PRIMARY__USER_BY", "summary");
    bed.start().await;
    let person = Person::create(bed.api(), 1).await;
    let found = next_reading(bed).await;
    assert_eq!(found["onDuty"][0]["userId"], person.id, "{found}");
    let events = bed.database.number("SELECT count(*) FROM events WHERE kind = 'duty'").await;
    for _ in 0..2 {
        bed.stop().await;
        bed.start().await;
        next_reading(bed).await;
    }
    assert_eq!(bed.database.number("SELECT count(*) FROM events WHERE kind = 'duty'").await, events);
    // With another schedule it is read at once, and its shifts go there.
    bed.stop().await;
    bed.settings.set("CALENDARS__PRIMARY__SCHEDULE", "secondary");
    bed.start().await;
    wait::until("the shifts to be another schedule's", async || {
        bed.database.number("SELECT count(*) FROM duties WHERE schedule = 'secondary' AND status = 'SCHEDULED'").await == 1
    })
    .await;
    assert_eq!(scheduled(bed).await, 1);
}
