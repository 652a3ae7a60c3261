//! Keys pressed during a call: 1 accepts the alert on behalf of whom the call was for, 2 resolves it, 3 says that it is not theirs, and
//! 9 has it said again. After another key, or none, the call asks again, a few times.

use http::Response;
use watchbell_core::{Channel, DeliveryId};

use super::super::{KEY_PATH, twiml};
use super::receipt::is_machine;
use super::{Form, value};
use crate::http::callback;
use crate::inbound::{Action, Answer, AnswerTo, Change, Effect, Heard, Notice, Reply, Request, Subject, Words, response};
use crate::phrase::{Phrase, Since, Wording};

/// How often a call asks for a key.
const MOST_ASKED: u8 = 4;

/// Has the message said again.
const AGAIN: &str = "9";

/// Which time it is that a key was asked for, in the URL that is told of it; the first has none.
const ASKED: &str = "asked";

/// Where a key press was told, and where the next one shall be.
pub struct Place<'p> {
    /// The provider's table.
    pub name: &'p str,
    pub request: &'p Request<'p>,
}

/// What a key press says, and what is said back in the call.
pub fn heard(form: &Form, delivery: DeliveryId, place: &Place<'_>) -> Heard {
    let asked = place.request.query(ASKED).and_then(|text| text.parse::<u8>().ok()).unwrap_or(1);
    let key = value(form, "Digits").to_owned();
    // A voice mail that plays tones has not answered.
    let action = if is_machine(value(form, "AnsweredBy")) { None } else { action(&key) };
    let again = callback(place.request.public_url, &[place.name, KEY_PATH], delivery.as_str());
    let next = (asked < MOST_ASKED).then(|| format!("{again}&{ASKED}={}", asked + 1));
    let call = Some(value(form, "CallSid")).filter(|id| !id.is_empty()).map(str::to_owned);
    let of = Subject { delivery, channels: &[Channel::Voice], message_id: call };
    Heard {
        notices: vec![Notice::Answer(Answer { of: AnswerTo::Delivery(of), action, by: None })],
        reply: Reply::worded(move |effects, words| reply(effects.first(), words, &key, action, next.as_deref())),
    }
}

fn action(key: &str) -> Option<Action> {
    match key {
        "1" => Some(Action::Accept),
        "2" => Some(Action::Resolve),
        "3" => Some(Action::Decline),
        _ => None,
    }
}

/// `next` is where the next key is told, if one is asked for again.
fn reply(effect: Option<&Effect>, words: &dyn Words, key: &str, action: Option<Action>, next: Option<&str>) -> Response<String> {
    let locale = effect.map_or("", |effect| effect.locale.as_str());
    let end = |phrase, since: Option<&Since>| {
        let Wording { text, language } = words.say(phrase, locale, since);
        twiml::say(&text, &language, 1)
    };
    let verb = match (effect.map_or(&Change::Unknown, |effect| &effect.change), next) {
        (Change::Unknown | Change::Stranger | Change::Expired, _) => end(Phrase::CallUnknown, None),
        (Change::Done, _) => end(
            match action {
                Some(Action::Resolve) => Phrase::CallResolved,
                Some(Action::Decline) => Phrase::CallDeclined,
                Some(Action::Accept) | None => Phrase::CallAccepted,
            },
            None,
        ),
        (Change::Over(since), _) => end(Phrase::CallOver, since.as_ref()),
        (Change::Nothing, None) => end(Phrase::CallEnded, None),
        (Change::Nothing, Some(next)) => {
            let again = effect.map(|effect| effect.said.as_str()).filter(|said| key == AGAIN && !said.is_empty());
            let Wording { text, language } = match again {
                Some(said) => Wording { text: said.to_owned(), language: locale.to_owned() },
                None => words.say(if key.is_empty() { Phrase::CallNoKey } else { Phrase::CallWrongKey }, locale, None),
            };
            let text = format!("{text} {}", words.say(Phrase::CallMenu, locale, None).text);
            twiml::ask(&text, &language, 1, next)
        }
    };
    response("text/xml; charset=utf-8", format!(r#"<?xml version="1.0" encoding="UTF-8"?>{}"#, twiml::response(&verb)))
}
