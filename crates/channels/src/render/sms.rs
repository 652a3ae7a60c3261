//! SMS: what is longer than one message comes, and is paid for, in parts, so texts are cut to some of them.

use watchbell_providers::fit::Text;
use watchbell_providers::gsm::{is_in_alphabet, parts_of};

/// As long as the sign itself is not in the alphabet.
const ELLIPSIS: &str = "...";

/// The text, cut to at most so many parts.
pub fn fit(text: &Text, parts: usize) -> String {
    let fitted = text.fitted(ELLIPSIS, |text| parts_of(&typed(text)) <= parts);
    typed(&fitted)
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
    if is_in_alphabet(&typed) { typed } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
