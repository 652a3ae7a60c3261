//! What arrived, and when.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::clock::now_us;
use crate::stamp::Finder;

/// As many arrivals are kept, 32 bytes each; later ones are only counted.
const MOST: usize = 4_000_000;
/// One arrival as the driver reads it.
const ENCODED: usize = 25;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Via {
    Sms = 1,
    Push,
    Telegram,
    Webhook,
    Email,
}

/// One message at its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    /// The number of the event, and of the user that it went to; 0 where the message does not say.
    pub seq: u32,
    pub user: u32,
    pub via: u8,
    pub published_us: u64,
    pub at_us: u64,
}

#[derive(Debug, Default)]
pub struct Notes {
    finder: Finder,
    arrivals: RefCell<Vec<Arrival>>,
    count: Cell<u64>,
    delay: Cell<Duration>,
}

impl Notes {
    /// Notes a message; answers how many there were, for ids.
    pub fn take(&self, via: Via, user: Option<u32>, message: &[u8]) -> u64 {
        let count = self.count.get() + 1;
        self.count.set(count);
        if let Some(stamp) = self.finder.find(message) {
            let mut arrivals = self.arrivals.borrow_mut();
            if arrivals.len() < MOST {
                let user = user.unwrap_or_default();
                arrivals.push(Arrival { seq: stamp.seq, user, via: via as u8, published_us: stamp.at_us, at_us: now_us() });
            }
        }
        count
    }

    /// How many arrived since [`Notes::reset`].
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// How long every answer waits.
    pub fn delay(&self) -> Duration {
        self.delay.get()
    }

    pub fn reset(&self, delay: Duration) {
        // Memory of a large part is given back before the next one.
        *self.arrivals.borrow_mut() = Vec::new();
        self.count.set(0);
        self.delay.set(delay);
    }

    pub fn encode(&self) -> Vec<u8> {
        let arrivals = self.arrivals.borrow();
        let mut bytes = Vec::with_capacity(arrivals.len() * ENCODED);
        for arrival in arrivals.iter() {
            bytes.extend_from_slice(&arrival.seq.to_le_bytes());
            bytes.extend_from_slice(&arrival.user.to_le_bytes());
            bytes.push(arrival.via);
            bytes.extend_from_slice(&arrival.published_us.to_le_bytes());
            bytes.extend_from_slice(&arrival.at_us.to_le_bytes());
        }
        bytes
    }
}

/// Reads what [`Notes::encode`] wrote.
pub fn decode(bytes: &[u8]) -> Vec<Arrival> {
    let (encoded, _) = bytes.as_chunks::<ENCODED>();
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
    let half = |bytes: &[u8]| u32::try_from(word(bytes)).unwrap_or_default();
    let one = |bytes: &[u8; ENCODED]| Arrival {
        seq: half(&bytes[..4]),
        user: half(&bytes[4..8]),
        via: bytes[8],
        published_us: word(&bytes[9..17]),
        at_us: word(&bytes[17..]),
    };
    encoded.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_read_as_they_were_written() {
        let notes = Notes::default();
        notes.take(Via::Telegram, Some(7), b"disk full Bench9-1790000000000001");
        notes.take(Via::Sms, None, b"no stamp");
        assert_eq!(notes.count(), 2);
        let arrivals = decode(&notes.encode());
        let [one] = arrivals.as_slice() else { panic!("{arrivals:?}") };
        assert_eq!((one.seq, one.user, one.via, one.published_us), (9, 7, 3, 1_790_000_000_000_001));
        assert!(one.at_us > one.published_us / 2);
    }
}
