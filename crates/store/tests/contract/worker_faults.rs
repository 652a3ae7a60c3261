//! What workers leave behind or cannot read, and what calls that reached nobody use up: nothing that others wait for.

use std::collections::BTreeSet;
use std::time::Duration;

use watchbell_core::contact::ContactKind;
use watchbell_core::ids::Epoch;
use watchbell_core::outcome::Class;
use watchbell_core::{Channel, DeliveryId, Reason};
use watchbell_store::queue::{AddressFate, Attempt, Call, Finished, HeldLeases, Job, Next, Ranks};

use crate::contacts::contact;
use crate::harness::{BY, Bed};

on_both![
    what_cannot_be_read_is_set_aside_and_keeps_nothing_up,
    what_cannot_be_read_drops_out_of_its_bundle,
    what_follows_something_unreadable_comes_at_once,
    a_call_that_reached_nobody_gives_its_recipients_slot_back,
    a_provider_that_asks_to_leave_a_recipient_alone_is_heard,
    what_is_leased_anew_while_its_process_looks_around_stays_leased,
    until_when_a_channel_was_served_is_remembered,
    high_alerts_can_be_claimed_alone,
    a_bundle_from_which_something_dropped_out_is_not_begun_again,
    message_ids_of_other_deliveries_are_known,
];

async fn enter(bed: &Bed) -> Epoch {
    bed.store.open_session("test", "worker", &[Channel::Email], std::time::Duration::from_hours(1)).await.unwrap()
}

async fn event(bed: &Bed, id: &str, data: &str) {
    bed.execute(&format!(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('{id}', '{id}', 'subscription', 0, 0, 'event:{id}', '{data}')"
    ))
    .await;
}

const NEWS: &str = r#"{"title":"t","message":"m"}"#;

/// Ready deliveries `01D0`, `01D1`, … of one user to one address.
async fn ready(bed: &Bed, count: usize) {
    let user = bed.user("anna").await;
    let to = bed.store.create_contact(BY, user.id, contact(ContactKind::Email, "anna@example.org")).await.unwrap();
    event(bed, "E1", NEWS).await;
    for n in 0..count {
        bed.delivery(&format!("01D{n}"), user.id, "scheduled").await;
    }
    bed.execute(&format!("UPDATE deliveries SET contact_id = {}", to.id)).await;
}

async fn claim(bed: &Bed, epoch: Epoch, ranks: Ranks) -> Vec<Job> {
    bed.store.claim(epoch, Channel::Email, ranks, 50).await.unwrap()
}

fn ids(jobs: &[Job]) -> BTreeSet<&str> {
    jobs.iter().map(|job| job.id.as_str()).collect()
}

async fn begin(bed: &Bed, epoch: Epoch, id: &DeliveryId, is_bundle: bool) -> bool {
    let call = Call { id: id.clone(), provider: "p".to_owned(), is_bundle };
    !bed.store.begin(epoch, &[call]).await.unwrap().is_empty()
}

fn attempt(bed: &Bed, number: i64, class: Class) -> Attempt {
    Attempt {
        number,
        at: bed.now(),
        provider: "p".to_owned(),
        class,
        code: None,
        message_id: (class == Class::Accepted).then(|| format!("SM{number}")),
        latency_ms: Some(1),
        not_before: None,
        goes_on: false,
    }
}

fn again(bed: &Bed, id: &DeliveryId, class: Class) -> Finished {
    let next = Next::Retry { at: bed.now().plus_s(5), reason: Reason::PassingFault { code: None } };
    Finished { id: id.clone(), is_bundle: false, attempt: Some(attempt(bed, 1, class)), next, pause: None, receipt_by: None }
}

async fn what_cannot_be_read_is_set_aside_and_keeps_nothing_up(bed: &Bed) {
    ready(bed, 10).await;
    event(bed, "E2", r#"{"title":7}"#).await;
    event(bed, "E3", "not JSON").await;
    // Each is unreadable in another way.
    let faults = [
        "event_id = 'E2'",
        "event_id = 'E3'",
        "event_id = 'gone'",
        "scope = 'nonsense'",
        "purpose = 'telepathy'",
        "cause = 'whim'",
        "attempt_log = '[1,2'",
        "attempt_log = '[1,1,\"p\",\"Perhaps\",null,null,1]'",
    ];
    for (n, fault) in faults.iter().enumerate() {
        bed.execute(&format!("UPDATE deliveries SET {fault} WHERE id = '01D{n}'")).await;
    }
    let epoch = enter(bed).await;
    let mut moved = bed.store.wakes().moved();
    assert_eq!(ids(&claim(bed, epoch, Ranks::All).await), BTreeSet::from(["01D8", "01D9"]));
    let failed = "SELECT count(*) FROM deliveries d JOIN failures f ON f.id = d.id WHERE state = 'failed' AND lease IS NULL \
                  AND reason LIKE '{\"unreadable\":{\"what\":\"its %'";
    assert_eq!(bed.number(failed).await, 8);
    assert_eq!(bed.number("SELECT count(*) FROM ready_queue WHERE rank < 3").await, 0);
    let told = moved.try_recv().unwrap();
    assert_eq!(told.state, watchbell_core::delivery::State::Failed);
    assert!(claim(bed, epoch, Ranks::All).await.is_empty());
}

async fn what_cannot_be_read_drops_out_of_its_bundle(bed: &Bed) {
    ready(bed, 5).await;
    bed.execute("UPDATE deliveries SET collect = 'burst'").await;
    bed.queue_anew().await;
    let epoch = enter(bed).await;
    let jobs = claim(bed, epoch, Ranks::All).await;
    assert_eq!(jobs.len(), 1);
    event(bed, "E2", "{").await;
    bed.execute("UPDATE deliveries SET event_id = 'E2' WHERE id = '01D3'").await;
    assert!(begin(bed, epoch, &jobs[0].id, true).await);
    let told = bed.store.bundled(&jobs[0].id).await.unwrap();
    assert_eq!(ids(&told), BTreeSet::from(["01D0", "01D1", "01D2", "01D4"]));
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE id = '01D3' AND state = 'failed'").await, 1);
}

async fn what_follows_something_unreadable_comes_at_once(bed: &Bed) {
    ready(bed, 2).await;
    bed.execute("UPDATE deliveries SET due_at = due_at + 600000, ready_at = ready_at + 600000 WHERE id = '01D1'").await;
    bed.execute("UPDATE deliveries SET attempt_log = 'x' WHERE id = '01D0'").await;
    bed.queue_anew().await;
    let epoch = enter(bed).await;
    assert!(claim(bed, epoch, Ranks::All).await.is_empty());
    assert_eq!(ids(&claim(bed, epoch, Ranks::All).await), BTreeSet::from(["01D1"]));
}

/// `limits.recipient` and bundling as they are unless set: three singly, then together.
async fn a_call_that_reached_nobody_gives_its_recipients_slot_back(bed: &Bed) {
    ready(bed, 1).await;
    let epoch = enter(bed).await;
    let sent = || bed.number("SELECT count(*) FROM recipients WHERE sent <> '[]'");
    for class in [Class::Retry, Class::ProviderDown, Class::BadMessage] {
        let jobs = claim(bed, epoch, Ranks::All).await;
        assert_eq!(sent().await, 1);
        assert!(begin(bed, epoch, &jobs[0].id, false).await);
        bed.store.finish(epoch, &[again(bed, &jobs[0].id, class)]).await.unwrap();
        assert_eq!(sent().await, 0, "{class}");
        bed.clock.advance(Duration::from_secs(5));
    }
    // Given back before it was begun.
    let jobs = claim(bed, epoch, Ranks::All).await;
    bed.store.release(epoch, vec![(jobs[0].id.clone(), bed.now())]).await.unwrap();
    assert_eq!(sent().await, 0);
    // Cancelled between the claim and its begin.
    claim(bed, epoch, Ranks::All).await;
    bed.execute("UPDATE deliveries SET state = 'cancelled', lease = NULL").await;
    bed.store.release(epoch, vec![(DeliveryId("01D0".to_owned()), bed.now())]).await.unwrap();
    assert_eq!(sent().await, 0);
    // What may have gone out counts.
    bed.execute("UPDATE deliveries SET state = 'scheduled'").await;
    bed.queue_anew().await;
    let jobs = claim(bed, epoch, Ranks::All).await;
    assert!(begin(bed, epoch, &jobs[0].id, false).await);
    bed.store.finish(epoch, &[again(bed, &jobs[0].id, Class::Unknown)]).await.unwrap();
    assert_eq!(sent().await, 1);
}

async fn a_provider_that_asks_to_leave_a_recipient_alone_is_heard(bed: &Bed) {
    ready(bed, 2).await;
    bed.execute("UPDATE deliveries SET ready_at = ready_at + 1000 WHERE id = '01D1'").await;
    bed.queue_anew().await;
    let epoch = enter(bed).await;
    let jobs = claim(bed, epoch, Ranks::All).await;
    assert!(begin(bed, epoch, &jobs[0].id, false).await);
    let end = Finished { pause: Some(bed.now().plus_s(90)), ..again(bed, &jobs[0].id, Class::Retry) };
    bed.store.finish(epoch, &[end]).await.unwrap();
    bed.clock.advance(Duration::from_mins(1));
    assert!(claim(bed, epoch, Ranks::All).await.is_empty());
    bed.clock.advance(Duration::from_secs(31));
    assert_eq!(claim(bed, epoch, Ranks::All).await.len(), 2);
}

/// A retry leases a delivery again while the note of its first lease still stands: what a heartbeat saw before that says nothing.
async fn what_is_leased_anew_while_its_process_looks_around_stays_leased(bed: &Bed) {
    ready(bed, 1).await;
    let epoch = enter(bed).await;
    let jobs = claim(bed, epoch, Ranks::All).await;
    assert!(begin(bed, epoch, &jobs[0].id, false).await);
    bed.store.finish(epoch, &[again(bed, &jobs[0].id, Class::Retry)]).await.unwrap();
    bed.clock.advance(Duration::from_secs(30));
    let held = HeldLeases::default();
    let before = bed.now().plus_s(-10);
    assert_eq!(claim(bed, epoch, Ranks::All).await.len(), 1);
    assert!(begin(bed, epoch, &jobs[0].id, false).await);
    bed.store.reap(epoch, &held, before).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE state = 'sending' AND lease IS NOT NULL").await, 1);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE attempt_log LIKE '%Unknown%'").await, 0);
}

async fn until_when_a_channel_was_served_is_remembered(bed: &Bed) {
    assert_eq!(bed.store.last_served(Channel::Email).await.unwrap(), None);
    let epoch = enter(bed).await;
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(bed.store.last_served(Channel::Email).await.unwrap(), None, "it still is");
    bed.store.close_session(epoch).await.unwrap();
    let ended = bed.now();
    assert_eq!(bed.store.last_served(Channel::Email).await.unwrap(), Some(ended));
    assert_eq!(bed.store.last_served(Channel::Sms).await.unwrap(), None);
    // One that died: it served as long as its lease was.
    bed.store.open_session("test", "worker", &[Channel::Email], std::time::Duration::from_secs(6)).await.unwrap();
    bed.clock.advance(Duration::from_mins(10));
    let other = enter(bed).await;
    bed.store.reap(other, &HeldLeases::default(), bed.now()).await.unwrap();
    assert_eq!(bed.store.last_served(Channel::Email).await.unwrap(), Some(ended.plus_s(6)));
}

async fn high_alerts_can_be_claimed_alone(bed: &Bed) {
    ready(bed, 4).await;
    bed.execute("UPDATE deliveries SET rank = 1 WHERE id IN ('01D0', '01D1')").await;
    bed.execute("UPDATE deliveries SET ready_at = ready_at + 7000 WHERE id = '01D3'").await;
    bed.queue_anew().await;
    let epoch = enter(bed).await;
    assert_eq!(ids(&claim(bed, epoch, Ranks::High).await), BTreeSet::from(["01D2"]));
    assert_eq!(bed.store.next_ready(Channel::Email, Ranks::High).await.unwrap(), Some(bed.now().plus_s(7)));
    assert_eq!(bed.store.next_ready(Channel::Email, Ranks::All).await.unwrap(), Some(bed.now()));
}

async fn a_bundle_from_which_something_dropped_out_is_not_begun_again(bed: &Bed) {
    ready(bed, 3).await;
    bed.execute("UPDATE deliveries SET collect = 'burst'").await;
    bed.queue_anew().await;
    let epoch = enter(bed).await;
    let bundle = claim(bed, epoch, Ranks::All).await.remove(0).id;
    assert!(begin(bed, epoch, &bundle, true).await);
    assert!(begin(bed, epoch, &bundle, true).await, "asked again, nothing has changed");
    bed.execute("UPDATE deliveries SET stop = 'accepted' WHERE id = '01D1'").await;
    assert!(!begin(bed, epoch, &bundle, true).await);
    let next = Next::Retry { at: bed.now(), reason: Reason::NotBegun };
    bed.store
        .finish(epoch, &[Finished { id: bundle.clone(), is_bundle: true, attempt: None, next, pause: None, receipt_by: None }])
        .await
        .unwrap();
    let jobs = claim(bed, epoch, Ranks::All).await;
    assert!(begin(bed, epoch, &jobs[0].id, true).await);
    assert_eq!(ids(&bed.store.bundled(&bundle).await.unwrap()), BTreeSet::from(["01D0", "01D2"]));
}

async fn message_ids_of_other_deliveries_are_known(bed: &Bed) {
    ready(bed, 2).await;
    let epoch = enter(bed).await;
    let jobs = claim(bed, epoch, Ranks::All).await;
    assert!(begin(bed, epoch, &jobs[0].id, false).await);
    let end = Finished { next: Next::Sent, ..again(bed, &jobs[0].id, Class::Accepted) };
    bed.store.finish(epoch, &[end]).await.unwrap();
    let asked = ["SM1".to_owned(), "SM2".to_owned()];
    assert_eq!(bed.store.ids_of_others(&jobs[1], &asked).await.unwrap(), ["SM1"]);
    assert!(bed.store.ids_of_others(&jobs[0], &asked).await.unwrap().is_empty(), "its own");
    // Another user's to the same phone.
    let ben = bed.user("ben").await.id;
    bed.execute("UPDATE contacts SET kind = 'phone', target = '+493023125000', status = 'LOCKED'").await;
    bed.execute(&format!(
        "INSERT INTO contacts (user_id, kind, target, region, is_primary, status) SELECT {ben}, kind, target, region, FALSE, status FROM contacts"
    ))
    .await;
    bed.execute(&format!("UPDATE deliveries SET user_id = {ben} WHERE id = '{}'", jobs[0].id)).await;
    assert_eq!(bed.store.ids_of_others(&jobs[1], &asked).await.unwrap(), ["SM1"]);
    bed.execute("UPDATE contacts SET target = '+493023125001' WHERE user_id = (SELECT max(user_id) FROM contacts)").await;
    assert!(bed.store.ids_of_others(&jobs[1], &asked).await.unwrap().is_empty());
    let failed = Finished {
        next: Next::Failed { reason: Reason::BadMessage { code: None }, address: AddressFate::Keep },
        ..again(bed, &jobs[1].id, Class::Retry)
    };
    bed.store.finish(epoch, &[failed]).await.unwrap();
}
