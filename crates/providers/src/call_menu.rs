//! Keys pressed during a call, whoever makes it: 1 accepts the alert on behalf of whom the call was for, 2 resolves it, 3 says that
//! it is not theirs, and 9 has it said again. After another key, or none, the call asks again, a few times.
//!
//! A kind says how its service tells a key, and how it is told what to say next ([`Said`]).

use http::Response;
use watchbell_core::DeliveryId;

use crate::http::callback;
use crate::inbound::{Action, Answer, AnswerTo, Change, Effect, Heard, Notice, Reply, Request, Subject, Words};
use crate::phrase::{Phrase, Since, Wording};

/// How often a call asks for a key.
const MOST_ASKED: u8 = 4;

/// Has the message said again.
const AGAIN: &str = "9";

/// Which time it is that a key was asked for, in the URL that is told of it; the first has none.
const ASKED: &str = "asked";

/// A key that was pressed, or that none was.
#[derive(Debug)]
pub struct Pressed {
    /// Empty for none.
    key: String,
    action: Option<Action>,
    /// Where the next key is told, if one is asked for again.
    next: Option<String>,
}

/// What is said in the call.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub text: String,
    /// BCP 47.
    pub language: String,
    /// Where a key is told that is waited for afterwards; None where the call ends.
    pub next: Option<String>,
}

impl Pressed {
    /// A key that a request tells, which came to `segments` below `/callbacks`. What a machine that answered plays is no answer.
    pub fn new(request: &Request<'_>, segments: &[&str], delivery: &DeliveryId, key: &str, is_machine: bool) -> Self {
        let asked = request.query(ASKED).and_then(|text| text.parse::<u8>().ok()).unwrap_or(1);
        let again = callback(request.public_url, segments, delivery.as_str());
        let next = (asked < MOST_ASKED).then(|| format!("{again}&{ASKED}={}", asked + 1));
        let action = match key {
            _ if is_machine => None,
            "1" => Some(Action::Accept),
            "2" => Some(Action::Resolve),
            "3" => Some(Action::Decline),
            _ => None,
        };
        Self { key: key.to_owned(), action, next }
    }

    /// What it says of a call, and what is said back, as `speak` has it.
    pub fn heard(self, of: Subject, speak: impl FnOnce(&Said) -> Response<String> + Send + 'static) -> Heard {
        Heard {
            notices: vec![Notice::Answer(Answer { of: AnswerTo::Delivery(of), action: self.action, by: None })],
            reply: Reply::worded(move |effects, words| speak(&self.said(effects.first(), words))),
        }
    }

    fn said(self, effect: Option<&Effect>, words: &dyn Words) -> Said {
        let locale = effect.map_or("", |effect| effect.locale.as_str());
        let end = |phrase, since: Option<&Since>| {
            let Wording { text, language } = words.say(phrase, locale, since);
            Said { text, language, next: None }
        };
        match (effect.map_or(&Change::Unknown, |effect| &effect.change), self.next) {
            (Change::Unknown | Change::Stranger | Change::Expired, _) => end(Phrase::CallUnknown, None),
            (Change::Done, _) => end(
                match self.action {
                    Some(Action::Resolve) => Phrase::CallResolved,
                    Some(Action::Decline) => Phrase::CallDeclined,
                    Some(Action::Accept) | None => Phrase::CallAccepted,
                },
                None,
            ),
            (Change::Over(since), _) => end(Phrase::CallOver, since.as_ref()),
            (Change::Nothing, None) => end(Phrase::CallEnded, None),
            (Change::Nothing, next) => {
                let again = effect.map(|effect| effect.said.as_str()).filter(|said| self.key == AGAIN && !said.is_empty());
                let Wording { text, language } = match again {
                    Some(said) => Wording { text: said.to_owned(), language: locale.to_owned() },
                    None => words.say(if self.key.is_empty() { Phrase::CallNoKey } else { Phrase::CallWrongKey }, locale, None),
                };
                Said { text: format!("{text} {}", words.say(Phrase::CallMenu, locale, None).text), language, next }
            }
        }
    }
}
