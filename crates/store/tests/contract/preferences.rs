//! Preferences, switches, categories and notifications.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use watchbell_core::contact::ContactKind;
use watchbell_core::delivery::Purpose;
use watchbell_core::preference::{
    ChannelType, Digest, NotificationAction as Action, NotificationStatus as Status, NotiflowSwitches, Switches, Wants,
};
use watchbell_core::user::User;
use watchbell_core::{Channel, DeliveryId, UserId};
use watchbell_store::page::Side;
use watchbell_store::preferences::{NewCategory, Notification, NotificationCursor, NotificationFilter};
use watchbell_store::queue::Ranks;
use watchbell_store::{Notified, StoreError};

use crate::contacts::contact;
use crate::harness::{BY, Bed};

on_both![
    a_preference_replaces_outright_and_keeps_its_id,
    switches_are_merged_deeply,
    categories_are_found_by_id_and_handle,
    a_notification_is_kept_once_and_announced,
    notifications_are_listed_from_both_sides,
    what_is_done_with_a_notification_keeps_its_time,
    what_was_told_goes_with_its_user_and_its_time,
    a_digest_is_one_mail_for_one_worker,
];

async fn a_preference_replaces_outright_and_keeps_its_id(bed: &Bed) {
    let anna = bed.user("anna").await;
    assert_eq!(bed.store.effective_wants(anna.id, Some("a")).await.unwrap(), Wants::default());
    let wants = Wants { in_app: false, email: true, push: true, digest: Digest::Daily };
    let own = bed.store.put_preference(BY, anna.id, Some("a"), wants).await.unwrap();
    assert_eq!((own.category.as_deref(), own.wants, own.created_at, own.updated_at), (Some("a"), wants, bed.now(), bed.now()));
    bed.clock.advance(Duration::from_mins(1));
    let again = bed.store.put_preference(BY, anna.id, Some("a"), Wants::default()).await.unwrap();
    assert_eq!((again.id, again.wants, again.created_at, again.updated_at), (own.id, Wants::default(), own.created_at, bed.now()));
    let default = bed.store.put_preference(BY, anna.id, None, wants).await.unwrap();
    assert_eq!(default.category, None);
    let all = bed.store.preferences(anna.id).await.unwrap();
    assert_eq!(all.iter().map(|one| one.category.as_deref()).collect::<Vec<_>>(), [None, Some("a")]);
    assert_eq!(bed.store.effective_wants(anna.id, Some("a")).await.unwrap(), Wants::default());
    assert_eq!(bed.store.effective_wants(anna.id, Some("b")).await.unwrap(), wants);
    // Each is a change of the user: what was not sent yet is planned anew.
    assert_eq!(version(bed, &anna).await, 4);
    assert_eq!(bed.number("SELECT count(*) FROM audit WHERE action = 'preference.put'").await, 3);
    let nobody = bed.store.put_preference(BY, UserId(999), None, wants).await;
    assert!(matches!(nobody, Err(StoreError::NotFound("user"))));
}

async fn version(bed: &Bed, user: &User) -> i64 {
    bed.number(&format!("SELECT version FROM users WHERE id = {}", user.id)).await
}

async fn switches_are_merged_deeply(bed: &Bed) {
    let anna = bed.user("anna").await;
    assert_eq!(bed.store.switches(anna.id).await.unwrap(), Switches::default());
    let types = |list: &[(ChannelType, bool)]| list.iter().copied().collect::<BTreeMap<_, _>>();
    let of = |enabled, channel_types| NotiflowSwitches { enabled, channel_types };
    let first = Switches {
        channel_types: types(&[(ChannelType::Sms, false)]),
        notiflows: BTreeMap::from([
            ("a".to_owned(), of(Some(false), types(&[(ChannelType::Email, false), (ChannelType::Chat, true)]))),
            ("b".to_owned(), of(None, types(&[(ChannelType::WebPush, false)]))),
        ]),
    };
    assert_eq!(bed.store.merge_switches(BY, anna.id, &first).await.unwrap(), first);
    let second = Switches {
        channel_types: types(&[(ChannelType::Email, true)]),
        notiflows: BTreeMap::from([("a".to_owned(), of(None, types(&[(ChannelType::Email, true)])))]),
    };
    let merged = bed.store.merge_switches(BY, anna.id, &second).await.unwrap();
    let expected = Switches {
        channel_types: types(&[(ChannelType::Sms, false), (ChannelType::Email, true)]),
        notiflows: BTreeMap::from([
            ("a".to_owned(), of(Some(false), types(&[(ChannelType::Email, true), (ChannelType::Chat, true)]))),
            ("b".to_owned(), of(None, types(&[(ChannelType::WebPush, false)]))),
        ]),
    };
    assert_eq!(merged, expected);
    assert_eq!(bed.store.switches(anna.id).await.unwrap(), expected);
    assert_eq!(bed.store.merge_switches(BY, anna.id, &Switches::default()).await.unwrap(), expected);
    assert_eq!(version(bed, &anna).await, 4);
    let nobody = bed.store.merge_switches(BY, UserId(999), &first).await;
    assert!(matches!(nobody, Err(StoreError::NotFound("user"))));
}

async fn categories_are_found_by_id_and_handle(bed: &Bed) {
    let handles = ["b".to_owned(), "a".to_owned(), "a".to_owned()];
    bed.store.ensure_categories(&handles).await.unwrap();
    let new = |name: &str| NewCategory { handle: "a".to_owned(), name: name.to_owned(), default_channels: vec![Channel::Sms] };
    let (first, is_new) = bed.store.put_category(BY, new("Apples")).await.unwrap();
    assert!(!is_new);
    // A second start leaves what was made of it.
    bed.store.ensure_categories(&handles).await.unwrap();
    bed.store.ensure_categories(&[]).await.unwrap();
    let all = bed.store.categories().await.unwrap();
    assert_eq!(all.iter().map(|one| (one.handle.as_str(), one.name.as_str())).collect::<Vec<_>>(), [("a", "Apples"), ("b", "b")]);
    assert_eq!(all[0], first);
    assert!(watchbell_core::ids::is_uuid(&first.id) && first.id != all[1].id);

    let (odd, is_new) = bed.store.put_category(BY, NewCategory { handle: all[1].id.clone(), ..new("Odd") }).await.unwrap();
    assert!(is_new);
    // An id goes before a handle that looks like one.
    assert_eq!(bed.store.category(&all[1].id).await.unwrap().as_ref(), Some(&all[1]));
    assert_eq!(bed.store.category(&first.id.to_ascii_uppercase()).await.unwrap().as_ref(), Some(&first));
    assert_eq!(bed.store.category("a").await.unwrap().as_ref(), Some(&first));
    for unknown in ["", "c", "0000"] {
        assert_eq!(bed.store.category(unknown).await.unwrap(), None, "{unknown}");
    }
    bed.store.delete_category(BY, &odd.handle).await.unwrap();
    assert!(matches!(bed.store.delete_category(BY, &odd.handle).await, Err(StoreError::NotFound("category"))));
}

fn notification(bed: &Bed, id: &str, user: UserId, category: Option<&str>) -> Notification {
    Notification {
        id: DeliveryId(id.to_owned()),
        user_id: user,
        category: category.map(str::to_owned),
        title: "Shipped".to_owned(),
        body: "On its way.".to_owned(),
        url: Some("https://shop.example.org/7".to_owned()),
        created_at: bed.now(),
        seen_at: None,
        read_at: None,
        dismissed_at: None,
    }
}

async fn a_notification_is_kept_once_and_announced(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let mut heard = bed.store.wakes().notified();
    let first = notification(bed, "01A", anna, Some("a"));
    assert!(bed.store.add_notification(first.clone()).await.unwrap());
    bed.clock.advance(Duration::from_secs(1));
    assert!(!bed.store.add_notification(notification(bed, "01A", anna, None)).await.unwrap());
    assert!(!bed.store.add_notification(notification(bed, "01B", UserId(999), None)).await.unwrap());
    assert_eq!(heard.try_recv().unwrap(), Notified { user_id: anna, id: first.id.clone() });
    assert!(heard.try_recv().is_err());
    assert_eq!(bed.store.notification(anna, &first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(bed.store.notification(ben, &first.id).await.unwrap(), None);
    assert_eq!((bed.store.unread_count(anna).await.unwrap(), bed.store.unread_count(ben).await.unwrap()), (1, 0));
}

async fn notifications_are_listed_from_both_sides(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    // Two came at the same time; one was due earlier than others that came before it.
    for (id, category, step_s) in [("01C", None, 0), ("01E", Some("a"), 0), ("01A", Some("a"), 1), ("01D", None, 1)] {
        bed.clock.advance(Duration::from_secs(step_s));
        bed.store.add_notification(notification(bed, id, anna, category)).await.unwrap();
    }
    let list = async |from: Side<NotificationCursor>, category: Option<&str>, limit| -> Vec<Notification> {
        let filter = NotificationFilter { from, category: category.map(str::to_owned), status: None, limit };
        bed.store.notifications(anna, &filter).await.unwrap()
    };
    let ids = |list: &[Notification]| list.iter().map(|one| one.id.0.clone()).collect::<Vec<_>>();
    let all = list(Side::Newest, None, 10).await;
    assert_eq!(ids(&all), ["01D", "01A", "01E", "01C"]);
    assert_eq!(ids(&list(Side::Newest, Some("a"), 10).await), ["01A", "01E"]);
    let cursor: NotificationCursor = all[1].cursor().to_string().parse().unwrap();
    assert_eq!(ids(&list(Side::After(cursor.clone()), None, 1).await), ["01E"]);
    assert_eq!(ids(&list(Side::After(cursor), None, 9).await), ["01E", "01C"]);
    assert_eq!(ids(&list(Side::Before(all[3].cursor()), None, 2).await), ["01A", "01E"]);
    assert_eq!(ids(&list(Side::Before(all[0].cursor()), None, 2).await), [""; 0]);
    for wrong in ["", "7", "-01A", "x-01A", "7-", "7-0'1"] {
        assert!(wrong.parse::<NotificationCursor>().is_err(), "{wrong}");
    }
}

async fn what_is_done_with_a_notification_keeps_its_time(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for id in ["01A", "01B", "01C", "01D"] {
        bed.store.add_notification(notification(bed, id, anna, None)).await.unwrap();
    }
    let act = async |id: &str, action| bed.store.act_on_notification(BY, anna, &DeliveryId(id.to_owned()), action).await.unwrap();
    let start = bed.now();
    act("01A", Action::Seen).await;
    bed.clock.advance(Duration::from_mins(1));
    let read = act("01A", Action::Read).await;
    assert_eq!((read.seen_at, read.read_at), (Some(start), Some(bed.now())));
    assert_eq!(act("01B", Action::Read).await.seen_at, Some(bed.now()));
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(act("01A", Action::Read).await, read);
    act("01C", Action::Dismiss).await;
    assert_eq!(bed.store.unread_count(anna).await.unwrap(), 1);
    let list = async |status: Option<Status>| -> Vec<String> {
        let filter = NotificationFilter { from: Side::Newest, category: None, status, limit: 9 };
        bed.store.notifications(anna, &filter).await.unwrap().into_iter().map(|one| one.id.0).collect()
    };
    assert_eq!(list(None).await, ["01D", "01B", "01A"]);
    assert_eq!(list(Some(Status::Unseen)).await, ["01D"]);
    assert_eq!(list(Some(Status::Seen)).await, ["01B", "01A"]);
    assert_eq!(list(Some(Status::Unread)).await, ["01D"]);
    assert_eq!(list(Some(Status::Read)).await, ["01B", "01A"]);
    assert_eq!(list(Some(Status::Dismissed)).await, ["01C"]);
    assert_eq!(bed.store.mark_all_seen(BY, anna).await.unwrap(), 1);
    assert_eq!(bed.store.mark_all_seen(BY, anna).await.unwrap(), 0);
    assert_eq!(list(Some(Status::Unseen)).await, [""; 0]);
    let other = bed.store.act_on_notification(BY, ben, &DeliveryId("01A".to_owned()), Action::Dismiss).await;
    assert!(matches!(other, Err(StoreError::NotFound("notification"))));
}

async fn what_was_told_goes_with_its_user_and_its_time(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    for (at, user) in [(bed.now().plus_s(-3_600), ben), (bed.now(), ben), (bed.now(), anna)] {
        let id = DeliveryId::derive(at, &[&user.to_string()]);
        bed.store.add_notification(Notification { id, ..notification(bed, "", user, None) }).await.unwrap();
    }
    bed.store.put_preference(BY, anna, None, Wants::default()).await.unwrap();
    bed.store
        .merge_switches(BY, anna, &Switches { channel_types: BTreeMap::from([(ChannelType::Sms, false)]), ..Switches::default() })
        .await
        .unwrap();
    bed.store.delete_user(BY, anna).await.unwrap();
    for table in ["preferences", "switches"] {
        assert_eq!(bed.number(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(bed.store.unread_count(ben).await.unwrap(), 2);
    bed.store.tidy(&watchbell_store::housekeeping::Cutoffs::all(bed.now()), 100).await.unwrap();
    assert_eq!(bed.store.unread_count(ben).await.unwrap(), 1);
}

/// Two workers with room for less than all: the members are not shared out between them.
async fn a_digest_is_one_mail_for_one_worker(bed: &Bed) {
    let mut users = Vec::new();
    for name in ["anna", "ben", "cleo"] {
        let user = bed.user(name).await.id;
        let email = bed.store.create_contact(BY, user, contact(ContactKind::Email, &format!("{name}@example.org"))).await.unwrap();
        users.push((user, email.id));
    }
    bed.execute(&format!(
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data) VALUES ('E1', 'e1', 'subscription', 0, 0, 'event:E1', '{}')",
        r#"{"title":"t","message":"m"}"#
    ))
    .await;
    // Cleo's digest has one member.
    for (n, (user, email)) in [users[0], users[1], users[0], users[1], users[0], users[2]].into_iter().enumerate() {
        bed.delivery(&format!("01D{n}"), user, "held").await;
        bed.execute(&format!(
            "UPDATE deliveries SET collect = 'daily', rank = 1, cause = 'subscription', contact_id = {email} WHERE id = '01D{n}'"
        ))
        .await;
    }
    bed.queue_anew().await;
    let mut epochs = Vec::new();
    for name in ["one", "two"] {
        let second = bed.store.open_session(name, "worker", &[Channel::Email], std::time::Duration::from_mins(1)).await;
        epochs.extend(second.ok());
    }
    // SQLite has one process: whoever enters last is the one that is alive.
    let epochs: Vec<_> = if bed.is_sqlite() { epochs.split_off(1) } else { epochs };
    let mut mails = BTreeMap::new();
    for round in 0..6 {
        let claims = epochs.iter().map(|epoch| bed.store.claim(*epoch, Channel::Email, Ranks::All, 1));
        for jobs in join(claims).await {
            for job in jobs {
                assert_eq!(job.purpose, Purpose::Digest, "{round}");
                *mails.entry(job.user_id).or_insert(0) += 1;
            }
        }
    }
    assert_eq!(mails, users.iter().map(|(user, _)| (*user, 1)).collect());
    assert_eq!(bed.number("SELECT count(*) FROM deliveries WHERE state = 'bundled'").await, 6);
    let bundles: BTreeSet<i64> = [bed.number("SELECT count(DISTINCT bundle_id) FROM deliveries WHERE bundle_id IS NOT NULL").await].into();
    assert_eq!(bundles, BTreeSet::from([3]));
}

/// At most two at the same time.
async fn join<T>(claims: impl Iterator<Item = impl Future<Output = Result<Vec<T>, StoreError>>>) -> Vec<Vec<T>> {
    let mut claims = claims.collect::<Vec<_>>();
    let last = claims.pop();
    match (claims.pop(), last) {
        (Some(first), Some(second)) => {
            let (first, second) = tokio::join!(first, second);
            vec![first.unwrap(), second.unwrap()]
        }
        (None, Some(only)) => vec![only.await.unwrap()],
        _ => Vec::new(),
    }
}
