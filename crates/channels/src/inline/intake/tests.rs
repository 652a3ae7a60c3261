#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use watchbell_core::event::{AlertData, Occurrence, Original, UpdateData, UpdateStatus};
use watchbell_core::{Timestamp, UserId};
use watchbell_store::facts::Planned as PlannedDelivery;

use super::*;

/// Keeps which events it was given in which transaction, and fails at one of them.
#[derive(Default)]
struct Recorded {
    transactions: Mutex<Vec<Vec<String>>>,
    fails_at: Option<&'static str>,
}

#[async_trait]
impl Intake for Recorded {
    async fn accept(&self, events: &[Event], _: Option<Publisher>, inline: &dyn InlineDispatch) -> Result<Vec<Accepted>, StoreError> {
        let names: Vec<String> = events.iter().map(|event| event.identity.clone()).collect();
        if self.fails_at.is_some_and(|name| names.iter().any(|given| given == name)) {
            return Err(StoreError::Conflict);
        }
        self.transactions.lock().unwrap_or_else(PoisonError::into_inner).push(names);
        inline.planned();
        let accepted = |event: &Event| Accepted {
            id: event.id(),
            duplicate: false,
            planned: 0,
            problems: Vec::new(),
            rejected: Vec::new(),
            decision: None,
            trace: None,
        };
        Ok(events.iter().map(accepted).collect())
    }

    async fn explain(&self, _: Event, _: UserId) -> Result<(Accepted, Vec<PlannedDelivery>), StoreError> {
        Err(StoreError::NotFound("user"))
    }
}

impl Recorded {
    /// How many events each transaction had, and that all came in their order.
    fn sizes(&self) -> Vec<usize> {
        let transactions = self.transactions.lock().unwrap();
        let order: Vec<usize> = transactions.iter().flatten().map(|name| name.parse().unwrap()).collect();
        assert!(order.is_sorted(), "{order:?}");
        transactions.iter().map(Vec::len).collect()
    }
}

fn event(number: usize, data: EventData) -> Event {
    let at = Timestamp::from_millis(1_700_000_000_000);
    Event {
        identity: format!("{number:04}"),
        occurrence: Occurrence { source: "tests".to_owned(), time: None, received_at: at, sequence: 0 },
        data,
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original { subject: String::new(), headers: Vec::new(), payload: Vec::new(), received_at: at },
    }
}

/// An alert for so many users.
fn alert(number: usize, users: usize) -> Event {
    let responders = (1..=users).map(|user| user.to_string()).collect();
    event(number, EventData::Alert(AlertData { alert_id: number.to_string(), responders, ..AlertData::default() }))
}

fn accepted(number: usize) -> Event {
    let data = UpdateData {
        alert_id: number.to_string(),
        status: UpdateStatus::Accepted,
        actor: None,
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        url: None,
        answer: None,
        follow_up: None,
    };
    event(number, EventData::Update(data))
}

#[tokio::test]
async fn events_are_accepted_in_their_order_and_no_more_together_than_a_transaction_bears() {
    // How many events, whether they are updates, how many users each names, and how many are accepted together.
    let table: [(usize, bool, usize, &[usize]); 6] = [
        (0, false, 1, &[]),
        (300, false, 1, &[128, 128, 44]),
        (250, true, 1, &[UPDATES_TOGETHER, UPDATES_TOGETHER, 50]),
        // Each user is planned for.
        (5, false, 400, &[2, 2, 1]),
        // An event is accepted, however many it names.
        (2, false, 5_000, &[1, 1]),
        (1, true, 0, &[1]),
    ];
    for (count, are_updates, users, together) in table {
        let events: Vec<Event> = (0..count).map(|n| if are_updates { accepted(n) } else { alert(n, users) }).collect();
        let store = Arc::new(Recorded::default());
        let intake = EventIntake::new(store.clone(), Arc::default());
        let answers = intake.accept(&events, None).await.unwrap();
        assert_eq!(
            answers.iter().map(|one| &one.id).collect::<Vec<_>>(),
            events.iter().map(Event::id).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
        assert_eq!(store.sizes(), together, "{count} events for {users} users");
    }
}

#[tokio::test]
async fn others_enter_once_the_last_of_the_events_is_planned_and_not_before() {
    let events: Vec<Event> = (0..300).map(|number| alert(number, 1)).collect();
    let (store, planned) = (Arc::new(Recorded::default()), AtomicUsize::new(0));
    let intake = EventIntake::new(store, Arc::default());
    let note = || {
        planned.fetch_add(1, Ordering::Relaxed);
    };
    let mut entry = intake.entry(&events, None, &note);
    let mut seen = Vec::new();
    while let Some((some, _)) = entry.accept_some().await.unwrap() {
        seen.push((some.len(), planned.load(Ordering::Relaxed)));
    }
    assert_eq!(seen, [(128, 0), (128, 0), (44, 1)]);
}

#[tokio::test]
async fn what_fails_is_not_accepted_and_is_what_comes_next() {
    let events: Vec<Event> = (0..200).map(|number| alert(number, 1)).collect();
    let store = Arc::new(Recorded { fails_at: Some("0150"), ..Recorded::default() });
    let intake = EventIntake::new(store.clone(), Arc::default());
    let mut entry = intake.entry(&events, None, &|| {});
    assert_eq!(entry.accept_some().await.unwrap().unwrap().1.len(), 128);
    for _ in 0..2 {
        assert!(matches!(entry.accept_some().await, Err(StoreError::Conflict)));
    }
    assert_eq!(store.sizes(), [128]);
}

#[tokio::test]
async fn an_accept_goes_before_alerts_that_wait_to_be_planned() {
    let (updates, alerts) = ([accepted(1)], [alert(2, 1)]);
    let store = Arc::new(Recorded::default());
    let intake = EventIntake::new(store.clone(), Arc::default());
    let mut first = intake.entry(&updates, None, &|| {});
    let second = intake.accept(&alerts, None);
    let (_, ()) = tokio::join!(second, async {
        // The alert's turn has come by now, and it waits.
        tokio::task::yield_now().await;
        assert_eq!(first.accept_some().await.unwrap().unwrap().1.len(), 1);
        drop(first);
    });
    assert_eq!(store.sizes(), [1, 1]);
}
