//! Answers wait until the broker has been told of them.

use watchbell_core::event::{Action, Answer, Event, EventData, UpdateData};
use watchbell_core::{Channel, DeliveryId};
use watchbell_store::inline::NoInlineDispatch;
use watchbell_store::intake::Answered;

use crate::harness::Bed;
use crate::queue::events;

on_both![an_answer_waits_until_it_was_told, an_answer_is_told_by_one_at_a_time];

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
