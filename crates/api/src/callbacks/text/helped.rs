//! Who was helped lately: whoever writes what means nothing is told once an hour how to answer, and machines that answer each other
//! stop.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use watchbell_core::Timestamp;

/// Between two help messages to one address, in milliseconds.
const AGAIN_MS: i64 = 60 * 60 * 1000;

/// So many addresses are helped in an hour, by each process: each message costs money, and strangers ask for it.
const MOST: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Helped {
    /// Addresses are kept as a hash that only this process can make.
    hasher: RandomState,
    last: Mutex<HashMap<u64, Timestamp>>,
}

impl Helped {
    /// Whether this address may be helped now; then it counts as helped.
    pub fn may_help(&self, address: &str, now: Timestamp) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| now.ms_since(*at) < AGAIN_MS);
        let id = self.hasher.hash_one(address);
        if last.len() >= MOST || last.contains_key(&id) {
            return false;
        }
        last.insert(id, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_helped_once_an_hour_and_not_too_many_are() {
        let (helped, at) = (Helped::default(), Timestamp::from_millis);
        assert!(helped.may_help("+4915112345678", at(0)));
        assert!(!helped.may_help("+4915112345678", at(AGAIN_MS - 1)));
        assert!(helped.may_help("+4915112345678", at(AGAIN_MS)));
        let strangers = (0..1_000).filter(|number| helped.may_help(&format!("+1555{number}"), at(AGAIN_MS + 1))).count();
        assert_eq!(strangers, MOST - 1);
        assert!(helped.may_help("+1999", at(3 * AGAIN_MS)));
    }
}
