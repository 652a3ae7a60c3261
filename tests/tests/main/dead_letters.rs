//! Events that could not be used, by the commands that an operator types: listed, played again by what was wrong with them as
//! often as one likes, thrown away.

use std::collections::BTreeMap;

use serde_json::json;
use watchbell_core::Channel;
use watchbell_tests::bed::Bed;
use watchbell_tests::on_both;
use watchbell_tests::process::{said, watchbell};
use watchbell_tests::team::{Person, alert};

on_both!(a_replay_by_filter_sends_what_was_missing_once);

async fn a_replay_by_filter_sends_what_was_missing_once(bed: &mut Bed) {
    bed.start().await;
    let anna = Person::without_telegram(bed.api(), 1).await;
    anna.high(bed.api(), "SMS", 0).await;
    // Three that name somebody who is not there yet, one that names nobody who ever will be, one that is no alert.
    let later = [anna.id + 1, anna.id + 1, anna.id + 1, anna.id + 1_000];
    for (n, other) in later.into_iter().enumerate() {
        let mut data = alert(&format!("A-{n}"), &[&anna]);
        data["responders"] = json!([anna.id, other]);
        bed.publish("alert", &n.to_string(), &data).await;
    }
    bed.publish("alert", "bad", &json!({ "alertId": "A-bad" })).await;
    let ben = Person::without_telegram(bed.api(), 2).await;
    assert_eq!(ben.id, anna.id + 1);
    ben.high(bed.api(), "SMS", 0).await;
    let api = bed.api().clone();
    let listed = said(&watchbell(&api, &["dead-letters", "list"]).await);
    assert_eq!((listed.matches("unknown_user").count(), listed.matches("missing_field").count()), (4, 1), "{listed}");
    let sent = |bed: &Bed| {
        let to = |sent: &watchbell_tests::stand_ins::Sent| {
            assert!(sent.is(Channel::Sms, &anna.phone) || sent.is(Channel::Sms, &ben.phone), "{sent:?}");
            sent.to.clone()
        };
        bed.outbox().all().iter().fold(BTreeMap::new(), |mut sent, call| {
            *sent.entry(to(call)).or_insert(0) += 1;
            sent
        })
    };
    let everybody = BTreeMap::from([(anna.phone.clone(), 4), (ben.phone.clone(), 3)]);
    // What was wrong is the filter; the one that still names nobody stays, and is said to.
    for replayed in ["replayed 3", "replayed 0", "replayed 0"] {
        let output = watchbell(&api, &["dead-letters", "replay", "--reason", "unknown_user"]).await;
        assert!(String::from_utf8_lossy(&output.stdout).contains(replayed), "{output:?}");
        bed.quiet().await;
        assert_eq!(sent(bed), everybody);
    }
    let open = api.get("/watchbell/v1/dead-letters?replayed=false").await.expect(200);
    assert_eq!(open["items"].as_array().unwrap().len(), 2, "{open}");
    said(&watchbell(&api, &["dead-letters", "purge", "--reason", "missing_field"]).await);
    let kept = api.get("/watchbell/v1/dead-letters").await.expect(200);
    assert_eq!(kept["items"].as_array().unwrap().len(), 4, "{kept}");
}
