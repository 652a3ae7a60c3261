//! Keys pressed during a call.

use http::Response;
use watchbell_core::{Channel, DeliveryId};

use super::super::KEY_PATH;
use super::{Form, value};
use crate::call_menu::{Pressed, Said};
use crate::inbound::{Heard, Request, Subject};
use crate::twiml;

/// What a key press says, and what is said back in the call. `name` is the provider's table.
pub fn heard(form: &Form, delivery: DeliveryId, name: &str, request: &Request<'_>) -> Heard {
    // A voice mail that plays tones has not answered.
    let is_machine = twiml::is_machine(value(form, "AnsweredBy"));
    let pressed = Pressed::new(request, &[name, KEY_PATH], &delivery, value(form, "Digits"), is_machine);
    let call = Some(value(form, "CallSid")).filter(|id| !id.is_empty()).map(str::to_owned);
    pressed.heard(Subject { delivery, channels: &[Channel::Voice], message_id: call }, speak)
}

fn speak(said: &Said) -> Response<String> {
    twiml::reply(&match &said.next {
        Some(next) => twiml::ask(&said.text, &said.language, 1, next),
        None => twiml::say(&said.text, &said.language, 1),
    })
}
