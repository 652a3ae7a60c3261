//! Who is on duty, each user's shifts as a calendar, and what explains why somebody is told by their duty.

use serde_json::{Value, json};

use crate::harness::{ADMIN, PUBLISHER, READER, USER, World, world};

/// A shift of Anna's; times are hours from now.
async fn shift(world: &World, id: &str, schedule: &str, from_h: i64, to_h: i64) {
    let at = |hours: i64| watchbell_core::Clock::now(&world.clock).plus_s(hours * 3_600).to_string();
    let data = json!({ "dutyId": id, "userId": "ext-anna", "schedule": schedule, "startsAt": at(from_h), "endsAt": at(to_h), "status": "SCHEDULED" });
    world.publish("duty", id, data).await;
}

#[tokio::test]
async fn schedules_are_listed_with_who_is_on_duty_who_is_next_and_when_nobody_is() {
    let world = world().await;
    for (id, schedule, from_h, to_h) in [("1", "primary", -1, 3), ("2", "primary", 5, 24), ("3", "Secondary, EU", 200, 210)] {
        shift(&world, id, schedule, from_h, to_h).await;
    }
    let list = async |query: &str| world.get(READER, &format!("/watchbell/v1/duties{query}")).await.expect(200);
    let names = |found: &Value| -> Vec<String> {
        found["items"].as_array().unwrap().iter().map(|item| item["schedule"].as_str().unwrap().to_owned()).collect()
    };
    let found = list("?days=1").await;
    assert_eq!(names(&found), ["Secondary, EU", "primary"], "{found}");
    let (secondary, primary) = (&found["items"][0], &found["items"][1]);
    assert_eq!((&primary["onDuty"][0]["dutyId"], &primary["onDuty"][0]["userName"]), (&json!("1"), &json!("anna")), "{found}");
    assert_eq!((&primary["next"][0]["dutyId"], primary["gaps"].as_array().unwrap().len()), (&json!("2"), 1), "{found}");
    assert_eq!(primary["gaps"][0]["endsAt"], primary["next"][0]["startsAt"], "{found}");
    // Nobody for the whole day, and the next one all the same.
    assert_eq!((secondary["onDuty"].as_array().unwrap().len(), &secondary["next"][0]["dutyId"]), (0, &json!("3")), "{found}");
    assert_eq!((&secondary["gaps"][0]["endsAt"], &secondary["gapsUntil"]), (&secondary["gapsUntil"], &secondary["gapsUntil"]));

    let page = list("?limit=1").await;
    assert_eq!((names(&page), &page["nextCursor"]), (vec!["Secondary, EU".to_owned()], &json!("Secondary, EU")));
    let rest = list("?limit=1&cursor=Secondary,%20EU").await;
    assert_eq!((names(&rest), rest.get("nextCursor")), (vec!["primary".to_owned()], None));
    assert_eq!(names(&list("?schedule=primary").await), ["primary"]);
    assert_eq!(names(&list("?user=ext-anna").await).len(), 2);
    for bad in ["?days=0", "?days=91", "?days=x", "?limit=0"] {
        world.get(READER, &format!("/watchbell/v1/duties{bad}")).await.expect(400);
    }
    world.get(READER, "/watchbell/v1/duties?user=nobody").await.expect(404);
}

#[tokio::test]
async fn a_users_shifts_are_a_calendar() {
    let world = world().await;
    shift(&world, "1", "primary", -1, 3).await;
    let answer = world.raw(USER, "GET", "/watchbell/v1/users/current/duties.ics", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/calendar; charset=utf-8"));
    let text = answer.text.clone();
    assert!(text.contains("SUMMARY:primary\r\n") && text.matches("BEGIN:VEVENT").count() == 1, "{text}");
}

#[tokio::test]
async fn whoever_is_told_by_their_duty_is_told_why() {
    let world = world().await;
    shift(&world, "1", "primary", -1, 3).await;
    let event = json!({
        "id": "x", "type": "watchbell.events.alert", "alertId": "A-1", "summary": "disk full", "responders": ["duty:primary", "topic:nobody"],
    });
    let explained = world.call(ADMIN, "POST", "/watchbell/v1/explain?user=ext-anna", &event).await.expect(200);
    assert_eq!(explained["steps"][0]["namedAs"], "as schedule primary", "{explained}");
    let taken = world.call(PUBLISHER, "POST", "/watchbell/v1/events", &event).await.expect(202);
    assert!(taken["events"][0]["problems"].to_string().contains("the topic nobody has no members"), "{taken}");
    let letters = world.get(READER, "/watchbell/v1/dead-letters?reason=bad_topic").await.expect(200);
    assert_eq!(letters["items"].as_array().unwrap().len(), 1, "{letters}");
    let explained = world.get(ADMIN, "/watchbell/v1/explain?user=ext-anna&alert=A-1").await.expect(200);
    assert_eq!(explained["steps"][0]["namedAs"], "as schedule primary", "{explained}");
}
