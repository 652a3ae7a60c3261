//! The words by which people tell their carrier, or us, that they want no more messages, or want them again.
//!
//! Carriers and providers act on them by themselves (CTIA's messaging principles; Twilio's and others' default lists), so none of
//! them can be an answer to an alert, but `YES`, which is both.

/// What a text says of being written to, if it is one of those words and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Out,
    In,
    /// It asks who we are: the provider answers that where it knows how.
    Help,
}

const OUT: [&str; 8] = ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"];
const IN: [&str; 3] = ["start", "yes", "unstop"];
const HELP: [&str; 2] = ["help", "info"];

/// Case and what stands around the word are forgiven, as carriers forgive them.
pub fn keyword(text: &str) -> Option<Keyword> {
    let word = text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let is_among = |list: &[&str]| list.contains(&word.as_str());
    match () {
        () if is_among(&OUT) => Some(Keyword::Out),
        () if is_among(&IN) => Some(Keyword::In),
        () if is_among(&HELP) => Some(Keyword::Help),
        () => None,
    }
}

/// The words that can be no answer.
pub fn reserved() -> impl Iterator<Item = &'static str> {
    OUT.into_iter().chain(IN).chain(HELP).filter(|word| *word != "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_stands_alone() {
        let table = [
            ("STOP", Some(Keyword::Out)),
            (" stop. ", Some(Keyword::Out)),
            ("Unsubscribe!", Some(Keyword::Out)),
            ("Yes", Some(Keyword::In)),
            ("START", Some(Keyword::In)),
            ("help", Some(Keyword::Help)),
            ("stop it", None),
            ("don't stop", None),
            ("1", None),
            ("", None),
        ];
        for (text, keyword) in table {
            assert_eq!(super::keyword(text), keyword, "{text}");
        }
        assert!(reserved().all(|word| word != "yes"));
    }
}
