//! What may stand in a definition file: the types that it is read into, and from which `docs/provider-definition.schema.json` is
//! made. Here is only its shape; what its templates, places and conditions mean is found out by [`super::compile`].
//!
//! Three small languages are used all over:
//!
//! - A **template** is text with expressions in it: `"{{ settings.base_url }}/v1/messages"`. Expressions are those of Jinja. What
//!   is one expression as a whole keeps the expression's type, and is absent where the value is none or empty.
//! - A **place** says where something stands in a request or an answer: `/errors/0/code` in the body (a JSON pointer, whose
//!   segment `*` is each member), `header.x-message-id`, `query.delivery`, `body:<Code>(\w+)</Code>` (a regular expression, of which
//!   the first group counts), or `status`.
//! - **Conditions** are places with what stands there: `where = { status = "4xx", "/code" = [21211, "30000-30999"] }`; instead of
//!   values, `{ matches = "regular expression" }`, `{ exists = true }`, `{ every = [0] }` or `{ not = [0] }`. All of them must hold.

mod answer;
mod inbound;
mod request;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use answer::{After, AnswerOutcome, AnswerRule, Codes, Scope};
pub use inbound::{ButtonRule, ConsentRule, Inbound, Receipt, ReceiptOutcome, ReceiptRule, Reply, TextRule};
pub use request::{Auth, FormValue, Limit, LookUp, Method, Send};

type Conditions = BTreeMap<String, Value>;

/// A provider as data: how it is called, what its answers mean, and how to read what it says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What the service is called. A built-in definition's name is its kind: `kind = "vonage"`.
    pub name: String,
    /// What the provider's table in the configuration takes, by key. Templates read them as `settings.KEY`.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Groups of settings of which one has to be given.
    #[serde(default)]
    pub one_of: Vec<Vec<String>>,
    /// Whose server is called.
    #[serde(default)]
    pub server: Server,
    /// How a call shows who it is from.
    #[serde(default)]
    pub auth: Auth,
    /// The request that sends a message, by channel.
    #[schemars(with = "BTreeMap<String, Send>")]
    pub send: BTreeMap<String, Send>,
    /// What error codes mean, in tables that rules refer to by name.
    #[serde(default)]
    pub codes: BTreeMap<String, Codes>,
    /// What an answer to the request means: the first rule whose conditions hold says it. What no rule knows is judged by its
    /// status: 401 and 403 are `provider_down`, 429 and 5xx `retry`, other errors `bad_message`; a success is `unknown`.
    pub answer: Vec<AnswerRule>,
    /// How requests to `/callbacks/NAME` are verified and answered; without it nothing is taken there.
    #[serde(default)]
    pub inbound: Option<Inbound>,
    /// Which of them say what became of a message, and what they say.
    #[serde(default)]
    pub receipt: Option<Receipt>,
    /// Which of them are texts that people wrote.
    #[serde(default)]
    pub text: Vec<TextRule>,
    /// Which of them are presses of a message's button, whose value is the answer's token.
    #[serde(default)]
    pub button: Vec<ButtonRule>,
    /// Which of them say that an address opted out, or in again.
    #[serde(default)]
    pub consent: Vec<ConsentRule>,
    /// How to find a message whose sending had no answer.
    #[serde(default)]
    pub look_up: Option<LookUp>,
}

/// One key of the provider's table. It has to be given unless it has a default or is optional.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it is, in a sentence.
    pub doc: String,
    #[serde(default, rename = "type")]
    pub kind: SettingType,
    /// The value unless another is given.
    #[serde(default)]
    pub default: Option<Value>,
    /// It may be left out: templates then see none.
    #[serde(default)]
    pub optional: bool,
    /// It is needed for these channels alone.
    #[serde(default)]
    pub channels: Vec<String>,
    /// A regular expression that all of a text must match.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// What a setting's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingType {
    #[default]
    Text,
    /// A text that is never shown. Its key must end as secrets do (`…key`, `…token`, `…secret`, `…password`); it may also be
    /// given as `…_file`.
    Secret,
    /// An http or https URL without a query.
    Url,
    Integer,
    Boolean,
}

/// Whose server is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// One service for all addresses.
    #[default]
    Service,
    /// The address is the URL of a server of somebody's own. It is called only where the settings `allow_private` and
    /// `allow_networks`, which such a definition has without declaring them, permit; what one server answers says nothing about
    /// the others.
    Recipient,
}
