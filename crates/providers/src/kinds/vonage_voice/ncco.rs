//! What a call does, in Vonage's words: a list of actions, one after the other.

use serde_json::{Value, json};

use crate::provider::Content;
use crate::twiml;

/// What can be said at once, in characters.
const LONGEST_TEXT: usize = 1500;
/// How long a key is waited for, in seconds; Vonage's longest.
const KEY_PRESS_S: u8 = 10;
/// What is said is said twice: who is woken by a call misses the beginning.
const TIMES: u8 = 2;

/// What a call says, and which keys do what, if there is somebody who is told of one.
pub fn first(content: &Content, key_url: Option<&str>) -> Value {
    match key_url {
        Some(key_url) => {
            let whole = |speech: &str| format!("{speech} {}", content.menu);
            let text = whole(&content.speech.fit(|speech| whole(speech).chars().count() <= LONGEST_TEXT));
            ask(&text, &content.locale, TIMES, key_url)
        }
        None => say(&content.speech.fit(|speech| speech.chars().count() <= LONGEST_TEXT), &content.locale, TIMES),
    }
}

/// Says something and waits for a key, or for none: either is told to `key_url`, which answers with what comes next.
pub fn ask(text: &str, language: &str, times: u8, key_url: &str) -> Value {
    json!([talk(text, language, times, true), {
        "action": "input", "type": ["dtmf"], "dtmf": { "maxDigits": 1, "timeOut": KEY_PRESS_S }, "eventUrl": [key_url], "eventMethod": "POST",
    }])
}

/// Says something so many times; then the call ends.
pub fn say(text: &str, language: &str, times: u8) -> Value {
    json!([talk(text, language, times, false)])
}

fn talk(text: &str, language: &str, times: u8, may_interrupt: bool) -> Value {
    // Vonage reads a text that begins with an angle bracket as SSML.
    let text = text.replace(['<', '>'], " ");
    json!({ "action": "talk", "text": text.trim(), "language": voice(language), "loop": times, "bargeIn": may_interrupt })
}

/// Vonage has the languages of Twilio's voices under the same tags, but for these.
fn voice(language: &str) -> &'static str {
    match twiml::voice(language) {
        "en-CA" => "en-US",
        "zh-CN" => "cmn-CN",
        "zh-TW" => "cmn-TW",
        "zh-HK" => "yue-CN",
        voice => voice,
    }
}
