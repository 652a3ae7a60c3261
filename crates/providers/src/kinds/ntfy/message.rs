//! What is published, and the actions by which it is answered.

use serde_json::{Value, json};
use url::Url;
use watchbell_core::Secret;

use crate::fit::cut;
use crate::http;
use crate::inbound::Action;
use crate::provider::{AnswerOffer, Outgoing};

/// `message`, in bytes: a longer one would become a file.
const LARGEST_TEXT: usize = 4_096;
/// The whole request, in bytes: twice that is what the server reads.
const LARGEST_REQUEST: usize = 8_000;
/// `title` and labels, in characters: no figures of ntfy's.
const LONGEST_TITLE: usize = 200;
const LONGEST_LABEL: usize = 40;

/// Where phones answer.
#[derive(Debug)]
pub struct AnswerPlace {
    /// The provider's table: `/callbacks/{name}`, where there is a public URL.
    pub name: String,
    /// The URL of the topic of answers, where there is none.
    pub topic: Option<Url>,
}

pub fn body(topic: &Secret, message: &Outgoing, answers: &AnswerPlace) -> Value {
    let body = |text: &str| with_text(topic, text, message, answers);
    body(&message.content.short.fit(|text| text.len() <= LARGEST_TEXT && body(text).to_string().len() <= LARGEST_REQUEST))
}

fn with_text(topic: &Secret, text: &str, message: &Outgoing, answers: &AnswerPlace) -> Value {
    let mut body = json!({
        "topic": topic.expose(),
        "title": cut(&message.content.subject, LONGEST_TITLE),
        "message": text,
        // 5 rings on, 3 is as usual.
        "priority": if message.urgent || message.critical { 5 } else { 3 },
    });
    let page = message.answer.as_ref().and_then(|offer| offer.url.as_ref());
    // An address is of use whole, or not at all.
    if let Some(url) = message.content.url.as_ref().or(page).filter(|url| url.len() <= 1_000) {
        body["click"] = json!(url);
    }
    if let Some(actions) = message.answer.as_ref().and_then(|offer| actions(offer, message.callback_base.as_deref(), answers)) {
        body["actions"] = actions;
    }
    body
}

/// Three, which is as many as there may be. The notification goes once the phone's call succeeded.
fn actions(offer: &AnswerOffer, base: Option<&str>, answers: &AnswerPlace) -> Option<Value> {
    let url = match (base, &answers.topic) {
        (Some(base), _) => http::callback_place(base, &[&answers.name]),
        (None, Some(topic)) => topic.to_string(),
        (None, None) => return None,
    };
    let action = |action: Action, label: &str| {
        let body = offer.button(action);
        json!({"action": "http", "label": cut(label, LONGEST_LABEL), "url": url, "method": "POST", "body": body, "clear": true})
    };
    Some(json!([action(Action::Accept, &offer.accept), action(Action::Resolve, &offer.resolve), action(Action::Decline, &offer.decline)]))
}
