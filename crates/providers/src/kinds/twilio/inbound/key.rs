//! Keys pressed during a call. 1 accepts the alert on behalf of whom the call was for; after another key, or none, the call asks
//! again, a few times.

use http::Response;
use watchbell_core::{Channel, DeliveryId};

use super::super::{KEY_PATH, twiml};
use super::{Form, value};
use crate::http::callback;
use crate::inbound::{Action, Answer, AnswerTo, Change, Effect, Heard, Notice, Reply, Request, Subject, Words, response};
use crate::phrase::{Phrase, Since, Wording};

/// How often a call asks for a key.
const MOST_ASKED: u8 = 3;

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
    let action = (key == "1").then_some(Action::Accept);
    let again = callback(place.request.public_url, &[place.name, KEY_PATH], delivery.as_str());
    let next = (asked < MOST_ASKED).then(|| format!("{again}&{ASKED}={}", asked + 1));
    let call = Some(value(form, "CallSid")).filter(|id| !id.is_empty()).map(str::to_owned);
    let of = Subject { delivery, channels: &[Channel::Voice], message_id: call };
    Heard {
        notices: vec![Notice::Answer(Answer { of: AnswerTo::Delivery(of), action, by: None })],
        reply: Reply::worded(move |effects, words| reply(effects.first(), words, &key, next.as_deref())),
    }
}

/// `next` is where the next key is told, if one is asked for again.
fn reply(effect: Option<&Effect>, words: &dyn Words, key: &str, next: Option<&str>) -> Response<String> {
    let locale = effect.map_or("", |effect| effect.locale.as_str());
    let end = |phrase, since: Option<&Since>| {
        let Wording { text, language } = words.say(phrase, locale, since);
        twiml::say(&text, &language, 1)
    };
    let verb = match (effect.map_or(&Change::Unknown, |effect| &effect.change), next) {
        (Change::Unknown | Change::Stranger | Change::Expired, _) => end(Phrase::CallUnknown, None),
        (Change::Done, _) => end(Phrase::CallAccepted, None),
        (Change::Over(since), _) => end(Phrase::CallOver, since.as_ref()),
        (Change::Nothing, None) => end(Phrase::CallEnded, None),
        (Change::Nothing, Some(next)) => {
            let Wording { text, language } = words.say(if key.is_empty() { Phrase::CallNoKey } else { Phrase::CallWrongKey }, locale, None);
            let text = format!("{text} {}", words.say(Phrase::CallMenu, locale, None).text);
            twiml::ask(&text, &language, 1, next)
        }
    };
    response("text/xml; charset=utf-8", format!(r#"<?xml version="1.0" encoding="UTF-8"?>{}"#, twiml::response(&verb)))
}
