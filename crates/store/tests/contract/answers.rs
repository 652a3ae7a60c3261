//! Answers wait until the broker has been told of them.

use watchbell_core::device::DeviceKind;
use watchbell_core::event::{Action, Answer, Event, EventData, UpdateData};
use watchbell_core::{Channel, DeliveryId};
use watchbell_store::inline::NoInlineDispatch;
use watchbell_store::intake::Answered;

use crate::harness::{BY, Bed};
use crate::queue::events;

on_both![an_answer_waits_until_it_was_told, an_answer_is_told_by_one_at_a_time, messages_wait_for_an_answer_while_their_round_is_open,];

/// The planner of this suite decides nothing, so what it is given takes effect.
async fn answer(bed: &Bed, n: usize) -> Answer {
    let answer = Answer {
        delivery: DeliveryId(format!("01D{n}")),
        user: bed.user(&format!("user {n}")).await.id,
        channel: Channel::Voice,
        round: 3,
        action: Action::Accept,
    };
    let update = events(bed).into_iter().find_map(|event| match event.data {
        EventData::Update(data) => Some(Event {
            identity: format!("answer {n}"),
            data: EventData::Update(UpdateData { answer: Some(answer.clone()), ..data }),
            ..event
        }),
        _ => None,
    });
    bed.store.accept(&[update.unwrap()], None, &NoInlineDispatch).await.unwrap();
    answer
}

async fn take(bed: &Bed) -> Vec<Answered> {
    bed.store.take_answers(10, bed.now().plus_s(10)).await.unwrap()
}

async fn an_answer_waits_until_it_was_told(bed: &Bed) {
    bed.store.accept(&events(bed), None, &NoInlineDispatch).await.unwrap();
    assert_eq!(take(bed).await, [], "nobody answered: it came from outside");
    let answer = answer(bed, 1).await;
    let taken = take(bed).await;
    assert_eq!((taken.len(), &taken[0].answer, taken[0].alert_id.as_str()), (1, &answer, "A-1"));
    // The one who took it died, or the broker was away.
    bed.clock.advance(std::time::Duration::from_secs(11));
    let again = take(bed).await;
    assert_eq!(again, taken);
    bed.store.answers_told(&[again[0].event_id.clone()]).await.unwrap();
    bed.clock.advance(std::time::Duration::from_secs(11));
    assert_eq!(take(bed).await, []);
}

async fn an_answer_is_told_by_one_at_a_time(bed: &Bed) {
    bed.store.accept(&events(bed), None, &NoInlineDispatch).await.unwrap();
    answer(bed, 1).await;
    answer(bed, 2).await;
    assert_eq!(bed.store.take_answers(1, bed.now().plus_s(10)).await.unwrap().len(), 1);
    assert_eq!(take(bed).await.len(), 1, "the other one");
    assert_eq!(take(bed).await, []);
}

async fn messages_wait_for_an_answer_while_their_round_is_open(bed: &Bed) {
    let (anna, ben) = (bed.user("anna").await.id, bed.user("ben").await.id);
    let mut devices = Vec::new();
    for (user, kind, token) in
        [(anna, DeviceKind::Pushover, "key-a"), (ben, DeviceKind::Pushover, "key-b"), (ben, DeviceKind::Ntfy, "topic")]
    {
        devices.push(bed.store.add_device(BY, user, kind, token, None, true).await.unwrap().id);
    }
    for user in [anna, ben] {
        bed.execute(&format!("INSERT INTO responders (user_id, alert_id, round, base_at, event_id) VALUES ({user}, 'A-1', 1, 0, 'E1')"))
            .await;
    }
    let now = bed.now();
    let sent = async |id: &str, user, device: usize, state: &str, more: &str| {
        bed.delivery(id, user, state).await;
        let at = now.as_millis();
        let set = format!("device_id = {}, provider = 'po', message_id = 'm-{id}', sent_at = {at}", devices[device]);
        for set in [set.as_str(), more] {
            bed.execute(&format!("UPDATE deliveries SET {set} WHERE id = '{id}'")).await;
        }
    };
    sent("01D1", anna, 0, "sent", "attempts = 1").await;
    sent("01D2", ben, 1, "delivered", "attempts = 1").await;
    // To another kind of device, by another provider, of another round, not sent yet, too long ago.
    sent("01D3", ben, 2, "sent", "attempts = 1").await;
    sent("01D4", ben, 1, "sent", "provider = 'other'").await;
    sent("01D5", ben, 1, "sent", "scope = 'alert:2:A-1'").await;
    sent("01D6", ben, 1, "sending", "attempts = 1").await;
    sent("01D7", ben, 1, "sent", "sent_at = 0").await;
    let waiting = async |after: Option<&str>, most: i64| -> Vec<(String, String, String)> {
        let after = after.map(|id| DeliveryId(id.to_owned()));
        let found = bed.store.unanswered(DeviceKind::Pushover, "po", now, after.as_ref(), most).await.unwrap();
        found.into_iter().map(|one| (one.delivery.0, one.message_id, one.token.expose().to_owned())).collect()
    };
    let one = |id: &str, token: &str| (id.to_owned(), format!("m-{id}"), token.to_owned());
    assert_eq!(waiting(None, 10).await, [one("01D1", "key-a"), one("01D2", "key-b")]);
    assert_eq!(waiting(None, 1).await, [one("01D1", "key-a")]);
    assert_eq!(waiting(Some("01D1"), 1).await, [one("01D2", "key-b")]);
    // Somebody has it.
    bed.execute("DELETE FROM responders").await;
    assert_eq!(waiting(None, 10).await, []);
}
