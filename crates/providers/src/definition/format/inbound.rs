//! What it calls with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Conditions;
use crate::signature::Scheme;

/// How requests to `/callbacks/NAME` are verified and answered.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// How the service shows that a request is its own.
    pub signature: Scheme,
    /// The settings that hold the keys that may have signed: all that are given are tried. Where none is, nothing is taken, and
    /// the service is not asked to call.
    pub keys: Vec<String>,
    /// Parameters that are added to the URL that the service is told to call, as templates.
    #[serde(default)]
    pub callback_query: BTreeMap<String, String>,
    /// The place of a text that holds the event as JSON.
    #[serde(default)]
    pub inside: Option<String>,
    /// The place of the events, where a request brings several: `/*`.
    #[serde(default)]
    pub each: Option<String>,
    /// What the service is answered.
    #[serde(default)]
    pub reply: Reply,
    /// The status for what is verified and cannot be read, where the service takes one for "do not repeat this".
    #[serde(default)]
    pub unreadable: Option<u16>,
    /// How the service makes sure that the URL is ours.
    #[serde(default)]
    pub challenge: Option<Challenge>,
}

/// What the service is answered when all went well.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: String,
}

impl Default for Reply {
    fn default() -> Self {
        Self { status: 204, content_type: None, body: String::new() }
    }
}

/// A GET that carries a token that we know, and is answered with what else it carries.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// The place of the token.
    pub token: String,
    /// The setting that holds the right one.
    pub setting: String,
    /// The place of what is sent back.
    pub echo: String,
}

/// What became of a message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The place of the receipts within an event.
    #[serde(default)]
    pub each: Option<String>,
    /// Which events are receipts.
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    /// The place of our delivery's id. Unless given it is the callback's URL, as `callback` wrote it. What names none is not ours.
    #[serde(default = "in_url")]
    pub delivery: String,
    /// The place of the message's id.
    #[serde(default)]
    pub message_id: Option<String>,
    /// The place of the service's code for it.
    #[serde(default)]
    pub code: Option<String>,
    /// The first rule whose conditions hold says what it means; what none knows means nothing yet.
    pub rule: Vec<ReceiptRule>,
}

fn in_url() -> String {
    "query.delivery".to_owned()
}

/// What a receipt means. It has one of `outcome` and `codes`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptRule {
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    #[serde(default)]
    pub outcome: Option<ReceiptOutcome>,
    /// The name of the table that says what the code means: `retry` and `provider_down` are `try_again`, `bad_route` is `no_route`,
    /// `bad_message` is `undelivered`.
    #[serde(default)]
    pub codes: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptOutcome {
    Delivered,
    Read,
    Undelivered,
    /// It did not arrive for a reason that passes.
    TryAgain,
    /// This provider has no way there, and another one may.
    NoRoute,
    BadAddress,
    /// A call that nobody answered.
    NotAnswered,
    /// It is still on its way.
    Nothing,
}

/// A text that a person wrote.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    #[serde(default)]
    pub each: Option<String>,
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    /// What it came by, where the definition has several channels.
    #[serde(default)]
    pub channel: Option<String>,
    /// The setting that holds what messages are sent from. Where that has letters, nobody can reply, and messages say so.
    #[serde(default)]
    pub sender: Option<String>,
    /// The place of the sender's address. A number gets its `+` if it has none.
    pub from: String,
    pub text: String,
    /// The place of the text's own id, by which it is known when it comes again.
    #[serde(default)]
    pub message_id: Option<String>,
    /// The place of the id of the message that it is a reply to.
    #[serde(default)]
    pub replies_to: Option<String>,
}

/// A press of a button.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ButtonRule {
    #[serde(default)]
    pub each: Option<String>,
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    /// The place of the address of who pressed, to whom is said what came of it.
    #[serde(default)]
    pub from: Option<String>,
    /// The place of what the button carries: `answer.accept_value`, `.resolve_value` or `.decline_value`.
    pub value: String,
}

/// An address that opted out, or in again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentRule {
    #[serde(default)]
    pub each: Option<String>,
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    /// What it is about, where the definition has several channels.
    #[serde(default)]
    pub channel: Option<String>,
    /// The place of the address.
    pub address: String,
    pub is_in: bool,
}
