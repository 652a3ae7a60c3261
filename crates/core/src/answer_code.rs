//! Short codes by which people name one of several alerts in a reply: `A7`.
//!
//! A code is derived from what it stands for and kept nowhere. A message shows its first two characters; where several alerts are
//! open that begin alike, a list shows as many as tell them apart, and a reply's code counts if it begins one alone.

use sha2::{Digest, Sha256};

use crate::ids::UserId;

/// Letters and digits that are not taken for one another, even in a small font or read aloud: no B, G, I, L, O, S, Z, 0, 1.
const LETTERS: &[u8; 19] = b"ACDEFHJKMNPQRTUVWXY";
const DIGITS: &[u8; 8] = b"23456789";

/// What a message shows, in characters.
pub const SHOWN: usize = 2;

/// What there is of a code, in characters: enough to tell any alerts apart that one person has open.
pub const LONGEST: usize = 8;

/// The whole code of an alert for one of those who were told of it: a letter, a digit, and so on.
pub fn code(alert: &str, round: i64, user: UserId) -> String {
    let mut hash = Sha256::new();
    // The numbers have a fixed length, so nothing else reads the same.
    hash.update(round.to_be_bytes());
    hash.update(user.0.to_be_bytes());
    hash.update(alert.as_bytes());
    let digest = hash.finalize();
    let pairs = digest.iter().take(LONGEST).enumerate();
    pairs
        .map(|(place, byte)| {
            let byte = usize::from(*byte);
            char::from(if place % 2 == 0 { LETTERS[byte % LETTERS.len()] } else { DIGITS[byte % DIGITS.len()] })
        })
        .collect()
}

/// Whether a word of a reply may be a code, or the beginning of one, in upper case.
pub fn is_code(word: &str) -> bool {
    (SHOWN..=LONGEST).contains(&word.len())
        && word.bytes().enumerate().all(|(place, byte)| if place % 2 == 0 { LETTERS.contains(&byte) } else { DIGITS.contains(&byte) })
}

/// How many characters tell these codes apart; at least what a message shows.
pub fn enough<'c>(codes: impl IntoIterator<Item = &'c str>) -> usize {
    let mut codes: Vec<&str> = codes.into_iter().collect();
    codes.sort_unstable();
    codes.dedup();
    let alike = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    codes.windows(2).map(alike).max().map_or(SHOWN, |alike| (alike + 1).clamp(SHOWN, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_alert_s_for_one_person() {
        let of = |alert, round, user| code(alert, round, UserId(user));
        let one = of("A-7", 1, 7);
        assert_eq!(one, of("A-7", 1, 7));
        assert!(is_code(&one) && is_code(&one[..SHOWN]), "{one}");
        for other in [of("A-8", 1, 7), of("A-7", 2, 7), of("A-7", 1, 8)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_list_shows_as_much_as_tells_its_alerts_apart() {
        assert_eq!(enough(["A7K3M9P4"]), 2);
        assert_eq!(enough(["A7K3M9P4", "C7K3M9P4"]), 2);
        assert_eq!(enough(["C7K3M9P4", "A7K3M9P4", "A7M3M9P4"]), 3);
        assert_eq!(enough(["A7K3M9P4", "A7K3M9P5"]), 8);
        assert_eq!(enough([]), 2);
    }

    #[test]
    fn words_and_numbers_are_no_codes() {
        for word in ["", "A", "1", "7A", "OK", "ACK", "A1", "B7", "A77", "A7K3M9P4A", "Ä7", "a7"] {
            assert!(!is_code(word), "{word}");
        }
    }
}
