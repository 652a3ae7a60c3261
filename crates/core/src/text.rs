//! Characters that nobody sees, in texts that others wrote.
//!
//! Marks that turn the direction of writing, joiners, tags and the like let a text look like another one, hide a part of it, or
//! merely spoil what is compared or counted. Where they do their work in a script or a symbol they stay.

use std::borrow::Cow;

/// Whether a character shows nothing by itself and joins nothing either: Unicode's format characters but the few that are seen or
/// that join, fillers, and what is no character at all.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark, fillers, Khmer inherent vowels, Mongolian separators.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
        // Zero width space; marks, embeddings, overrides and isolates of direction; word joiner, invisible operators, what is deprecated.
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotations, shorthand and musical formats, tags.
        | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}'
        | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Zero width joiner and non-joiner.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Chooses how the character before it is drawn.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// A flag's letters, after a black flag: England's, Scotland's, Wales'.
fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// The text without what nobody sees. Joiners stay between characters that they can join, a selector after what it selects, tags
/// in a flag; so emoji, and the scripts that need them, come through as they are.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(|c| is_invisible(c) || is_joiner(c) || is_selector(c)) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut is_flag = false;
    while let Some(c) = chars.next() {
        let last = kept.chars().next_back();
        let joins = |c: char| !c.is_ascii() && !c.is_whitespace() && !is_invisible(c) && !is_joiner(c);
        is_flag = c == '\u{1f3f4}' || (is_flag && is_tag(c));
        let stays = if is_joiner(c) {
            last.is_some_and(joins) && chars.peek().is_some_and(|next| joins(*next) && !is_selector(*next))
        } else if is_selector(c) {
            // A digit, # and * become keys.
            last.is_some_and(|last| (joins(last) && !is_selector(last)) || last.is_ascii_digit() || matches!(last, '#' | '*'))
        } else {
            is_flag || !is_invisible(c)
        };
        if stays {
            kept.push(c);
        }
    }
    kept.into()
}

/// The text without what nobody sees and without joiners: for addresses, in which nothing is joined.
pub fn bare(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c) && !is_joiner(*c) && !is_selector(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_goes_and_what_does_its_work_stays() {
        let table = [
            ("plain", "plain"),
            ("Übergrößenträger", "Übergrößenträger"),
            ("pay\u{202e}lla\u{202c} now", "paylla now"),
            ("\u{2066}a\u{2069}\u{200e}\u{200f}\u{61c}b", "ab"),
            ("se\u{ad}cret\u{200b}ly", "secretly"),
            ("\u{feff}Disk\u{2060} full\u{fdd0}\u{1ffff}", "Disk full"),
            ("hid\u{e0068}\u{e0069}den", "hidden"),
            // Nothing to join between Latin letters, at the ends, or twice.
            ("a\u{200d}b\u{200c}c", "abc"),
            ("\u{200d}\u{1f469}\u{200d}", "\u{1f469}"),
            ("x\u{fe0f}\u{fe0f}", "x"),
            // A family, a heart, a key, a flag; Persian and Hindi; a Japanese variant.
            ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"),
            ("\u{2764}\u{fe0f}\u{200d}\u{1f525}", "\u{2764}\u{fe0f}\u{200d}\u{1f525}"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
            (
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            ),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("\u{845b}\u{e0100}", "\u{845b}\u{e0100}"),
        ];
        for (text, expected) in table {
            assert_eq!(visible(text), expected, "{}", text.escape_unicode());
            assert!(matches!(visible(expected), Cow::Borrowed(_)) || visible(expected) == expected);
        }
        assert_eq!(bare("+49\u{200e} 151\u{200d}\u{fe0f}1"), "+49 1511");
    }
}
