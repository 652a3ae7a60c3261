//! How long to wait before something that failed is tried again.

use std::time::Duration;

/// Waits between tries: each is twice as long as the one before it, up to the longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// Waits since the beginning, or since what is tried worked.
    waits: u32,
}

impl Backoff {
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, waits: 0 }
    }

    /// The wait before the next try.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.wait_after(self.waits);
        self.waits = self.waits.saturating_add(1);
        wait
    }

    /// The wait that comes after so many others.
    pub fn wait_after(&self, waits: u32) -> Duration {
        self.first.saturating_mul(1_u32.checked_shl(waits).unwrap_or(u32::MAX)).min(self.longest)
    }

    /// What is tried has worked: the next wait is the first one again.
    pub fn reset(&mut self) {
        self.waits = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let waits: Vec<u128> = (0..7).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
        backoff.reset();
        assert_eq!(backoff.next_wait().as_millis(), 100);
        assert_eq!(backoff.wait_after(u32::MAX).as_secs(), 2);
    }
}
