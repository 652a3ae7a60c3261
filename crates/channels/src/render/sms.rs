//! How many messages an SMS is: networks carry 140 bytes at a time, and what is longer comes, and is paid for, in parts.
//!
//! A part has 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038), or 70 UTF-16 units if a single one is not in it; of a
//! text in several parts each has 153 or 67, as the rest says how they belong together.

use watchbell_providers::fit::Text;

/// As long as the sign itself is not in the alphabet.
const ELLIPSIS: &str = "...";

/// The alphabet, and what is in it at the price of two.
const BASIC: &str =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// The text, cut to at most so many parts.
pub fn fit(text: &Text, parts: usize) -> String {
    let fitted = text.fitted(ELLIPSIS, |text| parts_of(&typed(text)) <= parts);
    typed(&fitted)
}

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

/// With the signs of a typewriter instead of a printer's, if that is all that keeps the text out of the alphabet: one curly quote
/// would more than halve the room.
fn typed(text: &str) -> String {
    let mut typed = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '…' => typed.push_str(ELLIPSIS),
            '‘' | '’' | '‚' | '‹' | '›' | '´' | '`' => typed.push('\''),
            '“' | '”' | '„' | '«' | '»' => typed.push('"'),
            '–' | '—' | '‐' | '‑' | '−' | '•' => typed.push('-'),
            '\u{a0}' | '\u{202f}' | '\u{2009}' | '\t' => typed.push(' '),
            '→' => typed.push_str("->"),
            c => typed.push(c),
        }
    }
    if typed.chars().all(|c| septets(c).is_some()) { typed } else { text.to_owned() }
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

    #[test]
    fn a_printer_s_sign_does_not_halve_the_room() {
        let table = [
            ("„Disk“ – 97 % full…", "\"Disk\" - 97 % full..."),
            ("it’s\u{a0}down → up", "it's down -> up"),
            // It would not help.
            ("„Диск“ full…", "„Диск“ full…"),
            ("plain", "plain"),
        ];
        for (text, expected) in table {
            assert_eq!(fit(&text.into(), 3), expected);
        }
    }

    #[test]
    fn long_texts_are_cut_to_their_parts_and_keep_their_link() {
        let marked = |letter: &str| Text::read(&format!("HIGH: \u{fdd1}{}\u{fdd0} https://alerts.example.org/17", letter.repeat(600)));
        for (letter, parts, least) in
            [("a", 3, 455), ("a", 1, 158), ("ж", 3, 200), ("€", 3, 230), ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", 3, 180)]
        {
            let text = fit(&marked(letter), parts);
            assert!(parts_of(&text) <= parts && text.ends_with("... https://alerts.example.org/17"), "{text}");
            assert!(text.encode_utf16().count() >= least, "{}: {text}", text.encode_utf16().count());
        }
    }
}
