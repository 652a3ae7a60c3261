//! What provider accounts are used for: calls of a day, shared by all processes, and how calls ended.

use watchbell_core::Channel;
use watchbell_core::outcome::Class;
use watchbell_store::housekeeping::Cutoffs;
use watchbell_store::queue::{Budget, CallTally, Failure, Spent};

use crate::harness::Bed;

fn budget(bed: &Bed, calls: i64) -> Budget {
    Budget { channel: Channel::Sms, provider: "p".to_owned(), day: bed.now().utc_day(), calls }
}

async fn processes_together_take_no_more_than_a_days_calls(bed: &Bed) {
    let budget = budget(bed, 100);
    let processes = (0..30).map(|_| bed.store.take_calls(&budget, 7));
    let taken: Vec<i64> = futures::future::try_join_all(processes).await.unwrap();
    assert_eq!(taken.iter().sum::<i64>(), 100);
    assert_eq!(taken.iter().filter(|calls| **calls == 7).count(), 14);
    assert_eq!(bed.store.take_calls(&budget, 1).await.unwrap(), 0);
    bed.store.return_calls(&budget, 5).await.unwrap();
    assert_eq!(bed.store.take_calls(&budget, 7).await.unwrap(), 5);
    // Another day, another channel and another provider have calls of their own.
    for other in [
        Budget { day: budget.day + 1, ..budget.clone() },
        Budget { channel: Channel::Voice, ..budget.clone() },
        Budget { provider: "q".to_owned(), ..budget.clone() },
    ] {
        assert_eq!(bed.store.take_calls(&other, 1).await.unwrap(), 1);
    }
    bed.store.note_refused(std::slice::from_ref(&budget), 3).await.unwrap();
    bed.store.note_refused(std::slice::from_ref(&budget), 1).await.unwrap();
    let spent = bed.store.spent(budget.day).await.unwrap();
    let sms = |provider: &str, calls, refused| Spent { channel: Channel::Sms, provider: provider.to_owned(), calls, refused };
    assert_eq!(spent, [sms("p", 100, 4), sms("q", 1, 0), Spent { channel: Channel::Voice, ..sms("p", 1, 0) }]);
    // A budget that was made smaller during the day is used up.
    assert_eq!(bed.store.take_calls(&Budget { calls: 10, ..budget.clone() }, 1).await.unwrap(), 0);
    bed.clock.advance(std::time::Duration::from_hours(24 * 40));
    bed.store.tidy(&Cutoffs::all(bed.now()), 100).await.unwrap();
    assert!(bed.store.spent(budget.day).await.unwrap().is_empty());
}

async fn how_calls_ended_is_added_up_and_the_last_of_each_kind_is_kept(bed: &Bed) {
    let failure = |code: &str| Failure { at: bed.now(), class: Class::ProviderDown, code: Some(code.to_owned()) };
    let calls = |provider: &str, calls, failed: Option<Failure>| CallTally {
        channel: Channel::Sms,
        provider: provider.to_owned(),
        calls,
        failures: i64::from(failed.is_some()),
        success_at: failed.is_none().then(|| bed.now()),
        failure: failed,
    };
    let (first, began) = (failure("401"), bed.now());
    bed.store.note_calls(&[calls("p", 5, Some(first.clone())), calls("q", 1, None)]).await.unwrap();
    bed.store.note_calls(&[calls("p", 2, None)]).await.unwrap();
    let expected = CallTally { calls: 7, failures: 1, success_at: Some(began), ..calls("p", 7, Some(first.clone())) };
    assert_eq!(bed.store.tallies().await.unwrap(), [expected.clone(), calls("q", 1, None)]);
    bed.clock.advance(std::time::Duration::from_mins(50));
    let later = Failure { code: None, ..failure("") };
    bed.store.note_calls(&[calls("p", 1, Some(later.clone()))]).await.unwrap();
    let p = bed.store.tallies().await.unwrap().remove(0);
    assert_eq!((p.calls, p.failures, p.success_at, p.failure), (8, 2, Some(began), Some(later.clone())));
    // An hour after the first ones, those are still the last that it took.
    bed.clock.advance(std::time::Duration::from_mins(30));
    let p = bed.store.tallies().await.unwrap().remove(0);
    assert_eq!((p.calls, p.failures, p.success_at, p.failure), (1, 1, Some(began), Some(later)));
    bed.clock.advance(std::time::Duration::from_hours(24 * 8));
    assert!(bed.store.tallies().await.unwrap().is_empty());
    bed.store.tidy(&Cutoffs::all(bed.now()), 100).await.unwrap();
    assert_eq!(bed.number("SELECT count(*) FROM provider_calls").await, 0);
}

on_both!(processes_together_take_no_more_than_a_days_calls, how_calls_ended_is_added_up_and_the_last_of_each_kind_is_kept);
