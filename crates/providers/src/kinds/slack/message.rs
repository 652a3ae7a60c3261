//! What a message says: blocks, and a text for notifications, which show no blocks.

use serde_json::{Value, json};

use crate::fit::cut;
use crate::inbound::Action;
use crate::provider::{AnswerOffer, Content, Outgoing};

/// A text in a block, in characters.
const LONGEST_TEXT: usize = 3_000;
/// What a button is called, in characters.
const LONGEST_LABEL: usize = 75;
/// Beginning of our buttons' `action_id`; what was pressed follows.
pub const ACTION: &str = "watchbell_";

/// With buttons where whoever presses them is heard, else with a link to the page on which it can be answered.
pub fn body(message: &Outgoing, is_heard: bool) -> Value {
    let content = &message.content;
    let text = escape(&content.text.fit(|text| escape(text).chars().count() <= LONGEST_TEXT));
    let mut blocks = blocks(content, &text);
    match &message.answer {
        Some(offer) if is_heard => blocks.push(buttons(offer)),
        Some(offer) => blocks.extend(offer.url.as_deref().map(|url| link(url, &offer.choices()))),
        None => {}
    }
    message_of(&text, &blocks)
}

/// The same without what could be answered, and with what came of it.
pub fn edited(content: &Content, note: &str) -> Value {
    let note = escape(&cut(note, LONGEST_TEXT / 2));
    let text = escape(&content.text.fit(|text| escape(text).chars().count() <= LONGEST_TEXT));
    let mut blocks = blocks(content, &text);
    blocks.push(plain(&note));
    message_of(&format!("{note}\n{text}"), &blocks)
}

fn message_of(text: &str, blocks: &[Value]) -> Value {
    // The alert's page would be unfurled as a login page.
    json!({"text": text, "mrkdwn": false, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// The text in a block in which nothing is markup, and the link to what it is about.
fn blocks(content: &Content, text: &str) -> Vec<Value> {
    std::iter::once(plain(text)).chain(content.url.as_deref().map(|url| link(url, &content.open))).collect()
}

fn plain(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})
}

fn link(url: &str, label: &str) -> Value {
    let link = format!("<{}|{}>", escape(&url.replace('|', "%7C")), escape(label));
    json!({"type": "section", "text": {"type": "mrkdwn", "text": link, "verbatim": true}})
}

fn buttons(offer: &AnswerOffer) -> Value {
    let button = |action: Action, label: &str, style: Option<&str>| {
        let mut button = json!({
            "type": "button",
            "action_id": format!("{ACTION}{action}"),
            "text": {"type": "plain_text", "text": cut(label, LONGEST_LABEL), "emoji": false},
            "value": offer.token.expose(),
        });
        if let Some(style) = style {
            button["style"] = json!(style);
        }
        button
    };
    json!({"type": "actions", "elements": [
        button(Action::Accept, &offer.accept, Some("primary")),
        button(Action::Resolve, &offer.resolve, None),
        button(Action::Decline, &offer.decline, Some("danger")),
    ]})
}

/// Slack's three control characters: with them no text of an event can mention `<!channel>` or hide where a link leads.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
