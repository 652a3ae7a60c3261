//! Explaining waits for nobody who writes, and nobody who writes waits for it, whichever way it is asked.

use std::time::Duration;

use serde_json::json;
use watchbell_tests::bed::Bed;
use watchbell_tests::process::{said, watchbell};
use watchbell_tests::team::{Person, alert};
use watchbell_tests::{on_both, wait};

on_both!(a_reader_s_explanations_need_no_writer);

async fn a_reader_s_explanations_need_no_writer(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    let rule = anna.high(bed.api(), "SMS", 0).await;
    bed.publish("alert", "1", &alert("A-1", &[&anna])).await;
    let delivery = bed.api().deliveries("").await.remove(0);
    let key = bed.api().post("/watchbell/v1/keys", &json!({ "name": "reader", "role": "reader" })).await.expect(201);
    let reader = bed.api().with_key(key["key"].as_str().unwrap());
    let path = format!("/watchbell/v1/explain?user={}", anna.id);
    let event = format!("event={}", delivery["eventId"].as_str().unwrap());
    let held = bed.database.hold_writers().await;
    let ask = async {
        for query in ["alert=A-1", &event, "kind=alert", "kind=update&alertId=A-1", "kind=duty", "kind=subscription"] {
            let explained = reader.get(&format!("{path}&{query}")).await.expect(200);
            assert!(explained["steps"].is_array(), "{explained}");
        }
        let mut made_up = alert("A-2", &[&anna]);
        made_up["id"] = "2".into();
        made_up["type"] = "watchbell.events.alert".into();
        let explained = reader.post(&path, &made_up).await.expect(200);
        assert_eq!(explained["steps"][0]["reason"], format!("the user's rule {rule} asks for it"), "{explained}");
        let user = anna.id.to_string();
        for of in [&["--alert", "A-1"][..], &["--kind", "alert"]] {
            said(&watchbell(&reader, &[&["explain", "--user", &user], of].concat()).await);
        }
    };
    wait::in_time(Duration::from_secs(20), "the explanations", ask).await;
    held.let_go().await;
    assert_eq!(bed.api().deliveries("").await.len(), 1, "nothing was planned by asking");
}
