//! What became of subscription events, person by person.

use watchbell_core::delivery::State;
use watchbell_core::event::{EventData, SubscriptionData};
use watchbell_core::{Channel, EventId, Timestamp, UserId};
use watchbell_store::page::Side;
use watchbell_store::runs::{RunDelivery, RunFilter, RunPlace};

use crate::harness::{BY, Bed};

on_both![deliveries_are_paged_both_ways_and_filtered, a_run_is_one_notification_a_user, what_is_of_no_run_is_left_out];

/// A run for these users, by in-app and email.
async fn run(bed: &Bed, name: &str, topic: Option<&str>, users: &[UserId]) -> EventId {
    bed.clock.advance(std::time::Duration::from_secs(1));
    let id = EventId::derive(bed.now(), name);
    let now = bed.now().as_millis();
    let data = SubscriptionData {
        title: name.to_owned(),
        message: "m".to_owned(),
        topic: topic.map(str::to_owned),
        category: Some("orders".to_owned()),
        ..SubscriptionData::default()
    };
    let data = serde_json::to_string(&EventData::Subscription(data)).unwrap();
    bed.execute(&format!(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('{id}', '{name}', 'subscription', {now}, {now}, \
         'event:{id}', '{data}')"
    ))
    .await;
    for user in users {
        for (channel, state) in [("in_app", "sent"), ("email", "scheduled"), ("voice", "sent")] {
            let delivery = watchbell_core::DeliveryId::derive(bed.now(), &[name, channel, &user.to_string()]);
            bed.execute(&format!(
                "INSERT INTO deliveries (id, scope, event_id, subject, category, user_id, purpose, cause, channel, address, rules, critical, rank, \
                 due_at, ready_at, state, attempts, provider, created_at, updated_at) VALUES ('{delivery}', 'event:{id}', '{id}', 'event:{id}', \
                 'orders', {user}, 'rule', 'subscription', '{channel}', '', '[]', FALSE, 1, {now}, {now}, '{state}', 1, 'p-{channel}', {now}, {now})"
            ))
            .await;
        }
    }
    id
}

fn places(found: &[RunDelivery]) -> Vec<(EventId, UserId, Channel)> {
    found.iter().map(|delivery| (delivery.event_id.clone(), delivery.user_id, delivery.channel)).collect()
}

fn place(delivery: &RunDelivery) -> RunPlace {
    RunPlace { event: delivery.event_id.clone(), user: delivery.user_id, delivery: Some(delivery.id.clone()) }
}

async fn deliveries_are_paged_both_ways_and_filtered(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let first = run(bed, "first", Some("storms"), &[anna, ben]).await;
    let second = run(bed, "second", None, &[anna]).await;
    let list = async |filter: RunFilter| bed.store.run_deliveries(&filter).await.unwrap();
    let all = list(RunFilter { limit: 100, ..RunFilter::default() }).await;
    // Calls are none of Notiflows' channels.
    assert_eq!(all.len(), 6);
    assert!(all[..2].iter().all(|delivery| delivery.event_id == second) && all[2].user_id == ben && all[5].user_id == anna);
    assert_eq!((all[0].data.title.as_str(), all[2].data.topic.as_deref()), ("second", Some("storms")));
    for user in [None, Some(anna), Some(ben)] {
        let whole = list(RunFilter { user, limit: 100, ..RunFilter::default() }).await;
        let (mut down, mut up) = (Vec::new(), Vec::new());
        let mut side = Side::Newest;
        loop {
            let page = list(RunFilter { user, side, limit: 1, ..RunFilter::default() }).await;
            let Some(oldest) = page.last() else { break };
            side = Side::After(place(oldest));
            down.extend(page);
        }
        assert_eq!(places(&down), places(&whole), "{user:?}");
        side = Side::Before(place(whole.last().unwrap()));
        loop {
            let page = list(RunFilter { user, side, limit: 2, ..RunFilter::default() }).await;
            let Some(next) = page.first() else { break };
            side = Side::Before(place(next));
            up.splice(0..0, page);
        }
        assert_eq!(places(&up), places(&whole[..whole.len() - 1]), "{user:?}");
    }
    let some = RunFilter { limit: 100, ..RunFilter::default() };
    let table = [
        (RunFilter { event: Some(first.clone()), ..some.clone() }, 4),
        (RunFilter { event: Some(first.clone()), user: Some(ben), ..some.clone() }, 2),
        (RunFilter { topic: Some("storms".to_owned()), ..some.clone() }, 4),
        (RunFilter { topic: Some("floods".to_owned()), ..some.clone() }, 0),
        (RunFilter { states: vec![State::Sent, State::Delivered], ..some.clone() }, 3),
        (RunFilter { provider: Some("p-email".to_owned()), user: Some(anna), ..some.clone() }, 2),
        (RunFilter { delivery: Some(all[3].id.clone()), ..some.clone() }, 1),
        (RunFilter { created_after: Some(all[3].created_at), ..some.clone() }, 2),
        (RunFilter { created_before: Some(all[0].created_at), ..some.clone() }, 4),
        (RunFilter { created_before: Some(Timestamp::from_millis(0)), ..some }, 0),
    ];
    for (filter, count) in table {
        assert_eq!(list(filter.clone()).await.len(), count, "{filter:?}");
    }
}

async fn a_run_is_one_notification_a_user(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let first = run(bed, "first", Some("storms"), &[anna, ben]).await;
    let second = run(bed, "second", None, &[ben]).await;
    bed.execute(&format!("INSERT INTO unreachable (scope, user_id, event_id, at) VALUES ('event:{first}', {ben}, '{first}', 0)")).await;
    let list = async |filter: RunFilter| {
        let found = bed.store.run_notifications(&filter).await.unwrap();
        found.into_iter().map(|one| (one.event_id, one.user_id, one.is_unreachable)).collect::<Vec<_>>()
    };
    let whole = [(second.clone(), ben, false), (first.clone(), ben, true), (first.clone(), anna, false)];
    let some = RunFilter { limit: 100, ..RunFilter::default() };
    let at = |index: usize| RunPlace { event: whole[index].0.clone(), user: whole[index].1, delivery: None };
    let after = bed.store.run_notifications(&some).await.unwrap()[1].created_at;
    let table: [(RunFilter, &[usize]); 11] = [
        (some.clone(), &[0, 1, 2]),
        (RunFilter { limit: 2, ..some.clone() }, &[0, 1]),
        (RunFilter { side: Side::After(at(0)), ..some.clone() }, &[1, 2]),
        (RunFilter { side: Side::After(at(1)), ..some.clone() }, &[2]),
        (RunFilter { side: Side::Before(at(2)), limit: 1, ..some.clone() }, &[1]),
        (RunFilter { side: Side::Before(at(2)), ..some.clone() }, &[0, 1]),
        (RunFilter { user: Some(ben), ..some.clone() }, &[0, 1]),
        (RunFilter { user: Some(ben), side: Side::After(at(0)), ..some.clone() }, &[1]),
        (RunFilter { is_unreachable: Some(true), ..some.clone() }, &[1]),
        (RunFilter { created_after: Some(after), ..some.clone() }, &[0]),
        (RunFilter { event: Some(first), user: Some(anna), topic: Some("storms".to_owned()), ..some }, &[2]),
    ];
    for (filter, expected) in table {
        let expected: Vec<_> = expected.iter().map(|index| whole[*index].clone()).collect();
        assert_eq!(list(filter.clone()).await, expected, "{filter:?}");
    }
}

async fn what_is_of_no_run_is_left_out(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    run(bed, "first", None, &[anna, ben]).await;
    bed.delivery("D1", anna, "sent").await;
    bed.execute(&format!("UPDATE deliveries SET purpose = 'digest' WHERE channel = 'email' AND user_id = {anna}")).await;
    bed.execute(&format!("UPDATE deliveries SET category = NULL WHERE channel = 'email' AND user_id = {ben}")).await;
    let filter = RunFilter { limit: 100, ..RunFilter::default() };
    let found = bed.store.run_deliveries(&filter).await.unwrap();
    assert!(found.iter().all(|delivery| delivery.channel == Channel::InApp) && found.len() == 2, "{found:?}");
    bed.store.delete_user(BY, ben).await.unwrap();
    assert_eq!(bed.store.run_deliveries(&filter).await.unwrap().len(), 1);
    assert_eq!(bed.store.run_notifications(&filter).await.unwrap().len(), 1);
}
