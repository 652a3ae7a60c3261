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

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::signature::Scheme;

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

/// How a call shows who it is from. Values are templates.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    #[default]
    None,
    /// `Authorization: Basic …`.
    Basic { user: String, password: String },
    /// `Authorization: Bearer …`.
    Bearer { token: String },
    /// A header of any name, such as `Authorization = "AccessKey {{ settings.access_key }}"`.
    Header { name: String, value: String },
    /// A parameter of the query.
    Query { name: String, value: String },
    /// Amazon's signature version 4, of the whole request.
    Sigv4 {
        access_key_id: String,
        secret_access_key: String,
        /// Of temporary credentials; empty where they are none.
        #[serde(default)]
        session_token: String,
        region: String,
        /// What Amazon calls the service in signatures, such as `ses`.
        service: String,
    },
    /// `Authorization: Bearer` with a JSON Web Token by RS256 that names an application, as Vonage takes it.
    JwtRs256 {
        application_id: String,
        /// The setting that holds the private key: PKCS #8 in PEM.
        private_key_setting: String,
    },
}

/// The request that sends a message. It has one body: `json`, `form` or `text`; a GET has none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// A template. It begins with a base URL, whose value is written as it is; every later value is percent-encoded.
    pub url: String,
    #[serde(default)]
    pub method: Method,
    /// Templates, by the headers' names. An empty value is left out.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body, whose texts are templates. A member whose value is none or empty is left out, and so is an object or a list
    /// of which nothing but that is left. An object whose member `$if` is an expression that is false is left out.
    #[serde(default)]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub json: Option<Map<String, Value>>,
    /// A form. A value is a template, or a list of them for a field that repeats. An empty one is left out.
    #[serde(default)]
    pub form: Option<BTreeMap<String, FormValue>>,
    /// Any other body, as a template; say its type in `headers`.
    #[serde(default)]
    pub text: Option<String>,
    /// Of a push channel: which kind of device token is the address.
    #[serde(default)]
    pub device: Option<String>,
    pub limit: Limit,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    #[default]
    Post,
    Put,
}

/// A form's value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FormValue {
    One(String),
    Many(Vec<String>),
}

/// What an account may call, unless the configuration says otherwise.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Calls a second.
    pub per_second: f64,
    /// Calls that may come at once before that applies. Unless given, those of a second.
    #[serde(default)]
    pub burst: Option<u32>,
    /// Calls that may wait for their answer at once.
    #[serde(default = "in_flight")]
    pub in_flight: usize,
}

fn in_flight() -> usize {
    32
}

/// What codes mean, each list of one class: numbers, texts, and ranges of numbers such as `"200-299"`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Codes {
    /// A passing fault.
    pub retry: Vec<Value>,
    /// The recipient cannot be reached this way, ever.
    pub bad_address: Vec<Value>,
    /// This message will never be accepted.
    pub bad_message: Vec<Value>,
    /// Nor will it here, but another provider may manage.
    pub bad_route: Vec<Value>,
    /// Credentials, billing, suspension: nothing goes through this provider now.
    pub provider_down: Vec<Value>,
}

/// What an answer means. It has one of `outcome` and `codes`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    #[serde(default, rename = "where")]
    #[schemars(with = "BTreeMap<String, Value>")]
    pub conditions: Conditions,
    #[serde(default)]
    pub outcome: Option<AnswerOutcome>,
    /// The name of the table that says what the code means. Where the table does not know the code, the rule does not apply. A
    /// status that passes (429, 5xx) is never made permanent by a code.
    #[serde(default)]
    pub codes: Option<String>,
    /// The place of the service's own code, which is kept with the attempt. Unless given, it is the HTTP status.
    #[serde(default)]
    pub code: Option<String>,
    /// A code of the definition's own instead.
    #[serde(default)]
    pub code_as: Option<String>,
    /// Of `accepted`: the place of the message's id, or `none` where the service names none. An answer that should name it and
    /// does not is `unknown`.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Of `retry`: not before then. A `Retry-After` or `X-RateLimit-Reset` header counts without it.
    #[serde(default)]
    pub after: Option<After>,
    /// Of `retry`: what is held up. Unless given, `provider` with status 429, else `message`.
    #[serde(default)]
    pub scope: Option<Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    Accepted,
    Retry,
    BadAddress,
    BadMessage,
    BadRoute,
    ProviderDown,
    /// It may have been taken or not.
    Unknown,
}

/// How long to wait.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// So many seconds.
    Seconds(u32),
    /// The place of a number of seconds.
    SecondsAt(String),
    /// The place of a number of milliseconds.
    MillisecondsAt(String),
    /// The place of a time in seconds since 1970.
    EpochAt(String),
    /// The place of an HTTP date.
    DateAt(String),
    /// The day's end in UTC.
    MidnightUtc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Message,
    Recipient,
    Provider,
}

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

/// A list of the newest messages, in which one is looked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookUp {
    /// A template, as of a request that sends; `since` is when the message was first handed over, in seconds since 1970.
    pub url: String,
    /// The place of the messages in the list.
    pub each: String,
    /// Places of one of them, and templates of what must stand there.
    pub same: BTreeMap<String, String>,
    /// The place of the time at which it was made (RFC 3339, HTTP date, or seconds since 1970). What is older than the message is
    /// another one.
    #[serde(default)]
    pub created: Option<String>,
    /// The place of its id.
    pub message_id: String,
    /// The place of its code.
    #[serde(default)]
    pub code: Option<String>,
    /// What its state means: as of a receipt; what none knows was taken.
    #[serde(default)]
    pub rule: Vec<ReceiptRule>,
}
