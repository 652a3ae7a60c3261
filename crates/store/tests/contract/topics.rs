//! Topics and their members.

use watchbell_core::UserId;
use watchbell_store::StoreError;
use watchbell_store::directory::{Subscription, SubscriptionFilter, Topic};
use watchbell_store::page::Side;

use crate::harness::{BY, Bed};

on_both![
    members_are_added_listed_and_removed,
    members_are_all_added_or_none,
    topics_stay_until_they_are_deleted,
    memberships_are_listed_newest_first,
];

async fn members_are_added_listed_and_removed(bed: &Bed) {
    let mut users = Vec::new();
    for name in ["anna", "ben", "cleo"] {
        users.push(bed.user(name).await.id);
    }
    bed.store.add_members(BY, "storms", &[users[2], users[0], users[2]]).await.unwrap();
    bed.store.add_members(BY, "storms", &users).await.unwrap();
    bed.store.add_members(BY, "floods", &users[..1]).await.unwrap();
    bed.store.add_members(BY, "nobody", &[]).await.unwrap();
    assert_eq!(bed.store.members("storms", UserId(0), 10).await.unwrap(), users);
    assert_eq!(bed.store.members("storms", users[0], 1).await.unwrap(), users[1..2]);
    assert_eq!(bed.store.remove_members(BY, "storms", &users[1..2]).await.unwrap(), users[1..2]);
    assert_eq!(bed.store.remove_members(BY, "storms", &users[1..2]).await.unwrap(), []);
    assert_eq!(bed.store.members("storms", UserId(0), 10).await.unwrap(), [users[0], users[2]]);
    assert_eq!(bed.store.members("floods", UserId(0), 10).await.unwrap(), users[..1]);
    assert_eq!(bed.store.members("nothing", UserId(0), 10).await.unwrap(), []);
    assert_eq!(bed.store.topics_of(users[0]).await.unwrap(), ["floods", "storms"]);
    assert!(bed.store.topics_of(users[1]).await.unwrap().is_empty());
}

async fn members_are_all_added_or_none(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    assert!(matches!(bed.store.add_members(BY, "storms", &[anna, UserId(999)]).await, Err(StoreError::NotFound("user"))));
    assert_eq!(bed.store.members("storms", UserId(0), 10).await.unwrap(), []);
    // More than one statement could take as separate parameters.
    let mut users = vec![anna];
    users.extend(std::iter::repeat_n(anna, 70_000));
    bed.store.add_members(BY, "storms", &users).await.unwrap();
    assert_eq!(bed.store.members("storms", UserId(0), 10).await.unwrap(), [anna]);
}

async fn topics_stay_until_they_are_deleted(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    for topic in ["storms", "floods", "fires"] {
        bed.clock.advance(std::time::Duration::from_secs(1));
        bed.store.add_members(BY, topic, &[anna]).await.unwrap();
    }
    let storms = bed.store.topic("storms").await.unwrap().unwrap();
    bed.store.add_members(BY, "storms", &[anna]).await.unwrap();
    bed.store.remove_members(BY, "storms", &[anna]).await.unwrap();
    assert_eq!(bed.store.topic("storms").await.unwrap(), Some(storms.clone()), "without a member, and as old as it was");
    let names = async |side: Side<Topic>, limit| {
        bed.store.topics(&side, limit).await.unwrap().into_iter().map(|topic| topic.name).collect::<Vec<_>>()
    };
    let fires = bed.store.topic("fires").await.unwrap().unwrap();
    assert_eq!(names(Side::Newest, 9).await, ["fires", "floods", "storms"]);
    assert_eq!(names(Side::After(fires), 1).await, ["floods"]);
    assert_eq!(names(Side::Before(storms), 1).await, ["floods"]);
    bed.store.delete_topic(BY, "floods").await.unwrap();
    assert!(matches!(bed.store.delete_topic(BY, "floods").await, Err(StoreError::NotFound("topic"))));
    assert_eq!(bed.store.topic("floods").await.unwrap(), None);
    assert_eq!(bed.store.topics_of(anna).await.unwrap(), ["fires"]);
    // None is made by adding nobody.
    bed.store.add_members(BY, "nobody", &[]).await.unwrap();
    assert_eq!(bed.store.topic("nobody").await.unwrap(), None);
}

async fn memberships_are_listed_newest_first(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for (topic, user) in [("storms", anna), ("storms", ben), ("floods", anna)] {
        bed.clock.advance(std::time::Duration::from_secs(1));
        bed.store.add_members(BY, topic, &[user]).await.unwrap();
    }
    let list = async |filter: SubscriptionFilter| bed.store.subscriptions(&filter).await.unwrap();
    let of = |topic: Option<&str>, user, side| SubscriptionFilter {
        topic: topic.map(str::to_owned),
        user,
        side,
        limit: 9,
        ..SubscriptionFilter::default()
    };
    let storms = list(of(Some("storms"), None, Side::Newest)).await;
    assert_eq!(storms.iter().map(|one| one.user_id).collect::<Vec<_>>(), [ben, anna]);
    assert_eq!(list(of(Some("storms"), None, Side::After(storms[0].clone()))).await, storms[1..]);
    assert_eq!(list(of(Some("storms"), None, Side::Before(storms[1].clone()))).await, storms[..1]);
    let annas = list(of(None, Some(anna), Side::Newest)).await;
    assert_eq!(annas.iter().map(|one| one.topic.as_str()).collect::<Vec<_>>(), ["floods", "storms"]);
    let since = SubscriptionFilter { created_after: Some(storms[1].created_at), ..of(None, Some(anna), Side::Newest) };
    assert_eq!(list(since).await, annas[..1]);
    let until = SubscriptionFilter { created_before: Some(storms[1].created_at), ..of(None, Some(anna), Side::Newest) };
    assert_eq!(list(until).await, [] as [Subscription; 0]);
    assert_eq!(bed.store.subscriptions_of("storms", &[anna, UserId(999)]).await.unwrap(), storms[1..]);
}
