//! What a message says, as text and as HTML, and by which signs it is answered.

use serde_json::{Value, json};

use crate::inbound::Action;
use crate::markup;
use crate::provider::{AnswerOffer, Content, Edit, Outgoing};

/// A whole event, in bytes; the homeserver adds what is its own (65,536 in all).
const LARGEST_EVENT: usize = 60_000;

/// The reactions that answer a message, and the text that says the same.
pub const SIGNS: [(Action, &str, &str); 3] = [(Action::Accept, "👍", "1"), (Action::Resolve, "✅", "2"), (Action::Decline, "👎", "3")];

/// The answer that a reaction stands for, in whatever colour, as the text that says the same.
pub fn answer_of(key: &str) -> Option<&'static str> {
    let plain: String = key.chars().filter(|sign| !matches!(sign, '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')).collect();
    SIGNS.iter().find(|(_, sign, _)| *sign == plain).map(|(_, _, text)| *text)
}

pub fn body(message: &Outgoing) -> Value {
    fitted(&message.content, |text| written(text, &message.content, None, message.answer.as_ref()))
}

/// The same under what came of it, as a replacement of the event.
pub fn edited(edit: &Edit) -> Value {
    fitted(&edit.content, |text| {
        let new = written(text, &edit.content, Some(&edit.note), None);
        let mut event = new.clone();
        // For clients that know no replacements.
        event["body"] = json!(format!("* {}", new["body"].as_str().unwrap_or_default()));
        event["m.new_content"] = new;
        event["m.relates_to"] = json!({"rel_type": "m.replace", "event_id": edit.message_id});
        event
    })
}

/// What is said to somebody who reacted or replied.
pub fn reply(said: &str, to: &str) -> Value {
    json!({"msgtype": "m.notice", "body": said, "m.mentions": {}, "m.relates_to": {"m.in_reply_to": {"event_id": to}}})
}

fn fitted(content: &Content, event: impl Fn(&str) -> Value) -> Value {
    event(&content.text.fit(|text| event(text).to_string().len() <= LARGEST_EVENT))
}

fn written(text: &str, content: &Content, note: Option<&str>, answer: Option<&AnswerOffer>) -> Value {
    let signs = |offer: &AnswerOffer| {
        let labels = [&offer.accept, &offer.resolve, &offer.decline];
        SIGNS.iter().zip(labels).map(|((_, sign, _), label)| format!("{sign} {label}")).collect::<Vec<_>>().join("   ")
    };
    let page = |offer: &AnswerOffer| offer.url.clone();
    let mut body: Vec<String> = note.map(str::to_owned).into_iter().chain([text.to_owned()]).collect();
    body.extend(answer.map(signs));
    body.extend(answer.and_then(page));
    let link = |label: &str, url: &str| format!("<a href=\"{}\">{}</a>", markup::html(url), markup::html(label));
    let mut html: Vec<String> = note.map(|note| format!("<strong>{}</strong>", markup::html(note))).into_iter().collect();
    // The text ends with the address that a link leads to.
    let lines = text.lines().filter(|line| Some(*line) != content.url.as_deref());
    html.push(markup::html(lines.collect::<Vec<_>>().join("\n").trim_end()));
    html.extend(content.url.as_deref().map(|url| link(&content.open, url)));
    html.extend(answer.map(|offer| markup::html(&signs(offer))));
    html.extend(answer.and_then(|offer| Some(link(&offer.choices(), offer.url.as_deref()?))));
    json!({
        "msgtype": "m.text",
        "body": body.join("\n\n"),
        "format": "org.matrix.custom.html",
        "formatted_body": html.join("<br><br>"),
        // Nobody is mentioned, whatever the text looks like.
        "m.mentions": {},
    })
}
