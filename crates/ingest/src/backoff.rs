//! How long to wait before trying again.

use std::time::Duration;

/// 1 s, then 2 s each time: short enough that events flow again as soon as whatever was away is back.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    const MAX: Duration = Duration::from_secs(2);

    pub(crate) fn next(&mut self) -> Duration {
        let wait = Duration::from_secs(1 << self.tries.min(4));
        self.tries += 1;
        wait.min(Self::MAX)
    }

    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_two_seconds_and_stay() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(waits, [1, 2, 2, 2, 2, 2, 2]);
        backoff.reset();
        assert_eq!(backoff.next().as_secs(), 1);
    }
}
