//! What a text that somebody wrote says: an action, a code, or that all is meant.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use watchbell_core::answer_code;
use watchbell_core::event::Action;

/// The lists, compiled in.
const LISTS: &str = include_str!("words.txt");

/// Longer texts are no answers, in characters.
const LONGEST: usize = 80;

/// What a text says. Nothing is set where it is no answer at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub action: Option<Action>,
    /// In upper case; a beginning of one, as messages show it.
    pub code: Option<String>,
    pub is_all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Action(Action),
    All,
    Beside,
}

static WORDS: LazyLock<HashMap<String, Means>> =
    LazyLock::new(|| lists().map(|(_, phrase, means)| (folded(phrase).join(" "), means)).collect());

/// Every phrase with its language and what it means.
fn lists() -> impl Iterator<Item = (&'static str, &'static str, Means)> {
    let lines = LISTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (head, phrases) = line.split_once(':')?;
            let (language, means) = head.split_once(' ')?;
            let means = match means {
                "accept" => Means::Action(Action::Accept),
                "resolve" => Means::Action(Action::Resolve),
                "decline" => Means::Action(Action::Decline),
                "all" => Means::All,
                "beside" => Means::Beside,
                _ => return None,
            };
            Some(phrases.split(',').map(move |phrase| (language, phrase.trim(), means)))
        })
        .flatten()
}

/// Reads a text. Case, punctuation, accents and blanks are forgiven, and so is what stands beside an answer out of politeness.
pub fn read(text: &str) -> Reading {
    let mut reading = Reading::default();
    if text.chars().count() > LONGEST {
        return reading;
    }
    let mut rest = Vec::new();
    for word in folded(text) {
        let upper = word.to_uppercase();
        if answer_code::is_code(&upper) && reading.code.is_none() {
            reading.code = Some(upper);
        } else {
            rest.push(word);
        }
    }
    // The longest phrase that begins here, one after the other: what is no known phrase makes it no answer.
    let mut words = rest.as_slice();
    while !words.is_empty() {
        let known = (1..=words.len()).rev().find_map(|count| Some((count, *WORDS.get(&words[..count].join(" "))?)));
        let Some((count, means)) = known else { return Reading::default() };
        match means {
            Means::Action(action) if reading.action.is_none_or(|said| said == action) => reading.action = Some(action),
            // "Yes" and "no" in one text.
            Means::Action(_) => return Reading::default(),
            Means::All => reading.is_all = true,
            Means::Beside => {}
        }
        words = &words[count..];
    }
    reading
}

/// The words of a text as they are compared.
fn folded(text: &str) -> Vec<String> {
    let is_dropped =
        |c: &char| is_combining_mark(*c) || matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}');
    let letters: String = text.nfkd().filter(|c| !is_dropped(c)).flat_map(char::to_lowercase).collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for c in letters.chars() {
        if c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        // An emoji is a word by itself; it may be said twice.
        if !c.is_ascii() && !c.is_whitespace() && !c.is_control() && words.last().is_none_or(|last| *last != c.to_string()) {
            words.push(c.to_string());
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(action: Action, code: Option<&str>, is_all: bool) -> Reading {
        Reading { action: Some(action), code: code.map(str::to_owned), is_all }
    }

    #[test]
    fn every_word_means_one_thing_and_none_is_a_carriers() {
        let mut known: HashMap<String, (Means, &str)> = HashMap::new();
        for (language, phrase, means) in lists() {
            let folded = folded(phrase).join(" ");
            assert!(!folded.is_empty(), "{phrase}");
            if let Some((other, by)) = known.insert(folded.clone(), (means, language)) {
                assert_eq!(other, means, "`{phrase}` of {language} means something else in {by}");
            }
            assert!(watchbell_providers::consent::reserved().all(|word| word != folded), "{phrase}");
        }
        for language in ["en", "de", "fr", "es", "it", "nl", "pt"] {
            for action in Action::ALL {
                assert!(lists().any(|(of, _, means)| of == language && means == Means::Action(*action)), "{language} {action}");
            }
        }
    }

    #[test]
    fn every_listed_word_is_read_as_what_it_means() {
        for (language, phrase, means) in lists() {
            let Means::Action(action) = means else { continue };
            for text in [phrase.to_owned(), format!("  {}!! ", phrase.to_uppercase()), format!("{phrase}.")] {
                assert_eq!(read(&text), answer(action, None, false), "{language}: {text}");
            }
        }
    }

    #[test]
    fn codes_and_politeness_may_stand_beside_an_answer() {
        use Action::{Accept, Decline, Resolve};
        let table = [
            ("1", answer(Accept, None, false)),
            ("１", answer(Accept, None, false)),
            ("1 A7", answer(Accept, Some("A7"), false)),
            ("A7 1", answer(Accept, Some("A7"), false)),
            ("ack a7", answer(Accept, Some("A7"), false)),
            ("a7: ACK!", answer(Accept, Some("A7"), false)),
            ("2 a7k3", answer(Resolve, Some("A7K3"), false)),
            ("1 all", answer(Accept, None, true)),
            ("alle ok", answer(Accept, None, true)),
            ("Ja, danke!", answer(Accept, None, false)),
            ("👍🏽", answer(Accept, None, false)),
            ("👍👍", answer(Accept, None, false)),
            ("ok 👍", answer(Accept, None, false)),
            ("si", answer(Accept, None, false)),
            ("Nao posso", answer(Decline, None, false)),
            ("I\u{2019}m on it", answer(Accept, None, false)),
            ("all", Reading { is_all: true, ..Reading::default() }),
            ("A7", Reading { code: Some("A7".to_owned()), ..Reading::default() }),
        ];
        for (text, reading) in table {
            assert_eq!(read(text), reading, "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for text in
            ["", "   ", "who is this?", "ok but why", "yes no", "1 2", "4", "11", "stop", "call me", &"ok ".repeat(40), "1.5", "ok\u{0}x"]
        {
            assert_eq!(read(text).action, None, "{text}");
        }
    }
}
