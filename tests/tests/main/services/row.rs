//! A service as data: a file of `tests/services`, which says how it is set up, what it is sent, what it answers and what it calls
//! with. Texts have holes, such as `{delivery}`, which are filled as the row is played.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use watchbell_core::Channel;
use watchbell_tests::settings::PUBLIC_URL;
use watchbell_tests::stand_ins::Request;

use super::sign::Scheme;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub channel: Channel,
    /// An address beside the person's own mail and number.
    #[serde(default)]
    pub contact: Option<Address>,
    /// The person's only device.
    #[serde(default)]
    pub device: Option<Address>,
    /// An operator's own definition, which lies in a file as `{definition}`.
    #[serde(default)]
    pub definition: Option<String>,
    /// Of the provider's table.
    pub settings: BTreeMap<String, String>,
    /// How the service signs; None where it calls nobody.
    #[serde(default)]
    pub signed: Option<Scheme>,
    /// What the service answers, by what it is asked.
    pub answers: Vec<Answer>,
    /// What it calls with before anything is sent.
    #[serde(default)]
    pub before: Vec<Call>,
    pub sent: Sent,
    /// It says that the message arrived.
    #[serde(default)]
    pub receipt: Option<Call>,
    /// It says that another one did not.
    #[serde(default)]
    pub failure: Option<Call>,
    /// The person accepts. Without it they do so on the page that the message leads to.
    #[serde(default)]
    pub reply: Option<Call>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub kind: String,
    pub target: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Method and beginning of the path.
    pub to: String,
    #[serde(default = "ok")]
    pub status: u16,
    /// A whole header.
    #[serde(default)]
    pub header: Option<String>,
    /// `{id}` is another one each time.
    #[serde(default)]
    pub body: String,
}

fn ok() -> u16 {
    200
}

/// The request that hands a message over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Method and beginning of the path.
    pub by: String,
    /// What headers hold.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What stands where in the body: JSON pointers, of a form by its fields' names.
    #[serde(default)]
    pub is: BTreeMap<String, String>,
    /// What stands somewhere in it.
    #[serde(default)]
    pub holds: BTreeMap<String, String>,
    /// Holes that it fills.
    #[serde(default)]
    pub gives: BTreeMap<String, Part>,
}

/// What stands at a place, or of it what stands between two marks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub at: String,
    #[serde(default)]
    pub after: String,
    #[serde(default)]
    pub until: String,
}

/// A call of the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    #[serde(default = "post")]
    pub method: String,
    #[serde(default = "own_path")]
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, as a form or as it is.
    #[serde(default)]
    pub form: BTreeMap<String, String>,
    #[serde(default)]
    pub text: String,
    /// Whether it is signed; what is not proves itself by what it says.
    #[serde(default = "yes")]
    pub is_signed: bool,
    /// What it is answered with.
    #[serde(default = "no_content")]
    pub status: u16,
    /// What stands in the answer.
    #[serde(default)]
    pub says: String,
    /// What the person is written by a message of its own.
    #[serde(default)]
    pub writes: String,
    /// A request that the service gets in return: method and beginning of the path.
    #[serde(default)]
    pub asks: String,
    /// As the delivery shows it.
    #[serde(default)]
    pub outcome: String,
    #[serde(default)]
    pub code: String,
}

fn post() -> String {
    "POST".to_owned()
}

/// What a provider without a path of its own is told to call.
fn own_path() -> String {
    "/callbacks/service".to_owned()
}

fn yes() -> bool {
    true
}

fn no_content() -> u16 {
    204
}

impl Row {
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("services").join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// What fills holes.
#[derive(Clone, Debug, Default)]
pub struct Holes(BTreeMap<String, String>);

impl Holes {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(format!("{{{name}}}"), value.into());
    }

    pub fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (hole, value)| text.replace(hole, value))
    }
}

impl Call {
    /// With all holes filled. What leads to this server is a path, as the service's call goes to where the server listens.
    pub fn filled(&self, holes: &Holes) -> Self {
        let fill = |all: &BTreeMap<String, String>| all.iter().map(|(name, value)| (name.clone(), holes.fill(value))).collect();
        let path = holes.fill(&self.path);
        Self {
            path: path.strip_prefix(PUBLIC_URL).unwrap_or(&path).to_owned(),
            headers: fill(&self.headers),
            form: fill(&self.form),
            text: holes.fill(&self.text),
            ..self.clone()
        }
    }

    pub fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.insert(name.to_owned(), value.into());
    }

    /// The URL as the service calls it.
    pub fn url(&self) -> String {
        format!("{PUBLIC_URL}{}", self.path)
    }

    pub fn body(&self) -> String {
        if self.form.is_empty() {
            return self.text.clone();
        }
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.form).finish()
    }
}

impl Sent {
    pub fn method(&self) -> &str {
        self.by.split_once(' ').expect("method and path").0
    }

    pub fn path(&self) -> &str {
        self.by.split_once(' ').expect("method and path").1
    }

    /// Whether it is the request that the service's documents want; fills the holes that it gives.
    pub fn check(&self, request: &Request, body: &Value, holes: &mut Holes) {
        let at = |pointer: &str| {
            let value = body.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}: {body}"));
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        };
        for (name, part) in &self.headers {
            let header = request.header(name);
            assert!(header.contains(&holes.fill(part)), "{name}: {header}");
        }
        for (pointer, value) in &self.is {
            assert_eq!(at(pointer), holes.fill(value), "{pointer}");
        }
        for (pointer, part) in &self.holds {
            assert!(at(pointer).contains(&holes.fill(part)), "{pointer}: {}", at(pointer));
        }
        for (name, part) in &self.gives {
            let whole = at(&part.at);
            let from = whole.find(&part.after).unwrap_or_else(|| panic!("no {}: {whole}", part.after)) + part.after.len();
            let rest = &whole[from..];
            let found = if part.until.is_empty() { rest } else { rest.split(part.until.as_str()).next().unwrap_or_default() };
            holes.set(name, found.replace("&amp;", "&"));
        }
    }
}
