//! How things stand, as operators see it.

use std::time::Duration;

use watchbell_core::Channel;
use watchbell_core::event::Original;
use watchbell_store::intake::Rejected;
use watchbell_store::overview::{COUNTED_AT_MOST, Overview, Waiting, WaitingRank};
use watchbell_store::queue::{Ranks, Sending};

use crate::harness::Bed;

on_both![
    an_empty_database_has_nothing_to_show,
    what_waits_is_told_by_channel_and_rank,
    a_very_long_queue_is_not_counted_to_its_end,
    dead_letters_and_users_who_were_not_reached_are_counted_while_they_matter,
    processes_are_seen_with_what_they_send_while_they_live,
];

async fn overview(bed: &Bed) -> Overview {
    bed.store.overview().await.unwrap()
}

async fn an_empty_database_has_nothing_to_show(bed: &Bed) {
    assert_eq!(overview(bed).await, Overview::default());
}

async fn what_waits_is_told_by_channel_and_rank(bed: &Bed) {
    let anna = bed.user("anna").await.id;
    let now = bed.now();
    // Channel, rank, state, and in how many seconds its time comes.
    let deliveries = [
        ("email", 0, "scheduled", -30),
        ("email", 0, "scheduled", -90),
        ("email", 0, "scheduled", 60),
        ("email", 1, "scheduled", 0),
        ("email", 1, "held", 3_600),
        ("sms", 1, "held", -5),
        ("voice", 0, "scheduled", 60),
        ("voice", 0, "sent", -60),
        ("push", 0, "failed", -60),
        ("push", 1, "sending", -60),
    ];
    for (at, (channel, rank, state, in_s)) in deliveries.into_iter().enumerate() {
        let id = format!("D{at}");
        bed.delivery(&id, anna, state).await;
        let ready_at = now.plus_s(in_s).as_millis();
        bed.execute(&format!("UPDATE deliveries SET channel = '{channel}', rank = {rank}, ready_at = {ready_at} WHERE id = '{id}'")).await;
    }
    bed.queue_anew().await;
    let waits = |channel, rank, deliveries, due, since: Option<i64>| {
        let due_since = since.map(|seconds| now.plus_s(seconds));
        Waiting { channel, rank, deliveries, due, due_since }
    };
    let sms = waits(Channel::Sms, WaitingRank::Held, 1, 1, Some(-5));
    let voice = waits(Channel::Voice, WaitingRank::High, 1, 0, None);
    let normal = waits(Channel::Email, WaitingRank::Normal, 1, 1, Some(0));
    let held = waits(Channel::Email, WaitingRank::Held, 1, 0, None);
    let high = waits(Channel::Email, WaitingRank::High, 3, 2, Some(-90));
    assert_eq!(overview(bed).await.waiting, [high, normal.clone(), held.clone(), sms.clone(), voice.clone()]);

    // What a worker has claimed does not wait any more.
    let epoch = bed.store.open_session("w", "worker", &[Channel::Email], Duration::from_mins(1)).await.unwrap();
    bed.store.claim(epoch, Channel::Email, Ranks::High, 1).await.unwrap();
    let claimed = waits(Channel::Email, WaitingRank::High, 2, 1, Some(-30));
    assert_eq!(overview(bed).await.waiting, [claimed, normal, held, sms, voice]);
}

async fn a_very_long_queue_is_not_counted_to_its_end(bed: &Bed) {
    let (now, more) = (bed.now().as_millis(), COUNTED_AT_MOST + 1);
    let series = if bed.is_sqlite() {
        format!("(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {more}) SELECT n FROM s) AS s")
    } else {
        format!("generate_series(1, {more}) AS s(n)")
    };
    bed.execute(&format!(
        "INSERT INTO ready_queue (id, user_id, channel, rank, ready_at) SELECT '01A' || n, 1, 'email', 1, {now} - n FROM {series}"
    ))
    .await;
    let waiting = overview(bed).await.waiting;
    assert_eq!(waiting.iter().map(|waiting| (waiting.deliveries, waiting.due)).collect::<Vec<_>>(), [(COUNTED_AT_MOST, COUNTED_AT_MOST)]);
    assert_eq!(waiting[0].due_since, Some(bed.now().plus_ms(-more)), "the oldest is known all the same");
}

async fn dead_letters_and_users_who_were_not_reached_are_counted_while_they_matter(bed: &Bed) {
    let original =
        Original { subject: "watchbell.events.alert".to_owned(), headers: Vec::new(), payload: b"x".to_vec(), received_at: bed.now() };
    let letter = Rejected { original, reason: "bad_json".to_owned(), detail: "it is no JSON".to_owned() };
    bed.store.reject(vec![letter; 3]).await.unwrap();
    bed.execute("UPDATE dead_letters SET replayed_at = 1 WHERE id = 2").await;
    for (scope, user, hours_ago) in [("event:E1", 1, 1), ("event:E2", 1, 2), ("event:E2", 2, 23), ("event:E3", 3, 25)] {
        let at = bed.now().plus_s(-hours_ago * 3_600).as_millis();
        bed.execute(&format!("INSERT INTO unreachable (scope, user_id, event_id, at) VALUES ('{scope}', {user}, 'E', {at})")).await;
    }
    let overview = overview(bed).await;
    assert_eq!((overview.dead_letters, overview.unreachable), (2, 2));
}

async fn processes_are_seen_with_what_they_send_while_they_live(bed: &Bed) {
    let lease = Duration::from_secs(6);
    let sending = |channel, deliveries| Sending { channel, deliveries };
    let (mut names, mut in_all) = (vec![("one".to_owned(), "api, worker".to_owned())], vec![sending(Channel::Sms, 3)]);
    if !bed.is_sqlite() {
        // Another process; on SQLite there is none.
        let api = bed.store.open_session("api", "api", &[], lease).await.unwrap();
        assert!(bed.store.heartbeat(api, Duration::from_mins(1), &[]).await.unwrap().is_alive);
        let other = bed.store.open_session("other", "worker", &[Channel::Sms], lease).await.unwrap();
        let both = [sending(Channel::Sms, 4), sending(Channel::Voice, 1)];
        bed.store.heartbeat(other, Duration::from_mins(1), &both).await.unwrap();
        names.splice(0..0, [("api".to_owned(), "api".to_owned()), ("other".to_owned(), "worker".to_owned())]);
        in_all = vec![sending(Channel::Sms, 7), sending(Channel::Voice, 1)];
    }
    let one = bed.store.open_session("one", "api, worker", &[Channel::Sms], lease).await.unwrap();
    bed.store.heartbeat(one, lease, &[sending(Channel::Sms, 3)]).await.unwrap();
    let seen = overview(bed).await;
    assert_eq!(seen.sending, in_all);
    let name = |process: &watchbell_store::queue::WorkerSession| (process.name.clone(), process.roles.clone());
    assert_eq!(seen.processes.iter().map(name).collect::<Vec<_>>(), names);
    assert!(seen.processes.iter().all(|process| process.version == env!("CARGO_PKG_VERSION")));
    // One that is silent is not counted any more, whether or not somebody has reaped it.
    bed.clock.advance(Duration::from_secs(7));
    names.pop();
    assert_eq!(overview(bed).await.processes.iter().map(name).collect::<Vec<_>>(), names);
}
