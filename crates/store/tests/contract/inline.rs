//! Inline dispatch: what is due when it is planned goes straight to a worker of the same process that has room for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use watchbell_core::contact::ContactKind;
use watchbell_core::event::{Event, EventData, Occurrence, Original, SubscriptionData};
use watchbell_core::ids::Epoch;
use watchbell_core::{Channel, DeliveryId, Reason, UserId};
use watchbell_store::inline::{InlineDispatch, Reservation};
use watchbell_store::queue::{Call, Finished, HeldLeases, Job, Next, Ranks};

use crate::contacts::contact;
use crate::harness::{BY, Bed};

on_both![
    what_there_is_room_for_is_handed_over_as_begun_and_the_rest_waits,
    what_is_known_already_is_not_handed_over_again,
    what_a_recipient_does_not_take_now_is_not_handed_over,
    a_change_is_planned_from_at_once_though_policies_are_remembered,
    nothing_is_handed_to_a_worker_whose_lease_has_run_out,
    what_was_not_called_at_once_is_begun_anew_unless_it_was_cancelled,
    what_a_process_has_leased_without_knowing_is_free_again,
];

const LEASE: Duration = Duration::from_secs(6);

/// A worker with so much room, which remembers what it was handed.
#[derive(Clone, Debug)]
struct Desk {
    epoch: Epoch,
    room: usize,
    handed: Arc<Mutex<Vec<Job>>>,
}

#[derive(Debug)]
struct Room(Desk, usize);

impl InlineDispatch for Desk {
    fn reserve(&self, channel: Channel, wanted: usize) -> Option<Box<dyn Reservation>> {
        (channel == Channel::Email).then(|| -> Box<dyn Reservation> { Box::new(Room(self.clone(), wanted.min(self.room))) })
    }

    fn planned(&self) {}
}

impl Reservation for Room {
    fn epoch(&self) -> Epoch {
        self.0.epoch
    }

    fn provider(&self) -> &'static str {
        "smtp"
    }

    fn calls(&self) -> usize {
        self.1
    }

    fn suits(&self, _: &Job) -> bool {
        true
    }

    fn hand_over(self: Box<Self>, jobs: Vec<Job>) {
        self.0.handed.lock().unwrap().extend(jobs);
    }
}

impl Desk {
    async fn open(bed: &Bed, room: usize) -> Self {
        let epoch = bed.store.open_session("test", "worker", &[Channel::Email], LEASE).await.unwrap();
        Self { epoch, room, handed: Arc::default() }
    }

    fn handed(&self) -> Vec<DeliveryId> {
        self.handed.lock().unwrap().iter().map(|job| job.id.clone()).collect()
    }
}

async fn reachable(bed: &Bed, name: &str) -> UserId {
    let user = bed.user(name).await.id;
    bed.store.create_contact(BY, user, contact(ContactKind::Email, &format!("{name}@example.org"))).await.unwrap();
    user
}

async fn publish(bed: &Bed, desk: &Desk, identity: &str, users: &[UserId]) {
    let users = users.iter().map(ToString::to_string).collect();
    let data = SubscriptionData { title: "t".to_owned(), message: "m".to_owned(), users, ..SubscriptionData::default() };
    let event = Event {
        identity: identity.to_owned(),
        occurrence: Occurrence { source: "test".to_owned(), time: None, received_at: bed.now(), sequence: 0 },
        data: EventData::Subscription(data),
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original::default(),
    };
    bed.store.accept(&[event], None, desk).await.unwrap();
}

async fn in_state(bed: &Bed, state: &str) -> i64 {
    bed.number(&format!("SELECT count(*) FROM deliveries WHERE state = '{state}'")).await
}

async fn what_there_is_room_for_is_handed_over_as_begun_and_the_rest_waits(bed: &Bed) {
    let users = [reachable(bed, "anna").await, reachable(bed, "ben").await, reachable(bed, "cleo").await];
    let desk = Desk::open(bed, 2).await;
    publish(bed, &desk, "news", &users).await;
    assert_eq!((desk.handed().len(), in_state(bed, "sending").await, in_state(bed, "scheduled").await), (2, 2, 1));
    // It is what a claim would have given.
    let waiting = bed.store.claim(desk.epoch, Channel::Email, Ranks::All, 10).await.unwrap();
    let handed = desk.handed.lock().unwrap()[0].clone();
    assert_eq!((&waiting[0].event, waiting[0].purpose, waiting[0].due_at), (&handed.event, handed.purpose, handed.due_at));
    let ends: Vec<Finished> = desk
        .handed()
        .into_iter()
        .map(|id| Finished { id, is_bundle: false, attempt: None, next: Next::Sent, pause: None, receipt_by: None })
        .collect();
    assert_eq!(bed.store.finish(desk.epoch, &ends).await.unwrap().len(), 2);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE state = 'sent' AND attempts = 1").await, 2);
}

async fn what_is_known_already_is_not_handed_over_again(bed: &Bed) {
    let users = [reachable(bed, "anna").await];
    let desk = Desk::open(bed, 2).await;
    publish(bed, &desk, "news", &users).await;
    publish(bed, &desk, "news", &users).await;
    assert_eq!(desk.handed().len(), 1);
}

async fn what_a_recipient_does_not_take_now_is_not_handed_over(bed: &Bed) {
    let users = [reachable(bed, "anna").await];
    let desk = Desk::open(bed, 10).await;
    // Three go singly in a window; the fourth waits to be told together with what follows.
    for n in 0..4 {
        publish(bed, &desk, &format!("news {n}"), &users).await;
    }
    assert_eq!(desk.handed().len(), 3);
    let waits = bed.number("SELECT count(*) FROM deliveries WHERE state = 'scheduled' AND collect = 'burst' AND ready_at > due_at").await;
    assert_eq!(waits, 1);
}

async fn a_change_is_planned_from_at_once_though_policies_are_remembered(bed: &Bed) {
    let user = reachable(bed, "anna").await;
    let desk = Desk::open(bed, 10).await;
    publish(bed, &desk, "before", &[user]).await;
    bed.store.create_contact(BY, user, contact(ContactKind::Email, "second@example.org")).await.unwrap();
    publish(bed, &desk, "after", &[user]).await;
    assert_eq!(desk.handed().len(), 3);
    bed.store.delete_user(BY, user).await.unwrap();
    publish(bed, &desk, "too late", &[user]).await;
    assert_eq!(desk.handed().len(), 3);
}

async fn nothing_is_handed_to_a_worker_whose_lease_has_run_out(bed: &Bed) {
    let users = [reachable(bed, "anna").await];
    let desk = Desk::open(bed, 10).await;
    bed.clock.advance(std::time::Duration::from_secs(7));
    publish(bed, &desk, "news", &users).await;
    assert_eq!((desk.handed().len(), in_state(bed, "scheduled").await), (0, 1));
}

async fn what_was_not_called_at_once_is_begun_anew_unless_it_was_cancelled(bed: &Bed) {
    let users = [reachable(bed, "anna").await, reachable(bed, "ben").await];
    let desk = Desk::open(bed, 10).await;
    publish(bed, &desk, "news", &users).await;
    let handed = desk.handed();
    let call = |id: &DeliveryId| Call { id: id.clone(), provider: "smtp".to_owned(), is_bundle: false };
    let calls: Vec<Call> = handed.iter().map(call).collect();
    bed.execute(&format!("UPDATE deliveries SET stop = 'nobody needs it any more' WHERE id = '{}'", handed[0])).await;
    assert_eq!(bed.store.begin(desk.epoch, &calls).await.unwrap(), handed[1..]);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE attempts = 1").await, 2);
    // What is given back is cancelled, not tried again.
    let next = Next::Retry { at: bed.now(), reason: Reason::NotCalledInTime };
    bed.store
        .finish(desk.epoch, &[Finished { id: handed[0].clone(), is_bundle: false, attempt: None, next, pause: None, receipt_by: None }])
        .await
        .unwrap();
    assert_eq!(in_state(bed, "cancelled").await, 1);
    // A session that has ended begins nothing.
    bed.store.close_session(desk.epoch).await.unwrap();
    assert!(bed.store.begin(desk.epoch, &calls).await.unwrap().is_empty());
}

async fn what_a_process_has_leased_without_knowing_is_free_again(bed: &Bed) {
    let users = [reachable(bed, "anna").await, reachable(bed, "ben").await, reachable(bed, "cleo").await];
    let desk = Desk::open(bed, 2).await;
    publish(bed, &desk, "news", &users).await;
    let claimed = bed.store.claim(desk.epoch, Channel::Email, Ranks::All, 10).await.unwrap();
    assert_eq!((desk.handed().len(), claimed.len()), (2, 1));
    let held = HeldLeases { known: HashSet::from([desk.handed()[0].clone()]), ..HeldLeases::default() };
    bed.clock.advance(std::time::Duration::from_secs(5));
    // What was leased just now may be on its way to the worker.
    assert!(bed.store.heartbeat(desk.epoch, LEASE, &[]).await.unwrap().is_alive);
    bed.store.reap(desk.epoch, &held, bed.now().plus_s(-10)).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL").await, 3);
    bed.store.reap(desk.epoch, &held, bed.now().plus_ms(1)).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE lease IS NOT NULL").await, 1);
    assert_eq!(in_state(bed, "scheduled").await, 2);
    // Who does not know of a lease has called for nothing: there was no attempt.
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE attempts = 1").await, 1);
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE attempt_log <> ''").await, 0);
}
