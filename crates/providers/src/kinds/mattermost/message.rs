//! What a post says, and its buttons.

use serde_json::{Value, json};
use watchbell_core::Secret;

use crate::fit::cut;
use crate::http;
use crate::inbound::Action;
use crate::markup;
use crate::provider::{AnswerOffer, Edit, Outgoing};

/// A post, in characters; of a webhook, a longer one is split into several.
pub const LONGEST_TEXT: usize = 16_383;
/// A longer text of a webhook's post is not handed to its buttons, in characters: each of the three would hold it.
const LONGEST_KEPT: usize = 4_000;
/// What a button is called, in characters: no figure of Mattermost's.
const LONGEST_LABEL: usize = 64;

/// A bot's post, but for the channel. It can be changed later, so its buttons know nothing but the message's token.
pub fn of_bot(message: &Outgoing, name: &str) -> Value {
    let text = text(message);
    match buttons(message, name, None) {
        Some(actions) => json!({"message": text, "props": {"attachments": [{"actions": actions}]}}),
        None => json!({ "message": text }),
    }
}

/// A webhook's post. It can only be changed in the answer to a press, and then as a whole: so its buttons know what it says.
pub fn of_hook(message: &Outgoing, name: &str) -> Value {
    let text = text(message);
    match buttons(message, name, Some(text.as_str()).filter(|text| text.chars().count() <= LONGEST_KEPT)) {
        Some(actions) => json!({"text": text, "attachments": [{"actions": actions}]}),
        None => json!({ "text": text }),
    }
}

/// The same without buttons, under what came of it.
pub fn edited(edit: &Edit) -> Value {
    let note = markup::mattermost(&cut(&edit.note, LONGEST_TEXT / 8));
    let with_note = |text: &str| format!("**{note}**\n\n{}", markup::mattermost(text));
    let text = edit.content.text.fit(|text| with_note(text).chars().count() <= LONGEST_TEXT);
    json!({"message": with_note(&text), "props": {}})
}

fn text(message: &Outgoing) -> String {
    markup::mattermost(&message.content.text.fit(|text| markup::mattermost(text).chars().count() <= LONGEST_TEXT))
}

/// None where it cannot be answered, or the server could not call this one.
fn buttons(message: &Outgoing, name: &str, says: Option<&str>) -> Option<Value> {
    let (offer, base) = (message.answer.as_ref()?, message.callback_base.as_deref()?);
    let url = http::callback_place(base, &[name]);
    let button = |action: Action, label: &str, style: &str| {
        json!({
            "id": action.as_str(),
            "name": cut(label, LONGEST_LABEL),
            "type": "button",
            "style": style,
            "integration": {"url": url, "context": Context { action, token: &offer.token, label, says }.write()},
        })
    };
    let AnswerOffer { accept, resolve, decline, .. } = offer;
    Some(json!([
        button(Action::Accept, accept, "primary"),
        button(Action::Resolve, resolve, "good"),
        button(Action::Decline, decline, "danger")
    ]))
}

/// What a button hands back: it never reaches the people's clients.
struct Context<'c> {
    action: Action,
    token: &'c Secret,
    label: &'c str,
    says: Option<&'c str>,
}

impl Context<'_> {
    fn write(&self) -> Value {
        let mut context = json!({"action": self.action.as_str(), "token": self.token.expose()});
        if let Some(says) = self.says {
            context["text"] = json!(says);
            context["label"] = json!(self.label);
        }
        context
    }
}
