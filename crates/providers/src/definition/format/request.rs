//! How the service is called.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ReceiptRule;

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
