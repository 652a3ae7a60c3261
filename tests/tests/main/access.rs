//! Whom a key reaches.

use serde_json::json;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::team::{Person, alert};

on_both!(a_user_s_key_reaches_nobody_else);

async fn a_user_s_key_reaches_nobody_else(bed: &mut Bed) {
    bed.start().await;
    let (anna, ben) = (Person::without_telegram(bed.api(), 1).await, Person::without_telegram(bed.api(), 2).await);
    for person in [&anna, &ben] {
        person.high(bed.api(), "SMS", 0).await;
    }
    bed.publish("alert", "1", &alert("A-1", &[&anna, &ben])).await;
    let key =
        bed.api().post("/watchbell/v1/keys", &json!({ "name": "anna", "role": "user", "user": anna.id.to_string() })).await.expect(201);
    let own = bed.api().with_key(key["key"].as_str().unwrap());
    // Her own: history, rules, contacts.
    let seen = own.deliveries("").await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["userId"], anna.id);
    own.get("/api/users/current/contacts/emails").await.expect(200);
    own.post(&anna.rules("alerts"), &anna.rule_body(json!({ "method": "EMAIL", "type": "LOW_PRIORITY" }))).await.expect(201);
    // Ben's are as if they were not there.
    let theirs = bed.api().deliveries(&format!("user={}", ben.id)).await;
    own.get(&format!("/watchbell/v1/deliveries/{}", theirs[0]["id"].as_str().unwrap())).await.expect(404);
    own.get(&format!("/watchbell/v1/deliveries?user={}", ben.id)).await.expect(403);
    for path in [format!("/api/users/{}", ben.id), ben.rules("alerts"), format!("/watchbell/v1/users/{}/devices", ben.id)] {
        let answer = own.get(&path).await;
        assert_eq!(answer.status.as_u16(), 403, "{path} {}", answer.body);
    }
    own.delete(&format!("/api/users/{}/contacts/emails/{}", ben.id, ben.email_id)).await.expect(403);
    // Nor may she publish, read everything, or make keys.
    own.post("/watchbell/v1/events", &json!({ "id": "2", "type": "watchbell.events.alert" })).await.expect(403);
    own.get("/watchbell/v1/dead-letters").await.expect(403);
    own.post("/watchbell/v1/keys", &json!({ "name": "more", "role": "admin" })).await.expect(403);
    bed.api().with_key("").get("/api/users/current").await.expect(401);
    bed.api().with_key("wb_nobody").get("/api/users/current").await.expect(401);
}
