//! Texts that are read aloud.

use minijinja::Environment;

use super::text::one_line;

/// An id with more characters than this is a machine's, and is not spelled.
const LONGEST_SPELLED: usize = 16;

pub fn register(templates: &mut Environment<'static>) {
    templates.add_filter("spoken", |text: String| spoken(&text));
    templates.add_filter("spell", |text: String| spell(&text));
}

/// Without what nobody wants to hear: addresses become the word that everybody knows, marks of machines become pauses.
pub fn spoken(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains("://") || word.starts_with("www.") { "link" } else { word });
    let said: String = words.collect::<Vec<_>>().join(" ").chars().map(|c| if "_*#|<>{}[]\\^~`=".contains(c) { ' ' } else { c }).collect();
    // The template ends the sentence.
    one_line(&said).trim_end_matches(['.', ' ']).to_owned()
}

/// Letter by letter: "A, 7". Of a long id the last characters, which differ.
pub fn spell(text: &str) -> String {
    let letters: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let letters = if letters.len() > LONGEST_SPELLED { &letters[letters.len() - 4..] } else { &letters[..] };
    letters.iter().map(|letter| letter.to_uppercase().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_made_to_be_heard() {
        assert_eq!(spoken("disk_full on *db-1*, see https://x.example.org/7."), "disk full on db-1 , see link");
        assert_eq!(spell("A-17"), "A, 1, 7");
        assert_eq!(spell("550e8400-e29b-41d4-a716-446655440000"), "0, 0, 0, 0");
        assert_eq!(spell(""), "");
    }
}
