//! Presses of buttons, as the Mattermost server posts them. The reply is always 200 and JSON: anything else is shown as an error.

use async_trait::async_trait;
use serde_json::{Value, json};
use watchbell_core::Secret;
use watchbell_core::contact::ContactKind;

use super::message::LONGEST_TEXT;
use crate::inbound::{Action, Answer, AnswerTo, Change, Effect, Heard, Inbound, Notice, Presser, Refusal, Reply, Request, response};
use crate::markup;

/// Reads presses. The proof of each is the token in its context.
#[derive(Debug)]
pub struct Clicks;

#[async_trait]
impl Inbound for Clicks {
    fn proof(&self, path: &str) -> Result<Option<&'static str>, Refusal> {
        if path.is_empty() { Ok(None) } else { Err(Refusal::NotFound("Mattermost's presses are taken at the provider's own path alone")) }
    }

    async fn read(&self, request: &Request<'_>) -> Result<Heard, Refusal> {
        self.proof(request.path)?;
        request.posted()?;
        let click: Value =
            serde_json::from_slice(request.body).map_err(|error| Refusal::Malformed(format!("the body is not valid JSON: {error}")))?;
        let missing = |what: &str| Refusal::Malformed(format!("{what} is missing, as a press of a message of ours has it"));
        let context = &click["context"];
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let token = text(&context["token"]).ok_or_else(|| missing("context.token"))?;
        let action: Action = context["action"].as_str().and_then(|action| action.parse().ok()).ok_or_else(|| missing("context.action"))?;
        let user = text(&click["user_id"]).ok_or_else(|| missing("user_id"))?;
        // More people than one may see the post, and the server says nothing of that.
        let by = Some(Presser { service: ContactKind::Mattermost, account: Secret::new(user) });
        let update = text(&context["text"]).map(|says| {
            let name = text(&click["user_name"]).unwrap_or_default();
            update(&says, &name, context["label"].as_str().unwrap_or_default())
        });
        Ok(Heard {
            notices: vec![Notice::Answer(Answer { of: AnswerTo::Token(Secret::new(token)), action: Some(action), by })],
            reply: Reply::worded(move |effects, _| response("application/json", reply(effects.first(), update).to_string())),
        })
    }
}

/// A webhook's post without buttons, under who pressed what.
fn update(says: &str, name: &str, label: &str) -> Value {
    let note = format!("**{}: {}**\n\n", markup::mattermost(name), markup::mattermost(label));
    let rest = LONGEST_TEXT - note.chars().count().min(LONGEST_TEXT);
    json!({"message": format!("{note}{}", says.chars().take(rest).collect::<String>()), "props": {}})
}

/// What is said is seen by who pressed alone.
fn reply(effect: Option<&Effect>, update: Option<Value>) -> Value {
    let mut reply = json!({});
    let Some(effect) = effect else { return reply };
    if !effect.said.is_empty() {
        reply["ephemeral_text"] = json!(markup::mattermost(&effect.said));
    }
    if let Some(update) = update.filter(|_| effect.change == Change::Done) {
        reply["update"] = update;
    }
    reply
}
