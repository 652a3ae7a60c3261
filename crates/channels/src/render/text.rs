//! Lengths and line ends.

use minijinja::Environment;

use watchbell_providers::fit::{self, Text, cut};

/// A subject, in characters: more is cut by every mail program.
pub const LONGEST_SUBJECT: usize = 200;
/// A short text, in characters, where nothing else says how long it may be: as much as phones show of a notification.
pub const LONGEST_SHORT: usize = 300;
/// A spoken text, in characters: about a minute and a half.
pub const LONGEST_SPEECH: usize = 1_500;
/// A full text, in characters.
pub const LONGEST_TEXT: usize = 50_000;

pub fn register(templates: &mut Environment<'static>) {
    templates.add_filter("shorten", |text: String, letters: usize| cut(&one_line(&text), letters));
    templates.add_filter("spaced", |line: String| spaced(&line));
}

/// Text of at most so many characters.
pub fn within(text: &Text, letters: usize) -> Text {
    text.fitted(fit::ELLIPSIS, |text| text.chars().count() <= letters)
}

/// One line: no text of an event can begin another header, command or line.
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// Lines without trailing blanks, never more than one empty one in a row, no control characters but tabs. Whatever some system
/// ends lines with ends a line, and every other control character parts words as a space does.
pub fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut tidy = String::with_capacity(text.len());
    let mut is_gap = true;
    for line in text.split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']) {
        let line: String = line.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
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

/// A line as HTML shows it: what would collapse into one space becomes spaces that do not, so that indentation and columns stay.
fn spaced(line: &str) -> String {
    /// In spaces.
    const TAB: usize = 4;
    let mut spaced = String::with_capacity(line.len());
    let mut after_space = true;
    for c in line.replace('\t', &" ".repeat(TAB)).chars() {
        spaced.push(if c == ' ' && after_space { '\u{a0}' } else { c });
        after_space = c == ' ';
    }
    spaced
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_one(text in "(?s).{0,40}") {
            let line = one_line(&text);
            prop_assert!(!line.contains(|c: char| c.is_control() || c == '\u{2028}'), "{}", line);
        }

        #[test]
        fn tidied_texts_have_no_other_controls(text in "(?s).{0,40}") {
            let tidy = tidy(&text);
            prop_assert!(!tidy.contains(|c: char| c.is_control() && !"\n\t".contains(c)), "{}", tidy);
        }
    }

    #[test]
    fn gaps_and_ends_are_tidied() {
        assert_eq!(tidy("\n\na  \n\n\n\nb\u{0}\u{7}\n\n"), "a\n\nb");
        assert_eq!(tidy("  a:\n\tb  c\n"), "  a:\n\tb  c");
    }

    #[test]
    fn words_are_not_glued_together() {
        for end in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let text = format!("disk{end}full");
            assert_eq!((tidy(&text).as_str(), one_line(&text).as_str()), ("disk\nfull", "disk full"), "{}", end.escape_unicode());
        }
        for mark in ["\0", "\u{7}", "\u{1b}", "\u{1e}", "\u{7f}", "\u{9f}"] {
            let text = format!("disk{mark}full");
            assert_eq!((tidy(&text).as_str(), one_line(&text).as_str()), ("disk full", "disk full"), "{}", mark.escape_unicode());
        }
        assert_eq!(tidy("a\r\n\r\nb\r\rc"), "a\n\nb\n\nc");
    }

    #[test]
    fn indentation_is_kept_in_html() {
        assert_eq!(spaced("  at db-1"), "\u{a0}\u{a0}at db-1");
        assert_eq!(spaced("\ta  b"), "\u{a0}\u{a0}\u{a0}\u{a0}a \u{a0}b");
        assert_eq!(spaced("a b"), "a b");
    }
}
