//! Devices.

use watchbell_core::DeviceId;
use watchbell_core::device::{Device, DeviceKind};
use watchbell_store::StoreError;

use crate::harness::{BY, Bed};

on_both![
    a_token_belongs_to_one_user,
    devices_are_listed_and_deleted_by_their_owner,
    devices_that_change_hands_at_once_end_with_one_owner_each,
];

async fn a_token_belongs_to_one_user(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await, bed.user("ben").await);
    let first = bed.store.add_device(BY, anna.id, DeviceKind::Fcm, "token", None, false).await.unwrap();
    assert_eq!(first, Device { keys: None, ..first.clone() });
    let again = bed.store.add_device(BY, anna.id, DeviceKind::Fcm, "token", Some("{}"), false).await.unwrap();
    assert_eq!(again, Device { keys: Some("{}".to_owned()), ..first.clone() });
    // The same text means another device at another service.
    bed.store.add_device(BY, anna.id, DeviceKind::Apns, "token", None, false).await.unwrap();
    let before = bed.number(&format!("SELECT version FROM users WHERE id = {}", anna.id)).await;
    // Whoever knows a token takes nothing away from who has it.
    let taken = bed.store.add_device(BY, ben.id, DeviceKind::Fcm, "token", None, false).await;
    assert!(matches!(taken, Err(StoreError::Taken("device"))), "{taken:?}");
    assert_eq!(bed.store.devices(anna.id).await.unwrap().len(), 2);
    let moved = bed.store.add_device(BY, ben.id, DeviceKind::Fcm, "token", None, true).await.unwrap();
    assert_eq!(moved, Device { user_id: ben.id, ..first });
    assert_eq!(bed.store.devices(ben.id).await.unwrap(), [moved]);
    assert_eq!(bed.store.devices(anna.id).await.unwrap().len(), 1);
    // What was planned for Anna's device is planned anew, without it.
    assert_eq!(bed.number(&format!("SELECT version FROM users WHERE id = {}", anna.id)).await, before + 1);
}

async fn devices_are_listed_and_deleted_by_their_owner(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await, bed.user("ben").await);
    assert_eq!(bed.store.devices(anna.id).await.unwrap(), []);
    let made = bed.store.add_device(BY, anna.id, DeviceKind::Webpush, "https://push.example.org/1", Some("{}"), false).await.unwrap();
    assert!(matches!(bed.store.delete_device(BY, ben.id, made.id).await, Err(StoreError::NotFound("device"))));
    assert!(matches!(bed.store.delete_device(BY, anna.id, DeviceId(999)).await, Err(StoreError::NotFound("device"))));
    bed.store.delete_device(BY, anna.id, made.id).await.unwrap();
    assert_eq!(bed.store.devices(anna.id).await.unwrap(), []);
}

/// Two users who take each other's devices at once wait for each other, but never both.
async fn devices_that_change_hands_at_once_end_with_one_owner_each(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for round in 0..10 {
        let tries = [(anna, "a"), (ben, "b"), (ben, "a"), (anna, "b")].map(|(user, token)| {
            let store = bed.store.clone();
            tokio::spawn(async move { store.add_device(BY, user, DeviceKind::Fcm, token, None, true).await.unwrap() })
        });
        for one in tries {
            one.await.unwrap();
        }
        let owned = bed.store.devices(anna).await.unwrap().len() + bed.store.devices(ben).await.unwrap().len();
        assert_eq!(owned, 2, "round {round}");
    }
}
