//! How many messages an SMS is: networks carry 140 bytes at a time, and what is longer comes, and is paid for, in parts.
//!
//! A part has 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038), or 70 UTF-16 units if a single one is not in it; of a
//! text in several parts each has 153 or 67, as the rest says how they belong together.

/// The alphabet, and what is in it at the price of two.
const BASIC: &str =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// In how many parts a text is sent.
pub fn parts_of(text: &str) -> usize {
    let in_gsm: Option<Vec<usize>> = text.chars().map(septets).collect();
    match in_gsm {
        Some(septets) => packed(&septets, 160, 153),
        None => packed(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

/// What is of several units is not torn between two parts.
fn packed(units: &[usize], alone: usize, each: usize) -> usize {
    if units.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut parts, mut room) = (1, each);
    for unit in units {
        if *unit > room {
            (parts, room) = (parts + 1, each);
        }
        room -= unit;
    }
    parts
}

fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// Whether all of a text is in the GSM alphabet.
pub fn is_in_alphabet(text: &str) -> bool {
    text.chars().all(|c| septets(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_as_networks_do() {
        let table = [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("a".repeat(459), 3),
            ("a".repeat(460), 4),
            // Two each.
            ("€".repeat(80), 1),
            ("[".repeat(81), 2),
            // 76 pairs and one septet that nothing fits into: 152 in each part.
            ("{".repeat(153), 3),
            ("ñ".repeat(160), 1),
            // Lower case ç is not in the alphabet, upper case is.
            ("Ç".repeat(160), 1),
            ("ç".repeat(70), 1),
            ("ç".repeat(71), 2),
            ("ж".repeat(134), 2),
            ("ж".repeat(135), 3),
            ("\u{1f600}".repeat(35), 1),
            ("\u{1f600}".repeat(36), 2),
            // 33 pairs and one unit in each part.
            ("\u{1f600}".repeat(67), 3),
        ];
        for (text, parts) in table {
            assert_eq!(parts_of(&text), parts, "{} × {:?}", text.chars().count(), text.chars().next());
        }
    }
}
