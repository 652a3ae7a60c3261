//! The forms that Twilio is sent.

use serde_json::json;

use super::{KEY_PATH, Settings};
use crate::http::callback;
use crate::provider::Outgoing;
use crate::{markup, twiml};

/// `Body` of a message, in characters.
const LONGEST_BODY: usize = 1600;
/// `Twiml` of a call, in characters.
const LONGEST_TWIML: usize = 4000;
/// `ValidityPeriod`, in seconds: ten hours, Twilio's own default.
const LONGEST_VALIDITY_S: i64 = 36_000;
/// How long a call rings, in seconds: about six rings, and shorter than most voice mails wait.
const RING_S: u8 = 30;
pub type Form = Vec<(&'static str, String)>;

pub fn sms(settings: &Settings, name: &str, to: &str, message: &Outgoing) -> Option<Form> {
    let sender = match (&settings.messaging_service_sid, &settings.sms_from) {
        (Some(service), _) => ("MessagingServiceSid", service.clone()),
        (None, Some(number)) => ("From", number.clone()),
        (None, None) => return None,
    };
    let mut form = vec![("To", to.to_owned()), sender, ("Body", message.content.short.fit(is_body))];
    receipts(&mut form, name, message);
    Some(form)
}

pub fn whatsapp(settings: &Settings, name: &str, to: &str, message: &Outgoing) -> Option<Form> {
    let from = settings.whatsapp_from.as_ref()?;
    let mut form = vec![("To", format!("whatsapp:{to}")), ("From", format!("whatsapp:{from}"))];
    if let Some(template) = &settings.whatsapp_content_sid {
        // Variables of a template take no line ends.
        let flat = |text: &str| markup::whatsapp(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut variables = json!({"1": flat(&message.content.subject), "2": flat(&message.content.short)});
        if settings.whatsapp_buttons {
            // A template's variable must not be empty; what cannot be answered has buttons that say so.
            variables["3"] = message.answer.as_ref().map_or("none", |answer| answer.token.expose()).into();
        }
        form.extend([("ContentSid", template.clone()), ("ContentVariables", variables.to_string())]);
    } else {
        form.push(("Body", markup::whatsapp(&message.content.short.fit(|text| is_body(&markup::whatsapp(text))))));
    }
    receipts(&mut form, name, message);
    Some(form)
}

fn is_body(text: &str) -> bool {
    text.chars().count() <= LONGEST_BODY
}

fn receipts(form: &mut Form, name: &str, message: &Outgoing) {
    if let Some(base) = &message.callback_base {
        form.push(("StatusCallback", callback(base, &[name], message.delivery_id.as_str())));
    }
    if let Some(expires_at) = message.expires_at {
        let seconds = expires_at.ms_since(message.now) / 1000;
        form.push(("ValidityPeriod", seconds.clamp(1, LONGEST_VALIDITY_S).to_string()));
    }
}

pub fn call(settings: &Settings, name: &str, to: &str, message: &Outgoing) -> Option<Form> {
    let from = settings.voice_from.as_ref()?;
    let base = message.callback_base.as_deref();
    let delivery = message.delivery_id.as_str();
    let content = &message.content;
    // Where nothing can be chosen, or nobody would hear of it, no key is waited for.
    let action = base.filter(|_| !content.menu.is_empty()).map(|base| callback(base, &[name, KEY_PATH], delivery));
    let twiml = twiml::call(content, action.as_deref(), LONGEST_TWIML, twiml::ask);
    let mut form = vec![
        ("To", to.to_owned()),
        ("From", from.clone()),
        ("Twiml", twiml),
        ("Timeout", RING_S.to_string()),
        // Answered by a machine is not an answer; the receipt says by whom.
        ("MachineDetection", "Enable".to_owned()),
    ];
    if let Some(base) = base {
        form.extend([("StatusCallback", callback(base, &[name], delivery)), ("StatusCallbackEvent", "completed".to_owned())]);
    }
    Some(form)
}
