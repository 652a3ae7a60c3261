//! The forms that Twilio is sent.

use serde_json::json;

use super::Settings;
use crate::http::callback;
use crate::provider::Outgoing;
use crate::render::cut;

/// `Body` of a message, in characters.
const LONGEST_BODY: usize = 1600;
/// `Twiml` of a call, in characters.
const LONGEST_TWIML: usize = 4000;
/// `ValidityPeriod`, in seconds: ten hours, Twilio's own default.
const LONGEST_VALIDITY_S: i64 = 36_000;
/// How long a call rings, in seconds: about six rings, and shorter than most voice mails wait.
const RING_S: u8 = 30;
/// How long a key press is waited for, in seconds.
const KEY_PRESS_S: u8 = 10;

pub type Form = Vec<(&'static str, String)>;

pub fn sms(settings: &Settings, name: &str, to: &str, message: &Outgoing) -> Option<Form> {
    let sender = match (&settings.messaging_service_sid, &settings.sms_from) {
        (Some(service), _) => ("MessagingServiceSid", service.clone()),
        (None, Some(number)) => ("From", number.clone()),
        (None, None) => return None,
    };
    let mut form = vec![("To", to.to_owned()), sender, ("Body", cut(&message.content.short, LONGEST_BODY))];
    receipts(&mut form, name, message);
    Some(form)
}

pub fn whatsapp(settings: &Settings, name: &str, to: &str, message: &Outgoing) -> Option<Form> {
    let from = settings.whatsapp_from.as_ref()?;
    let mut form = vec![("To", format!("whatsapp:{to}")), ("From", format!("whatsapp:{from}"))];
    if let Some(template) = &settings.whatsapp_content_sid {
        // Variables of a template take no line ends.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let variables = json!({"1": flat(&message.content.subject), "2": flat(&message.content.short)});
        form.extend([("ContentSid", template.clone()), ("ContentVariables", variables.to_string())]);
    } else {
        form.push(("Body", cut(&message.content.short, LONGEST_BODY)));
    }
    receipts(&mut form, name, message);
    Some(form)
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
    let key_press = base.map(|base| callback(base, &[name, "gather"], delivery));
    let twiml = twiml(&message.content.speech, &message.content.locale, key_press.as_deref());
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

/// What is said, twice: who is woken by a call misses the beginning. With a key press to wait for, or without.
fn twiml(speech: &str, locale: &str, key_press: Option<&str>) -> String {
    let language = voice(locale);
    let (before, after) = match key_press {
        Some(url) => (format!("<Gather numDigits=\"1\" timeout=\"{KEY_PRESS_S}\" action=\"{}\">", escape(url)), "</Gather>"),
        None => (String::new(), ""),
    };
    let around = format!("<Response>{before}<Say language=\"{language}\" loop=\"2\"></Say>{after}</Response>").chars().count();
    let mut room = LONGEST_TWIML.saturating_sub(around);
    let mut said = String::new();
    for letter in speech.chars() {
        let written = escape(letter.encode_utf8(&mut [0; 4]));
        let Some(left) = room.checked_sub(written.chars().count()) else { break };
        room = left;
        said.push_str(&written);
    }
    format!("<Response>{before}<Say language=\"{language}\" loop=\"2\">{said}</Say>{after}</Response>")
}

/// XML, in text and in attributes. Control characters, which XML 1.0 has no form for, become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            control if control.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The voice that reads a language. A tag that Twilio does not know would end the call unheard.
fn voice(locale: &str) -> &'static str {
    let mut parts = locale.split('-');
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    let region = parts.next_back().unwrap_or_default().to_ascii_uppercase();
    match (language.as_str(), region.as_str()) {
        ("de", _) => "de-DE",
        ("en", "GB") => "en-GB",
        ("en", "AU") => "en-AU",
        ("es", _) => "es-ES",
        ("fr", "CA") => "fr-CA",
        ("fr", _) => "fr-FR",
        ("it", _) => "it-IT",
        ("nl", _) => "nl-NL",
        ("pl", _) => "pl-PL",
        ("pt", "BR") => "pt-BR",
        ("pt", _) => "pt-PT",
        _ => "en-US",
    }
}
