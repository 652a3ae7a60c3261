//! What people write to one of our numbers, by SMS or WhatsApp, and buttons that they press there.
//!
//! It comes by a callback, or is fetched ([`super::poll`]); what it says is the same, and only the reply goes another way.

use http::Response;
use watchbell_core::{Channel, Secret};

use super::{Form, value};
use crate::consent::{self, Keyword};
use crate::inbound::{Answer, AnswerTo, Consent, Effect, Heard, Notice, Reply, Text, button, response};
use crate::twiml;

/// What stands before the numbers of WhatsApp.
const WHATSAPP: &str = "whatsapp:";

/// A message that came to one of our numbers.
#[derive(Debug, Default)]
pub struct Said<'s> {
    pub id: &'s str,
    pub from: &'s str,
    pub body: &'s str,
    /// `STOP`, `START` or `HELP`, where Twilio has acted on it.
    pub opt_out_type: &'s str,
    /// The payload of a template's button that was pressed.
    pub button: &'s str,
    /// The message that it is a reply to.
    pub replies_to: &'s str,
}

impl<'s> Said<'s> {
    pub fn of(form: &'s Form) -> Self {
        Self {
            id: Some(value(form, "MessageSid")).filter(|id| !id.is_empty()).unwrap_or_else(|| value(form, "SmsSid")),
            from: value(form, "From"),
            body: value(form, "Body"),
            opt_out_type: value(form, "OptOutType"),
            button: value(form, "ButtonPayload"),
            replies_to: value(form, "OriginalRepliedMessageSid"),
        }
    }

    pub fn notices(&self) -> Vec<Notice> {
        // SMS, WhatsApp and calls share the phone.
        const BY_SMS: &[Channel] = &[Channel::Sms, Channel::Whatsapp, Channel::Voice];
        const BY_WHATSAPP: &[Channel] = &[Channel::Whatsapp, Channel::Sms, Channel::Voice];
        let (channels, number) = match self.from.strip_prefix(WHATSAPP) {
            Some(number) => (BY_WHATSAPP, number),
            None => (BY_SMS, self.from),
        };
        if let Some((action, token)) = button(self.button) {
            return vec![Notice::Answer(Answer { of: AnswerTo::Token(token), action: Some(action), by: None })];
        }
        let consent = |is_in| Notice::Consent(Consent { channels, address: Secret::new(number), is_in });
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let text = Notice::Text(Text {
            channels,
            from: Secret::new(number),
            by: None,
            replies_to: given(self.replies_to),
            message_id: given(self.id),
            text: Secret::new(self.body),
            locale: String::new(),
        });
        let keyword = match self.opt_out_type {
            "STOP" => Some(Keyword::Out),
            "START" => Some(Keyword::In),
            "HELP" => Some(Keyword::Help),
            _ => consent::keyword(self.body),
        };
        match keyword {
            Some(Keyword::Out) => vec![consent(false)],
            // YES is both.
            Some(Keyword::In) => vec![consent(true), text],
            Some(Keyword::Help) => Vec::new(),
            None => vec![text],
        }
    }
}

/// What a form says, with the reply in the answer to Twilio's call.
pub fn heard(form: &Form) -> Heard {
    let reply = Reply::worded(|effects, _| {
        let verb = said(effects).map(twiml::message).unwrap_or_default();
        twiml::reply(&verb)
    });
    Heard { notices: Said::of(form).notices(), reply }
}

/// What a fetched message says, with the reply as a message to be sent: from whom, to whom, and what.
pub fn fetched(said: &Said<'_>, to: &str) -> Heard {
    let (own, other) = (to.to_owned(), said.from.to_owned());
    let reply = Reply::worded(move |effects, _| match self::said(effects) {
        Some(text) => {
            let form = [("From", own.as_str()), ("To", &other), ("Body", text)];
            response("application/x-www-form-urlencoded", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish())
        }
        None => Response::new(String::new()),
    });
    Heard { notices: said.notices(), reply }
}

/// What is to be said of what came of it.
fn said(effects: &[Effect]) -> Option<&str> {
    effects.iter().map(|effect| effect.said.as_str()).find(|said| !said.is_empty())
}
