//! Lengths and line ends.

use minijinja::Environment;

/// A subject, in characters: more is cut by every mail program.
pub const LONGEST_SUBJECT: usize = 200;
/// A short text, in characters: two SMS.
pub const LONGEST_SHORT: usize = 300;
/// A spoken text, in characters: about a minute and a half.
pub const LONGEST_SPEECH: usize = 1_500;
/// A full text, in characters.
const LONGEST_TEXT: usize = 50_000;

pub fn register(templates: &mut Environment<'static>) {
    templates.add_filter("shorten", |text: String, letters: usize| one_line(&text, letters));
}

/// The first `letters` characters; the last one is an ellipsis where something is left out.
pub fn cut(text: &str, letters: usize) -> String {
    if text.chars().nth(letters).is_none() {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(letters.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    if letters > 0 {
        kept.push('…');
    }
    kept
}

/// As [`cut`], but counted in UTF-16 units.
pub fn cut_utf16(text: &str, units: usize) -> String {
    if text.encode_utf16().count() <= units {
        return text.to_owned();
    }
    let mut left = units.saturating_sub(1);
    let kept = text.chars().take_while(|letter| {
        let room = left.checked_sub(letter.len_utf16());
        left = room.unwrap_or(0);
        room.is_some()
    });
    kept.chain(['…']).collect()
}

/// One line of at most `letters` characters: no text of an event can begin another header, command or line.
pub fn one_line(text: &str, letters: usize) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    cut(&words.collect::<Vec<_>>().join(" "), letters)
}

/// Lines without trailing blanks, never more than one empty one in a row, no control characters.
pub fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut is_gap = true;
    for line in cut(text, LONGEST_TEXT).lines() {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let line = line.trim_end();
        if line.is_empty() {
            is_gap = true;
            continue;
        }
        if is_gap && !tidy.is_empty() {
            tidy.push('\n');
        }
        is_gap = false;
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy.truncate(tidy.trim_end().len());
    tidy
}

/// How many characters of a short text each of `count` messages gets, so that all of them are named.
pub fn share_of_short(count: usize) -> usize {
    /// For "DRINGEND: 12 Nachrichten: ".
    const HEAD: usize = 30;
    const SEPARATOR: usize = 2;
    ((LONGEST_SHORT - HEAD) / count.max(1)).saturating_sub(SEPARATOR).max(4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cut_texts_fit(text in "\\PC{0,40}", letters in 0_usize..30) {
            prop_assert!(cut(&text, letters).chars().count() <= letters);
            prop_assert!(cut_utf16(&text, letters.max(1)).encode_utf16().count() <= letters.max(1));
        }

        #[test]
        fn a_line_is_one(text in "(?s).{0,40}") {
            prop_assert!(!one_line(&text, 100).chars().any(char::is_control));
        }
    }

    #[test]
    fn gaps_and_ends_are_tidied() {
        assert_eq!(tidy("\n\na  \n\n\n\nb\u{0}\u{7}\n\n"), "a\n\nb");
        assert_eq!(cut("Disk full", 20), "Disk full");
        assert_eq!(cut("Disk full", 6), "Disk…");
    }
}
