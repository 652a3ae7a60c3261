//! The kinds of providers that are data: each built-in definition, and `http`, whose definition is an operator's own file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use watchbell_core::contact_key::ContactKey;
use watchbell_core::network::Reach;
use watchbell_core::setting::Wrong;
use watchbell_core::{Channel, Clock};

use super::callbacks::Callbacks;
use super::format::{Server, SettingType};
use super::request::Auth;
use super::sender::{Client, Sender};
use super::values::Values;
use super::{Definition, Mistake};
use crate::endpoint::{self, Endpoints};
use crate::http::Http;
use crate::inbound::{ChatLink, Inbound};
use crate::jwt::SigningKey;
use crate::provider::{AccountLimit, Provider};
use crate::settings::{self, CommonSettings, Configured, DEFAULT_TIMEOUT, SettingError};

/// The key that names an operator's own definition.
const FILE: &str = "definition";
/// A definition has a few hundred lines; what is longer than this is something else, in bytes.
const LARGEST_FILE: u64 = 256 * 1024;
/// More mistakes of one file are not told at once.
const MOST_TOLD: usize = 10;
/// What a definition whose server is the recipient's takes without declaring it.
const REACH_KEYS: [&str; 2] = ["allow_private", "allow_networks"];

/// A definition with one table's values.
#[derive(Debug)]
pub struct Defined {
    definition: Arc<Definition>,
    values: Values,
    /// Where servers that users name may be.
    reach: Option<Reach>,
}

/// Reads a built-in definition.
///
/// # Panics
/// It is wrong, which a test holds it is not.
pub fn built_in(name: &str, text: &str) -> Arc<Definition> {
    let read = Definition::read(text);
    read.unwrap_or_else(|mistakes| panic!("the built-in definition {name} is wrong: {}", told(&format!("{name}.toml"), &mistakes)))
}

/// `mygw.toml:3: …; mygw.toml:7: …`
fn told(file: &str, mistakes: &[Mistake]) -> String {
    let shown = mistakes.iter().take(MOST_TOLD).map(|mistake| format!("{file}:{mistake}"));
    let more = mistakes.len().checked_sub(MOST_TOLD).filter(|more| *more > 0).map(|more| format!("and {more} more"));
    shown.chain(more).collect::<Vec<_>>().join("; ")
}

impl Defined {
    /// Reads a table of the kind `http`, whose definition is a file.
    pub fn read_own(mut table: Map<String, Value>) -> Result<Self, SettingError> {
        let file = match table.remove(FILE) {
            Some(Value::String(file)) if !file.is_empty() => file,
            None => return Err(SettingError { key: FILE.to_owned(), value: None, wrong: Wrong::Missing(FILE.to_owned()) }),
            Some(_) => return Err(SettingError::new(FILE, None, "must be the name of a definition file")),
        };
        let wrong = |sentence: String| SettingError::new(FILE, file.clone(), sentence);
        let length = std::fs::metadata(&file).map(|found| found.len());
        let text = length.and_then(|length| if length > LARGEST_FILE { Ok(None) } else { std::fs::read_to_string(&file).map(Some) });
        let text = text.map_err(|error| wrong(format!("cannot be read ({error}); it must be the name of a readable definition file")))?;
        let text = text.ok_or_else(|| wrong(format!("is longer than {LARGEST_FILE} bytes, so it is no definition")))?;
        let name = Path::new(&file).file_name().map_or_else(|| file.clone(), |name| name.to_string_lossy().into_owned());
        let definition = Definition::read(&text).map_err(|mistakes| wrong(told(&name, &mistakes)))?;
        Self::read(definition, table).map_err(|error| match error.wrong {
            // The file's own name is a key too.
            Wrong::Unknown { name, known } => {
                let known = known.into_iter().chain([FILE.to_owned()]).collect();
                SettingError { wrong: Wrong::Unknown { name, known }, ..error }
            }
            _ => error,
        })
    }

    /// Reads a table of a definition's kind.
    pub fn read(definition: Arc<Definition>, mut table: Map<String, Value>) -> Result<Self, SettingError> {
        let reach = (definition.server == Server::Recipient).then(|| reach(&mut table)).transpose()?;
        let values = Values::read(table, &definition.settings, &definition.one_of).map_err(|error| match error.wrong {
            Wrong::Unknown { name, known } if reach.is_some() => {
                let known = known.into_iter().chain(REACH_KEYS.map(str::to_owned)).collect();
                SettingError { wrong: Wrong::Unknown { name, known }, ..error }
            }
            _ => error,
        })?;
        Ok(Self { definition, values, reach })
    }
}

impl Defined {
    /// The private key that requests are signed with.
    fn signing_key(&self) -> Result<Option<Arc<SigningKey>>, SettingError> {
        let Auth::JwtRs256 { private_key_setting: setting, .. } = &self.definition.auth else { return Ok(None) };
        let Some(pem) = self.values.secret(setting) else { return Ok(None) };
        match SigningKey::rs256_from_pem(pem.expose()) {
            Some(key) => Ok(Some(Arc::new(key))),
            None => Err(SettingError::new(
                setting,
                None,
                "must be an RSA private key of 2048 bits or more: PKCS #8 in PEM, which begins with -----BEGIN PRIVATE KEY-----",
            )),
        }
    }

    /// What sends, as the provider of the table `name`.
    fn sender(&self, name: &str, common: &CommonSettings) -> Result<Sender, SettingError> {
        let client = match &self.reach {
            None => Client::Service(Box::new(Http::new(common)?)),
            Some(reach) => Client::Recipients(Box::new(Endpoints::new(common, reach.clone())?)),
        };
        let signing_key = self.signing_key()?;
        Ok(Sender { name: name.to_owned(), definition: self.definition.clone(), values: self.values.clone(), signing_key, client })
    }
}

/// Takes the settings that widen the reach out of a table.
fn reach(table: &mut Map<String, Value>) -> Result<Reach, SettingError> {
    let expected =
        |key: &str, expected: &str| SettingError { key: key.to_owned(), value: None, wrong: Wrong::Type { expected: expected.to_owned() } };
    let [private, networks] = REACH_KEYS;
    let allow_private = match table.remove(private) {
        None => false,
        Some(Value::Bool(allow)) => allow,
        Some(_) => return Err(expected(private, "a boolean")),
    };
    let texts = match table.remove(networks) {
        None => Vec::new(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|text| text.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| expected(networks, "a sequence"))?,
        Some(_) => return Err(expected(networks, "a sequence")),
    };
    endpoint::reach(allow_private, &texts)
}

impl Configured for Defined {
    fn channels(&self) -> &'static [Channel] {
        self.definition.channels()
    }

    fn service(&self) -> Option<&str> {
        Some(&self.definition.name)
    }

    fn limit(&self, channel: Channel) -> AccountLimit {
        let none = AccountLimit { per_second: 1.0, burst: 1, in_flight: 1, timeout: DEFAULT_TIMEOUT };
        self.definition.limit(channel).unwrap_or(none)
    }

    /// The values were checked when they were read; keys of signatures have forms of their own.
    fn check(&self, common: &CommonSettings) -> Result<(), SettingError> {
        self.signing_key()?;
        self.inbound("", common).map(drop)
    }

    fn check_channel(&self, channel: Channel) -> Result<(), SettingError> {
        let needed = self.definition.settings.iter().filter(|(_, declared)| declared.channels.contains(&channel));
        match needed.map(|(key, _)| key).find(|key| !self.values.is_given(key)) {
            Some(key) => Err(SettingError::new(key, None, format!("is missing, and the channel {channel} needs it"))),
            None => Ok(()),
        }
    }

    fn exposed(&self) -> Vec<SettingError> {
        let settings = &self.definition.settings;
        let has_secret = settings.iter().any(|(key, declared)| declared.kind == SettingType::Secret && self.values.is_given(key));
        let urls = settings.iter().filter(|(_, declared)| has_secret && declared.kind == SettingType::Url);
        urls.filter_map(|(key, _)| settings::exposed_by(key, self.values.get(key)?.as_str()?)).collect()
    }

    fn build(&self, name: &str, common: &CommonSettings, _clock: Arc<dyn Clock>) -> Result<Arc<dyn Provider>, SettingError> {
        Ok(Arc::new(self.sender(name, common)?))
    }

    fn inbound(&self, name: &str, common: &CommonSettings) -> Result<Option<Arc<dyn Inbound>>, SettingError> {
        let Some(inbound) = self.definition.inbound.as_ref().filter(|inbound| inbound.is_verifiable(&self.values)) else {
            return Ok(None);
        };
        let key = inbound.keys.iter().find(|key| self.values.is_given(key)).map_or("", String::as_str);
        let server = inbound.signature.server_setting().and_then(|setting| self.values.get(setting)?.as_str());
        let verifier = inbound.signature.verifier(key, inbound.keys(&self.values), server, common)?;
        let challenge_token = inbound.challenge.as_ref().and_then(|challenge| self.values.secret(&challenge.setting));
        let sender = self.sender(name, common)?;
        Ok(Some(Arc::new(Callbacks { definition: self.definition.clone(), verifier, sender, challenge_token })))
    }

    fn contact_reach(&self) -> Option<Reach> {
        self.reach.clone()
    }

    fn contact_key(&self) -> Option<ContactKey> {
        None
    }

    fn chat_link(&self) -> Option<ChatLink> {
        None
    }

    fn push_key(&self) -> Option<String> {
        None
    }
}

/// A set of channels that lives as long as the process: each set is made once, however often definitions are read.
pub fn interned(channels: impl IntoIterator<Item = Channel>) -> &'static [Channel] {
    static SETS: Mutex<Vec<&'static [Channel]>> = Mutex::new(Vec::new());
    let set: Vec<Channel> = channels.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut sets = SETS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = sets.iter().find(|known| **known == set) {
        return known;
    }
    let set: &'static [Channel] = set.leak();
    sets.push(set);
    set
}
