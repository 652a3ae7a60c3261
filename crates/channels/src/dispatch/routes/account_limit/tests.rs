#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use watchbell_core::{ManualClock, Timestamp};

use super::*;

fn limit(per_second: f64, burst: u32) -> AccountLimit {
    AccountLimit { per_second, burst, in_flight: 64, timeout: Duration::from_secs(1) }
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_millis(1_000_000))
}

#[test]
fn what_is_given_back_is_not_saved_up() {
    let clock = clock();
    let mut limiter = AccountLimiter::new(&limit(1.0, 3), Arc::new(clock.clone()));
    for _ in 0..60 {
        // As a channel worker that looks and finds nothing to send.
        let calls = limiter.take(64).unwrap();
        limiter.give_back(calls);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(limiter.take(64), Ok(3));
    assert_eq!(limiter.take(64), Err(Duration::from_secs(1)));
    // What was not called for can still be.
    limiter.give_back(2);
    assert_eq!(limiter.take(1), Ok(1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(limiter.take(64), Ok(2));
}

/// The design's bound, for every number of workers: each has looked in vain for a while, and then takes all that it gets.
#[test]
fn all_shares_together_are_the_limit() {
    const STEP_MS: u64 = 10;
    for (per_second, burst) in [(0.1, 1), (1.0, 1), (5.0, 2), (20.0, 20), (100.0, 10), (100.0, 100)] {
        for workers in [1, 2, 3, 4, 8] {
            let clock = clock();
            let limit = limit(per_second, burst);
            let mut limiters: Vec<AccountLimiter> = (0..workers).map(|_| AccountLimiter::new(&limit, Arc::new(clock.clone()))).collect();
            for (place, limiter) in (0..).zip(&mut limiters) {
                limiter.share(Share { of: workers, place });
            }
            for _ in 0..200 {
                for limiter in &mut limiters {
                    let calls = limiter.take(64).unwrap_or(0);
                    limiter.give_back(calls);
                }
                clock.advance(Duration::from_millis(500));
            }
            let mut taken = 0;
            for _ in 0..60_000 / STEP_MS {
                taken += limiters.iter_mut().map(|limiter| limiter.take(64).unwrap_or(0)).sum::<u32>();
                clock.advance(Duration::from_millis(STEP_MS));
            }
            let (taken, in_a_minute) = (f64::from(taken), per_second * 60.0);
            assert!(taken <= in_a_minute * 1.05 + f64::from(burst), "{workers} workers took {taken} of {per_second}/s");
            assert!(taken >= in_a_minute * 0.95 - f64::from(burst), "{workers} workers took only {taken} of {per_second}/s");
        }
    }
}

#[test]
fn a_worker_that_comes_or_goes_gives_no_second_burst() {
    let clock = clock();
    let mut limiter = AccountLimiter::new(&limit(10.0, 10), Arc::new(clock.clone()));
    assert_eq!(limiter.take(64), Ok(10));
    for of in [2, 1, 3, 1] {
        limiter.share(Share { of, place: 0 });
        assert!(limiter.take(64).is_err(), "after a change to {of}");
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(limiter.take(64), Ok(10));
}

#[test]
fn a_burst_of_one_call_is_one_worker_s_until_that_ends() {
    let clock = clock();
    let mut second = AccountLimiter::new(&limit(1.0, 1), Arc::new(clock.clone()));
    second.share(Share { of: 2, place: 1 });
    clock.advance(Duration::from_mins(1));
    assert_eq!(second.take(64), Err(NO_PART));
    second.share(Share { of: 1, place: 0 });
    clock.advance(Duration::from_secs(1));
    assert_eq!(second.take(64), Ok(1));
}
