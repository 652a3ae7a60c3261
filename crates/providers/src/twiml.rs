//! What is said during a call, in Twilio's markup, which Telnyx reads as well.

use http::Response;

use crate::inbound;
use crate::provider::Content;

/// How long a key press is waited for, in seconds.
const KEY_PRESS_S: u8 = 10;

/// Says something and waits for a key, or for none: either is told to `action`, which answers with what comes next.
pub fn ask(text: &str, language: &str, times: u8, action: &str) -> String {
    let say = say(text, language, times);
    let action = escape(action);
    format!("<Gather numDigits=\"1\" timeout=\"{KEY_PRESS_S}\" actionOnEmptyResult=\"true\" action=\"{action}\">{say}</Gather>")
}

/// Says something so many times.
pub fn say(text: &str, language: &str, times: u8) -> String {
    let loops = if times == 1 { String::new() } else { format!(" loop=\"{times}\"") };
    format!("<Say language=\"{}\"{loops}>{}</Say>", voice(language), escape(text))
}

/// Replies to a message.
pub fn message(text: &str) -> String {
    format!("<Message>{}</Message>", escape(text))
}

/// As [`ask`], for services that may tell nothing where no key was pressed: then `action` is asked what comes next.
pub fn ask_or_go_on(text: &str, language: &str, times: u8, action: &str) -> String {
    format!("{}<Redirect method=\"POST\">{}</Redirect>", ask(text, language, times, action), escape(action))
}

/// What a call says: the message, and which keys do what, if there is an `action` that is told of one, as `ask` waits for it. All is
/// said twice: who is woken by a call misses the beginning. Of the message as much as makes no more than `longest` characters.
pub fn call(content: &Content, action: Option<&str>, longest: usize, ask: fn(&str, &str, u8, &str) -> String) -> String {
    const TIMES: u8 = 2;
    let whole = |speech: &str| {
        response(&match action {
            Some(action) => ask(&format!("{speech} {}", content.menu), &content.locale, TIMES, action),
            None => say(speech, &content.locale, TIMES),
        })
    };
    whole(&content.speech.fit(|speech| whole(speech).chars().count() <= longest))
}

/// The whole of what the service does, of what is asked or said.
pub fn response(verb: &str) -> String {
    format!("<Response>{verb}</Response>")
}

/// The same as an answer to the service.
pub fn reply(verb: &str) -> Response<String> {
    inbound::response("text/xml; charset=utf-8", format!(r#"<?xml version="1.0" encoding="UTF-8"?>{}"#, response(verb)))
}

/// Whether a call was answered by a machine or a fax, as `AnsweredBy` says it: `machine_start`, `machine_end_beep`, ….
pub fn is_machine(answered_by: &str) -> bool {
    answered_by.starts_with("machine") || answered_by == "fax"
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

/// The language in which a text is read. A tag that Twilio does not know would end the call unheard; where it has none for a language, that
/// of the last resort reads it as well as it can. The languages are those of `<Say>`'s page.
pub fn voice(language: &str) -> &'static str {
    let mut parts = language.split(['-', '_']);
    let primary = parts.next().unwrap_or_default().to_ascii_lowercase();
    let region = parts.next_back().unwrap_or_default().to_ascii_uppercase();
    match (primary.as_str(), region.as_str()) {
        ("ca", _) => "ca-ES",
        ("da", _) => "da-DK",
        ("de", _) => "de-DE",
        ("en", "AU" | "NZ") => "en-AU",
        ("en", "CA") => "en-CA",
        ("en", "GB" | "IE") => "en-GB",
        ("en", "IN") => "en-IN",
        ("es", "" | "ES") => "es-ES",
        ("es", _) => "es-MX",
        ("fi", _) => "fi-FI",
        ("fr", "CA") => "fr-CA",
        ("fr", _) => "fr-FR",
        ("it", _) => "it-IT",
        ("ja", _) => "ja-JP",
        ("ko", _) => "ko-KR",
        ("nb" | "nn" | "no", _) => "nb-NO",
        ("nl", _) => "nl-NL",
        ("pl", _) => "pl-PL",
        ("pt", "BR") => "pt-BR",
        ("pt", _) => "pt-PT",
        ("ru", _) => "ru-RU",
        ("sv", _) => "sv-SE",
        ("zh", "HK" | "MO") => "zh-HK",
        ("zh", "TW" | "HANT") => "zh-TW",
        ("zh", _) => "zh-CN",
        _ => "en-US",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_voice() {
        let table = [
            ("en", "en-US"),
            ("en-GB", "en-GB"),
            ("en-ie", "en-GB"),
            ("de-AT", "de-DE"),
            ("fr", "fr-FR"),
            ("fr-CA", "fr-CA"),
            ("pt-BR", "pt-BR"),
            ("zh-Hant-TW", "zh-TW"),
            ("es-AR", "es-MX"),
            ("sv", "sv-SE"),
            ("tlh", "en-US"),
            ("", "en-US"),
        ];
        for (language, expected) in table {
            assert_eq!(voice(language), expected, "{language}");
        }
    }

    #[test]
    fn what_is_said_is_no_markup() {
        assert_eq!(
            response(&ask("<Hangup/> & \u{7}", "de", 1, "https://bell.example.org/?a=1&b=\"")),
            "<Response><Gather numDigits=\"1\" timeout=\"10\" actionOnEmptyResult=\"true\" \
             action=\"https://bell.example.org/?a=1&amp;b=&quot;\"><Say language=\"de-DE\">&lt;Hangup/&gt; &amp;  </Say></Gather></Response>"
        );
    }
}
