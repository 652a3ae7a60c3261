//! Watchbell beside what pages people now: everything is planned and shown, and nothing is sent.

use std::time::Duration;

use serde_json::json;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::team::Person;

on_both!(a_shadow_plans_and_shows_everything_and_sends_nothing);

async fn a_shadow_plans_and_shows_everything_and_sends_nothing(bed: &mut Bed) {
    bed.settings.set("SHADOW", "true").set("BUNDLING__FIRST", "1");
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    for (method, delay_min) in [("SMS", 0), ("EMAIL", 0), ("VOICE", 5)] {
        anna.high(bed.api(), method, delay_min).await;
    }
    for number in 1..=4 {
        let alert = json!({ "alertId": format!("A-{number}"), "priority": "HIGH", "summary": "Disk full", "responders": [anna.id] });
        bed.publish("alert", &number.to_string(), &alert).await;
    }
    bed.advance(Duration::from_mins(10)).await;
    assert!(bed.outbox().is_empty(), "{:?}", bed.outbox());
    let told = bed.api().deliveries("alert=A-1").await;
    assert_eq!(told.len(), 3, "{told:?}");
    for delivery in &told {
        assert_eq!(delivery["attempts"], 0, "{delivery}");
        // What would have been told together with others says by which delivery, which says it.
        let reason = delivery["reason"].as_str().unwrap_or_default();
        let is_said = reason.contains("runs as a shadow") || reason.contains("told together with others");
        assert!(delivery["state"] == "suppressed" && is_said, "{delivery}");
    }
    assert_eq!(bed.database.number("SELECT count(*) FROM deliveries WHERE state <> 'suppressed'").await, 0);
    let explained = bed.api().get(&format!("/watchbell/v1/explain?user={}&alert=A-1", anna.id)).await.expect(200);
    assert_eq!(explained["steps"].as_array().unwrap().len(), 3, "{explained}");
    // What was for somebody who is served now is not sent late either.
    bed.stop().await;
    bed.settings.remove("SHADOW");
    bed.start().await;
    bed.advance(Duration::from_mins(10)).await;
    assert!(bed.outbox().is_empty(), "{:?}", bed.outbox());
}
