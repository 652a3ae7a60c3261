//! What ties a message at a provider to the event it tells of: a number and the time of publishing, in the alert's summary.
//!
//! Every channel's text holds the summary, so the receiver finds the stamp whatever the template makes of it.

/// Begins a stamp; stands nowhere else in a message, since addresses are lower case.
const START: &str = "Bench";

/// One event's number, and when it was published (or due), in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub seq: u32,
    pub at_us: u64,
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{START}{}-{}", self.seq, self.at_us)
    }
}

/// Finds stamps and numbers in messages.
#[derive(Debug)]
pub struct Finder(memchr::memmem::Finder<'static>);

impl Default for Finder {
    fn default() -> Self {
        Self(memchr::memmem::Finder::new(START))
    }
}

impl Finder {
    pub fn find(&self, message: &[u8]) -> Option<Stamp> {
        let rest = &message[self.0.find(message)? + START.len()..];
        let (seq, length) = number(rest);
        let rest = rest.get(length..)?.strip_prefix(b"-")?;
        let (at_us, length) = number(rest);
        (length > 0).then(|| Stamp { seq: u32::try_from(seq).unwrap_or(u32::MAX), at_us })
    }
}

/// The number right after `needle`.
pub fn number_after(needle: &[u8], haystack: &[u8]) -> Option<u32> {
    let at = memchr::memmem::find(haystack, needle)? + needle.len();
    let (number, length) = number(&haystack[at..]);
    if length > 0 { u32::try_from(number).ok() } else { None }
}

/// The digits at the start, and how many there are.
fn number(text: &[u8]) -> (u64, usize) {
    let digits = text.iter().take(19).take_while(|byte| byte.is_ascii_digit());
    digits.fold((0, 0), |(number, length), digit| (number * 10 + u64::from(digit - b'0'), length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_found_in_a_form() {
        let stamp = Stamp { seq: 42, at_us: 1_790_000_000_000_001 };
        let body = format!("To=%2B4915100000017&Body=HIGH%3A+disk+full+{stamp}%0Ahttps");
        assert_eq!(Finder::default().find(body.as_bytes()), Some(stamp));
        assert_eq!(number_after(b"To=%2B49151", body.as_bytes()), Some(17));
        assert_eq!(Finder::default().find(b"Bench12 and no more"), None);
    }
}
