//! Topics and their members.

use watchbell_core::UserId;
use watchbell_store::StoreError;

use crate::harness::{BY, Bed};

on_both![members_are_added_listed_and_removed, members_are_all_added_or_none];

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
    assert!(bed.store.remove_member(BY, "storms", users[1]).await.unwrap());
    assert!(!bed.store.remove_member(BY, "storms", users[1]).await.unwrap());
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
