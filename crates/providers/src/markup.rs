//! Texts for services that take signs of writing for markup: what an event says is shown as it is.

/// Not seen, and no part of a name: what stands on both sides of it is not taken together.
const UNSEEN: char = '\u{200b}';

/// Mattermost's Markdown, in which nobody is mentioned and nothing is emphasised, quoted or linked but addresses that are written
/// out. Indentation is kept, and makes no block of code.
pub fn mattermost(text: &str) -> String {
    markdown(text, "\\`*_[]~|$")
}

/// Discord's, in which `<…>` mentions and shows times and pictures beside.
pub fn discord(text: &str) -> String {
    markdown(text, "\\`*_[]~|<")
}

/// Text for services that show a part of HTML.
pub fn html(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\n' => written.push_str("<br>"),
            letter => written.push(letter),
        }
    }
    written
}

/// An address of the web as Markdown takes it between round brackets.
pub fn link(label: &str, url: &str) -> String {
    let url: String = url.chars().fold(String::with_capacity(url.len()), |mut url, letter| {
        match letter {
            '(' => url.push_str("%28"),
            ')' => url.push_str("%29"),
            ' ' => url.push_str("%20"),
            letter => url.push(letter),
        }
        url
    });
    format!("[{label}]({url})")
}

/// Markdown, in which each of `signs` is escaped.
fn markdown(text: &str, signs: &str) -> String {
    let mut written = String::with_capacity(text.len() + text.len() / 8);
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            written.push('\n');
        }
        let body = line.trim_start_matches([' ', '\t']);
        for blank in line[..line.len() - body.len()].chars() {
            written.extend(std::iter::repeat_n('\u{a0}', if blank == '\t' { 4 } else { 1 }));
        }
        let rest = begin_line(&mut written, body);
        outside_of_links(&mut written, rest, |written, word| escape_word(written, word, signs));
    }
    written
}

/// What means something only at the beginning of a line: headings, quotes, lists, and what underlines a heading.
fn begin_line<'l>(written: &mut String, line: &'l str) -> &'l str {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let sign = line[digits..].chars().next();
    match (digits, sign) {
        (0, Some(sign @ ('#' | '>' | '-' | '+'))) => written.extend(['\\', sign]),
        (0, Some('=')) => written.extend([UNSEEN, '=']),
        (1.., Some(sign @ ('.' | ')'))) => {
            written.push_str(&line[..digits]);
            written.extend(['\\', sign]);
        }
        _ => return line,
    }
    &line[digits + 1..]
}

fn escape_word(written: &mut String, word: &str, signs: &str) {
    for (at, letter) in word.char_indices() {
        let rest = &word[at + letter.len_utf8()..];
        match letter {
            sign if signs.contains(sign) => written.extend(['\\', letter]),
            '@' => written.extend(['@', UNSEEN]),
            // `:fire:` would be one.
            ':' if rest.starts_with(|c: char| c.is_ascii_alphabetic() || "+-_".contains(c)) && rest.contains(':') => {
                written.extend([':', UNSEEN]);
            }
            letter => written.push(letter),
        }
    }
}

/// WhatsApp's signs for bold, italic and the like do nothing where something stands between them and the word.
pub fn whatsapp(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 8);
    outside_of_links(&mut written, text, |written, word| {
        for letter in word.chars() {
            written.push(letter);
            if matches!(letter, '*' | '_' | '~' | '`') {
                written.push(UNSEEN);
            }
        }
    });
    written
}

/// Writes each word as `write` does, but addresses of the web as they are, so that they can still be followed.
fn outside_of_links(written: &mut String, text: &str, write: impl Fn(&mut String, &str)) {
    for word in text.split_inclusive(char::is_whitespace) {
        let is_link = word.starts_with("https://") || word.starts_with("http://");
        if is_link && !word.contains(['<', '>', '[', ']', '`', '\\', '|', '*', '"']) {
            written.push_str(word);
        } else {
            write(written, word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mattermost_shows_what_is_written() {
        let table = [
            ("disk full", "disk full"),
            ("@channel: mail ops@example.org", "@\u{200b}channel: mail ops@\u{200b}example.org"),
            ("*a* _b_ ~~c~~ `d` $e$ \\", "\\*a\\* \\_b\\_ \\~\\~c\\~\\~ \\`d\\` \\$e\\$ \\\\"),
            ("[bank](https://evil.example)", "\\[bank\\](https://evil.example)"),
            ("![x](https://evil.example/x.png)", "!\\[x\\](https://evil.example/x.png)"),
            ("see https://x.example/a_b?c=*d", "see https://x.example/a\\_b?c=\\*d"),
            ("see https://x.example/a_b~c?d=(e)", "see https://x.example/a_b~c?d=(e)"),
            ("# a\n> b\n- c\n+ d\n1. e\n12) f\n-1 g", "\\# a\n\\> b\n\\- c\n\\+ d\n1\\. e\n12\\) f\n\\-1 g"),
            ("a\n===\nb\n---", "a\n\u{200b}===\nb\n\\---"),
            ("| a | b |", "\\| a \\| b \\|"),
            ("    at line\n\tx", "\u{a0}\u{a0}\u{a0}\u{a0}at line\n\u{a0}\u{a0}\u{a0}\u{a0}x"),
            (":fire: at 10:30:45", ":\u{200b}fire: at 10:30:45"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(mattermost(text), expected, "{text}");
        }
    }

    #[test]
    fn discord_shows_what_is_written_too() {
        let table = [
            ("<@123> <#4> <t:1:R> @everyone", "\\<@\u{200b}123> \\<#4> \\<t:1:R> @\u{200b}everyone"),
            ("costs $5, ||x||", "costs $5, \\|\\|x\\|\\|"),
        ];
        for (text, expected) in table {
            assert_eq!(discord(text), expected, "{text}");
        }
        assert_eq!(link("a b", "https://x.example/(1) 2"), "[a b](https://x.example/%281%29%202)");
        assert_eq!(html("a < b & \"c\"\nd"), "a &lt; b &amp; &quot;c&quot;<br>d");
    }

    #[test]
    fn whatsapp_shows_what_is_written() {
        assert_eq!(whatsapp("*a* _b_ https://x.example/a_b_c"), "*\u{200b}a*\u{200b} _\u{200b}b_\u{200b} https://x.example/a_b_c");
        assert_eq!(whatsapp("HIGH: disk full"), "HIGH: disk full");
    }
}
