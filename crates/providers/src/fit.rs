//! Texts that have to fit somewhere.
//!
//! Whoever writes a text marks what may be cut, as templates do with `{{ event.details | cuttable }}`. What stands outside of the marks, such as the link, the
//! alert's id and its labels, is what somebody needs who can read nothing else, so it stays whole as long as there is room for it
//! at all. Marks have an order: those of 1, which is meant without one, are cut first, those of 3 last; of several with the same
//! order the longest are, so that all members of a list are named. Letters are never cut in two: what people take for one may be
//! many characters, such as a family of emoji joined to one.

use std::fmt;
use std::ops::{Deref, Range};

use unicode_segmentation::UnicodeSegmentation;

/// Shows that something was left out.
pub const ELLIPSIS: &str = "…";

/// Marks are no characters, so that no event can bring any: see [`watchbell_core::text::visible`].
const END: char = '\u{fdd0}';
const BEGINNINGS: [char; 3] = ['\u{fdd1}', '\u{fdd2}', '\u{fdd3}'];

/// A letter with more marks than the stream-safe text format has (UAX #15: 30) is none, and is cut like others' characters.
const LONGEST_LETTER: usize = 31;

/// Marks a text as one that may be cut, as the first (1), second or last (3) of all; None for any other order.
pub fn mark(text: &str, order: usize) -> Option<String> {
    let beginning = BEGINNINGS.get(order.wrapping_sub(1))?;
    Some(format!("{beginning}{text}{END}"))
}

/// A text, of which it is known what may be cut.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    /// In order of their places.
    cuttable: Vec<Cuttable>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cuttable {
    place: Range<usize>,
    order: usize,
}

/// Nothing of a message belongs in a log.
impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(…)")
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self { text: text.into(), cuttable: Vec::new() }
    }
}

impl Text {
    /// Takes the marks out of what a template gave. Of marks inside of each other the outer one counts.
    pub fn read(marked: &str) -> Self {
        let mut read = Self::default();
        let mut open: Vec<(usize, usize)> = Vec::new();
        let close = |read: &mut Self, open: &mut Vec<(usize, usize)>| match open.pop() {
            Some((order, from)) if open.is_empty() => read.cuttable.push(Cuttable { place: from..read.text.len(), order }),
            _ => {}
        };
        for c in marked.chars() {
            if let Some(order) = BEGINNINGS.iter().position(|beginning| *beginning == c) {
                open.push((order, read.text.len()));
            } else if c == END {
                close(&mut read, &mut open);
            } else {
                read.text.push(c);
            }
        }
        open.truncate(1);
        close(&mut read, &mut open);
        read
    }

    pub fn into_string(self) -> String {
        self.text
    }

    /// The text, cut as far as it has to be.
    pub fn fit(&self, fits: impl Fn(&str) -> bool) -> String {
        self.fitted(ELLIPSIS, fits).text
    }

    /// The text, cut as far as it has to be, with what may still be cut of it. Empty if not even the ellipsis fits.
    #[must_use]
    pub fn fitted(&self, ellipsis: &str, fits: impl Fn(&str) -> bool) -> Self {
        if fits(&self.text) {
            return self.clone();
        }
        let letters: Vec<Vec<usize>> = self.cuttable.iter().map(|part| ends_of_letters(&self.text[part.place.clone()])).collect();
        let mut kept = vec![usize::MAX; letters.len()];
        for order in 0..BEGINNINGS.len() {
            let of_order = |at: &usize| self.cuttable[*at].order == order;
            let longest = (0..letters.len()).filter(of_order).map(|at| letters[at].len()).max().unwrap_or(0);
            let cut_to = |most: usize| {
                let mut kept = kept.clone();
                (0..letters.len()).filter(of_order).for_each(|at| kept[at] = most);
                self.keep(&kept, &letters, ellipsis)
            };
            if let Some(text) = greatest(longest, |most| Some(cut_to(most)).filter(|text| fits(&text.text))) {
                return text;
            }
            (0..letters.len()).filter(of_order).for_each(|at| kept[at] = 0);
        }
        // Too much that may not be cut: rather its beginning than nothing.
        let rest = self.keep(&kept, &letters, ellipsis).text;
        let ends = ends_of_letters(&rest);
        let cut_to = |most: usize| Some(format!("{}{ellipsis}", beginning(&rest, &ends, most))).filter(|text| fits(text));
        greatest(ends.len(), cut_to).unwrap_or_default().into()
    }

    /// Of each part that may be cut the first letters, as many as `kept` says.
    fn keep(&self, kept: &[usize], letters: &[Vec<usize>], ellipsis: &str) -> Self {
        let mut left = Self { text: String::with_capacity(self.text.len()), cuttable: Vec::new() };
        let mut from = 0;
        for ((part, ends), most) in self.cuttable.iter().zip(letters).zip(kept) {
            left.text.push_str(&self.text[from..part.place.start]);
            let start = left.text.len();
            let whole = &self.text[part.place.clone()];
            if ends.len() <= *most {
                left.text.push_str(whole);
            } else {
                left.text.push_str(beginning(whole, ends, *most));
                left.text.push_str(ellipsis);
            }
            left.cuttable.push(Cuttable { place: start..left.text.len(), order: part.order });
            from = part.place.end;
        }
        left.text.push_str(&self.text[from..]);
        left
    }
}

/// The first `letters` characters at most, no letter in two; an ellipsis is the last where something is left out.
pub fn cut(text: &str, letters: usize) -> String {
    Text::from(text).fit(|text| text.chars().count() <= letters)
}

fn beginning<'t>(text: &'t str, ends: &[usize], letters: usize) -> &'t str {
    let end = letters.checked_sub(1).map_or(0, |last| ends[last.min(ends.len() - 1)]);
    text[..end].trim_end()
}

/// Where each letter of the text ends.
fn ends_of_letters(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    for (at, letter) in text.grapheme_indices(true) {
        if letter.chars().count() > LONGEST_LETTER {
            ends.extend(letter.char_indices().map(|(inner, c)| at + inner + c.len_utf8()));
        } else {
            ends.push(at + letter.len());
        }
    }
    ends
}

/// What is made of the greatest number below `end` of which something is made.
fn greatest<T>(end: usize, make: impl Fn(usize) -> Option<T>) -> Option<T> {
    let mut best = if end == 0 { None } else { Some(make(0)?) };
    let (mut fits, mut too_much) = (0, end);
    while fits + 1 < too_much {
        let middle = fits.midpoint(too_much);
        match make(middle) {
            Some(result) => (best, fits) = (Some(result), middle),
            None => too_much = middle,
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cut_texts_fit(text in "\\PC{0,40}", letters in 0_usize..30) {
            let cut = cut(&text, letters);
            prop_assert!(cut.chars().count() <= letters);
            prop_assert!(cut == text || text.chars().count() > letters);
        }

        #[test]
        fn what_may_not_be_cut_stays(details in "\\PC{0,60}", summary in "\\PC{1,20}", room in 13_usize..60) {
            let marked = Text::read(&format!("\u{fdd2}{summary}\u{fdd0}\n\u{fdd1}{details}\u{fdd0}\nid 7 link"));
            let text = marked.fit(|text| text.chars().count() <= room);
            prop_assert!(text.chars().count() <= room && text.ends_with("\nid 7 link"), "{}", text);
        }
    }

    /// What may be cut stands in angle brackets, with its order: `<1details>`.
    fn marked(source: &str) -> Text {
        let marks = [("<1", "\u{fdd1}"), ("<2", "\u{fdd2}"), ("<3", "\u{fdd3}"), (">", "\u{fdd0}")];
        Text::read(&marks.iter().fold(source.to_owned(), |text, (from, to)| text.replace(from, to)))
    }

    fn fit(text: &Text, letters: usize) -> String {
        text.fit(|text| text.chars().count() <= letters)
    }

    #[test]
    fn what_is_marked_is_cut_in_its_order_and_nothing_else() {
        let text = marked("<2summary>: <1details that go on> <37> #17");
        let table = [
            (60, "summary: details that go on 7 #17"),
            (25, "summary: details t… 7 #17"),
            (17, "summary: d… 7 #17"),
            (16, "summary: … 7 #17"),
            (13, "sum…: … 7 #17"),
            (11, "s…: … 7 #17"),
            (10, "…: … 7 #17"),
            // The end of all: there is no room for what may not be cut.
            (6, "…: ……"),
            (1, "…"),
            (0, ""),
        ];
        for (letters, expected) in table {
            let cut = fit(&text, letters);
            assert!(cut.chars().count() <= letters, "{letters}: {cut}");
            assert_eq!(cut, expected, "{letters}");
        }
    }

    #[test]
    fn all_members_of_a_list_are_named() {
        let text = marked("<1short>; <1a long one indeed>; <1another long one>; ");
        assert_eq!(fit(&text, 30), "short; a long o…; another…; ");
    }

    #[test]
    fn what_is_cut_can_be_cut_again() {
        let once = marked("<1details that go on> #17").fitted("...", |text| text.len() <= 16);
        assert_eq!(&*once, "details t... #17");
        assert_eq!(fit(&once, 9), "deta… #17");
    }

    #[test]
    fn letters_are_not_cut_in_two() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let flags = "\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}";
        let table = [
            (format!("{family}{family}"), 6, format!("{family}…")),
            (format!("a{family}"), 5, "a…".to_owned()),
            (flags.to_owned(), 3, "\u{1f1e9}\u{1f1ea}…".to_owned()),
            ("noe\u{301}l".to_owned(), 4, "no…".to_owned()),
            ("नमस्ते".to_owned(), 4, "नम…".to_owned()),
        ];
        for (text, letters, expected) in table {
            assert_eq!(cut(&text, letters), expected, "{text} {letters}");
        }
        // No letter has as many marks as this: it is cut somewhere, not left out.
        assert_eq!(cut(&format!("e{}", "\u{301}".repeat(1_000)), 100).chars().count(), 100);
        assert_eq!((cut("Disk full", 20), cut("Disk full", 6)), ("Disk full".to_owned(), "Disk…".to_owned()));
    }

    #[test]
    fn marks_are_read_whatever_became_of_them() {
        let text = |marked| Text::read(marked);
        assert_eq!(fit(&text("\u{fdd1}never closed"), 6), "never…");
        assert_eq!(&*text("\u{fdd0}a\u{fdd0}"), "a");
        let nested = text("\u{fdd1}one \u{fdd3}two\u{fdd0} three\u{fdd0} #17");
        assert_eq!(fit(&nested, 10), "one t… #17");
        assert_eq!(mark("x", 2).as_deref(), Some("\u{fdd2}x\u{fdd0}"));
        assert_eq!((mark("x", 0), mark("x", 4)), (None, None));
    }
}
