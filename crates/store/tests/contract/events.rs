//! What makes an event the same event, and whom a name means.

use std::sync::Arc;

use watchbell_core::EventId;
use watchbell_core::decode::RejectReason;
use watchbell_core::event::{AlertData, Event, EventData, Occurrence, Original, SubscriptionData};
use watchbell_store::directory::NewUser;
use watchbell_store::inline::NoInlineDispatch;
use watchbell_store::intake::{DeadLetter, DeadLetterFilter};
use watchbell_store::{Options, StoreError};

use crate::harness::{BY, Bed, PlansNews, named};

on_both![
    the_same_event_is_known_and_another_one_with_its_identity_is_a_conflict,
    two_with_one_identity_in_one_batch_are_told_apart,
    what_was_noted_on_an_event_is_kept_with_it,
    no_external_id_means_somebody_else,
    a_name_that_means_two_is_told_to_both,
    whom_a_text_names_is_found_however_it_is_written,
    what_of_a_user_cannot_be_read_keeps_no_event_up,
    a_topic_event_that_cannot_be_planned_holds_up_no_other_one,
];

fn event(bed: &Bed, identity: &str, data: EventData) -> Event {
    Event {
        identity: identity.to_owned(),
        occurrence: Occurrence { source: "test".to_owned(), time: None, received_at: bed.now(), sequence: 0 },
        data,
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original { subject: "watchbell.events.x".to_owned(), ..Original::default() },
    }
}

fn news(title: &str, users: &[&str]) -> EventData {
    let users = users.iter().map(ToString::to_string).collect();
    EventData::Subscription(SubscriptionData { title: title.to_owned(), message: "m".to_owned(), users, ..SubscriptionData::default() })
}

fn alert(summary: &str) -> EventData {
    EventData::Alert(AlertData { alert_id: "A-1".to_owned(), summary: summary.to_owned(), ..AlertData::default() })
}

async fn with_email(bed: &Bed, name: &str) -> watchbell_core::user::User {
    bed.store.create_user(BY, NewUser { email: Some(format!("{name}@example.org")), ..named(name) }).await.unwrap()
}

async fn letters(bed: &Bed) -> Vec<DeadLetter> {
    bed.store.dead_letters(&DeadLetterFilter { limit: 100, ..DeadLetterFilter::default() }).await.unwrap()
}

async fn the_same_event_is_known_and_another_one_with_its_identity_is_a_conflict(bed: &Bed) {
    let anna = with_email(bed, "anna").await.id.to_string();
    let first = bed.store.accept(&[event(bed, "1", news("t", &[&anna]))], None, &NoInlineDispatch).await.unwrap().remove(0);
    assert_eq!((first.planned, first.duplicate), (1, false));
    // Later, and without a time of its own: it is the event that is kept.
    bed.clock.advance(std::time::Duration::from_mins(1));
    let again = bed.store.accept(&[event(bed, "1", news("t", &[&anna]))], None, &NoInlineDispatch).await.unwrap().remove(0);
    assert_eq!((&again.id, again.duplicate, again.planned, again.is_conflict()), (&first.id, true, 0, false));
    assert_eq!(letters(bed).await, []);

    // Another one changes nothing, and is kept as a dead letter …
    let other = event(bed, "1", news("other", &[&anna]));
    let refused = bed.store.accept(std::slice::from_ref(&other), None, &NoInlineDispatch).await.unwrap().remove(0);
    assert_eq!((refused.is_conflict(), refused.duplicate, refused.planned), (true, false, 0));
    let letter = letters(bed).await.remove(0);
    assert_eq!(letter.reason, RejectReason::Conflict.as_str());
    // … from which it can be played, once.
    let replay = Event { replay_of: Some(letter.id), ..other.clone() };
    for planned in [1, 1] {
        let played = bed.store.accept(std::slice::from_ref(&replay), None, &NoInlineDispatch).await.unwrap().remove(0);
        assert_eq!((played.planned, played.duplicate), (planned, false));
    }
    assert_eq!(bed.number("SELECT COUNT(*) FROM deliveries").await, 2, "the second replay writes nothing new");
    assert!(bed.store.dead_letter(letter.id).await.unwrap().unwrap().0.replayed_at.is_some());

    // An alert is told all the same, once, whatever holds its identity.
    let told = event(bed, "1", alert("s"));
    for (count, duplicate) in [(2, false), (2, true)] {
        let accepted = bed.store.accept(std::slice::from_ref(&told), None, &NoInlineDispatch).await.unwrap().remove(0);
        assert_eq!((accepted.is_conflict(), accepted.duplicate), (true, duplicate));
        assert_eq!(accepted.id, told.clone().told_apart().id());
        assert_eq!(letters(bed).await.len(), count);
    }
    assert_eq!(bed.number("SELECT COUNT(*) FROM events WHERE kind = 'alert'").await, 1);

    // What was kept before there were digests is the same as whatever has its identity.
    bed.execute("UPDATE events SET digest = ''").await;
    let old = bed.store.accept(&[event(bed, "1", news("something else", &[&anna]))], None, &NoInlineDispatch).await.unwrap().remove(0);
    assert_eq!((old.duplicate, old.is_conflict()), (true, false));
}

async fn two_with_one_identity_in_one_batch_are_told_apart(bed: &Bed) {
    let events =
        [event(bed, "1", alert("s")), event(bed, "1", alert("s")), event(bed, "1", alert("other")), event(bed, "1", alert("other"))];
    let accepted = bed.store.accept(&events, None, &NoInlineDispatch).await.unwrap();
    let found: Vec<(bool, bool)> = accepted.iter().map(|accepted| (accepted.duplicate, accepted.is_conflict())).collect();
    assert_eq!(found, [(false, false), (true, false), (false, true), (true, true)]);
    assert_eq!(bed.number("SELECT COUNT(*) FROM events").await, 2);
}

async fn what_was_noted_on_an_event_is_kept_with_it(bed: &Bed) {
    let repaired = Event { problems: vec!["priority is missing".to_owned()], ..event(bed, "1", alert("s")) };
    let accepted = bed.store.accept(&[repaired, event(bed, "2", news("t", &[]))], None, &NoInlineDispatch).await.unwrap();
    assert_eq!(letters(bed).await, [], "what was repaired is no dead letter");
    let kept = bed.store.event(&accepted[0].id).await.unwrap().unwrap();
    assert_eq!((kept.problems.as_slice(), kept.alert_id.as_deref()), (&["priority is missing".to_owned()][..], Some("A-1")));
    let both = bed.store.events(&[accepted[1].id.clone(), EventId("none".to_owned()), accepted[0].id.clone()]).await.unwrap();
    assert_eq!(both.len(), 2);
}

async fn no_external_id_means_somebody_else(bed: &Bed) {
    let anna = bed.user("anna").await;
    let with = |id: &str| NewUser { external_id: Some(id.to_owned()), ..named("ben") };
    for bad in ["5", "-5", "007", "99999999999999999999", " x", "x\n"] {
        assert!(matches!(bed.store.create_user(BY, with(bad)).await, Err(StoreError::BadExternalId(_))), "{bad:?}");
        assert!(matches!(bed.store.replace_user(BY, anna.id, with(bad), &[]).await, Err(StoreError::BadExternalId(_))), "{bad:?}");
    }
    assert!(matches!(bed.store.create_user(BY, with(&anna.public_id)).await, Err(StoreError::Taken("external id"))));
    let ben = bed.store.create_user(BY, with("U4DNY931HHJS5")).await.unwrap();
    assert!(matches!(bed.store.replace_user(BY, ben.id, with(&anna.public_id), &[]).await, Err(StoreError::Taken("external id"))));
    // One's own is nobody else's.
    bed.store.replace_user(BY, ben.id, with(&ben.public_id), &[]).await.unwrap();
}

async fn a_name_that_means_two_is_told_to_both(bed: &Bed) {
    let (anna, ben, cleo) = (with_email(bed, "anna").await, with_email(bed, "ben").await, with_email(bed, "cleo").await);
    // As it was before that was refused.
    bed.execute(&format!("UPDATE users SET external_id = '{}' WHERE id = {}", anna.id, ben.id)).await;
    bed.execute(&format!("UPDATE users SET external_id = '{}' WHERE id = {}", anna.public_id, cleo.id)).await;
    let mut url = bed.options.url.clone();
    if bed.is_sqlite() {
        // The file is in use here; a copy of it is not.
        let file = url.trim_start_matches("sqlite://").to_owned();
        bed.execute(&format!("VACUUM INTO '{file}.copy'")).await;
        url = format!("sqlite://{file}.copy");
    }
    let options = Options { url, ..bed.options.clone() };
    let store = watchbell_store::open(&options, Arc::new(PlansNews), Arc::new(bed.clock.clone())).await.unwrap();
    let table = [
        (anna.id.to_string(), 2),
        (anna.public_id.clone(), 2),
        (ben.id.to_string(), 1),
        (cleo.public_id.clone(), 1),
        // Whom a number means that nobody has: the one who is called by it.
        ("nobody".to_owned(), 0),
    ];
    for round in 0..2 {
        for (name, told) in &table {
            let accepted = store
                .accept(&[event(bed, &format!("{name} {round}"), news("t", &[name]))], None, &NoInlineDispatch)
                .await
                .unwrap()
                .remove(0);
            assert_eq!(accepted.planned, *told, "{name}");
        }
    }
    // What is there stays until it is changed.
    let ben_as = |id: &str| NewUser { external_id: Some(id.to_owned()), ..named("ben") };
    store.replace_user(BY, ben.id, ben_as(&anna.id.to_string()), &[]).await.unwrap();
    assert!(matches!(store.replace_user(BY, ben.id, ben_as("7"), &[]).await, Err(StoreError::BadExternalId(_))));
    store.replace_user(BY, ben.id, ben_as("ben"), &[]).await.unwrap();
    let accepted =
        store.accept(&[event(bed, "last", news("t", &[&anna.id.to_string()]))], None, &NoInlineDispatch).await.unwrap().remove(0);
    assert_eq!(accepted.planned, 1);
}

async fn whom_a_text_names_is_found_however_it_is_written(bed: &Bed) {
    let (anna, ben) = (with_email(bed, "anna").await, with_email(bed, "ben").await);
    let called = |id: &str| NewUser { external_id: Some(id.to_owned()), email: Some(format!("{}@example.org", id.len())), ..named(id) };
    for id in ["auth0|1", "7 8", "user:9", "cn=x,ou=1"] {
        bed.store.create_user(BY, called(id)).await.unwrap();
    }
    let (a, b) = (anna.id, ben.id);
    let table = [
        (format!("user:{a}"), 1),
        (format!("USER: {}", anna.public_id), 1),
        (format!("00{a}"), 1),
        (format!("{a},{b}"), 2),
        (format!("{a} {b}"), 2),
        (format!("user:{a}; user:{b};"), 2),
        (format!("{a},{a}"), 1),
        (format!("{a},999"), 1),
        // Names of other systems, which are one user each.
        ("auth0|1".to_owned(), 1),
        ("7 8".to_owned(), 1),
        ("user:9".to_owned(), 1),
        ("user:cn=x,ou=1".to_owned(), 1),
        // Nobody; least of all the user whose number is in it.
        (format!("team {a}"), 0),
        (format!("auth1|{a}"), 0),
        (format!("duty:{a}"), 0),
        ("user:".to_owned(), 0),
    ];
    for (at, (name, told)) in table.iter().enumerate() {
        let accepted =
            bed.store.accept(&[event(bed, &at.to_string(), news("t", &[name]))], None, &NoInlineDispatch).await.unwrap().remove(0);
        assert_eq!(accepted.planned, *told, "{name}");
    }
}

async fn what_of_a_user_cannot_be_read_keeps_no_event_up(bed: &Bed) {
    let (anna, ben) = (with_email(bed, "anna").await.id, with_email(bed, "ben").await.id);
    let new = |number: &str| watchbell_store::directory::NewContact {
        kind: watchbell_core::contact::ContactKind::Phone,
        target: number.to_owned(),
        region: Some("DE".to_owned()),
        primary: None,
        status: watchbell_core::contact::ContactStatus::Ok,
    };
    bed.store.create_contact(BY, anna, new("+493023125000")).await.unwrap();
    // As a later version may write them.
    bed.execute(&format!("UPDATE contacts SET kind = 'pigeon' WHERE user_id = {anna} AND kind = 'phone'")).await;
    bed.execute(&format!("UPDATE users SET quiet_hours = '[]', version = version + 1 WHERE id = {anna}")).await;
    let both = news("t", &[&anna.to_string(), &ben.to_string()]);
    assert_eq!(bed.store.accept(&[event(bed, "1", both)], None, &NoInlineDispatch).await.unwrap()[0].planned, 2);
}

async fn a_topic_event_that_cannot_be_planned_holds_up_no_other_one(bed: &Bed) {
    for (id, data) in [("E1", r#"{"title":"t","message":"m"}"#), ("E2", r#"{"title":7}"#), ("E3", r#"{"title":"t","message":"m"}"#)] {
        bed.execute(&format!(
            "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) \
             VALUES ('{id}', '{id}', 'subscription', 0, 0, 'event:{id}', '{data}')"
        ))
        .await;
        bed.execute(&format!("INSERT INTO fanouts (event_id, topic, last_user_id) VALUES ('{id}', 'ops', 0)")).await;
    }
    assert!(bed.store.fan_out().await.unwrap());
    assert!(bed.store.fan_out().await.is_err());
    assert!(bed.store.fan_out().await.unwrap());
    assert_eq!(bed.number("SELECT COUNT(*) FROM fanouts").await, 1);
    // It is tried again after those behind it, and done once it can be.
    assert!(bed.store.fan_out().await.unwrap());
    assert!(bed.store.fan_out().await.is_err());
    bed.execute(r#"UPDATE events SET data = '{"title":"t","message":"m"}' WHERE id = 'E2'"#).await;
    while bed.store.fan_out().await.unwrap() {}
    assert_eq!(bed.number("SELECT COUNT(*) FROM fanouts").await, 0);
}
