//! From a file's shape to what is evaluated: templates, places, conditions and names are read, and the requests are put together
//! for sample messages, so that what would fail at night fails now.

mod answers;
mod inbound;
mod requests;
mod settings;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use http::StatusCode;
use http::header::HeaderName;
use watchbell_core::{Channel, channel};

use super::codes::Codes;
use super::condition::{self, Condition};
use super::format::{File, SettingType};
use super::message::Variables;
use super::place::{Place, Pointer};
use super::reading::{Mistake, Mistakes};
use super::template::Template;
use super::{Definition, kind, trial};

pub fn compile(file: File, mistakes: Mistakes) -> Result<Definition, Vec<Mistake>> {
    let mut compiler = Compiler { mistakes, variables: Variables::new(file.settings.keys()), codes: BTreeMap::new() };
    let definition = compiler.definition(file);
    if let Some(definition) = &definition {
        trial::try_all(definition, &mut compiler.mistakes);
    }
    compiler.mistakes.none()?;
    definition.ok_or_else(Vec::new)
}

struct Compiler {
    mistakes: Mistakes,
    variables: Variables,
    codes: BTreeMap<String, Arc<Codes>>,
}

impl Compiler {
    /// None where what is wrong leaves nothing to try; it was told then.
    fn definition(&mut self, file: File) -> Option<Definition> {
        if file.name.trim().is_empty() {
            self.mistakes.add("name", "must say what the service is called");
        }
        let settings = self.settings(&file);
        self.one_of(&file);
        self.codes(&file);
        let auth = self.auth(&file, &file.auth);
        let send = self.send(&file);
        let answers = self.answers(&file);
        let channels = kind::interned(send.keys().copied());
        let inbound = self.inbound(&file, channels);
        let look_up = file.look_up.as_ref().map(|given| self.look_up(given));
        let look_up = match look_up {
            Some(None) => return None,
            Some(look_up) => look_up,
            None => None,
        };
        (send.len() == file.send.len()).then_some(Definition {
            name: file.name,
            settings,
            one_of: file.one_of,
            server: file.server,
            auth: auth?,
            send,
            answers,
            inbound,
            look_up,
        })
    }

    /// Notes what is wrong with a key, and gives what is right.
    fn right<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|error| self.mistakes.add(key, error)).ok()
    }

    fn channel(&mut self, key: &str, name: &str) -> Option<Channel> {
        let known: Vec<_> = Channel::ALL.iter().filter(|channel| **channel != Channel::InApp).copied().collect();
        let read = Channel::from_str(name).ok().filter(|channel| known.contains(channel));
        self.right(key, read.ok_or_else(|| format!("names no channel; there are {}", channel::join(&known))))
    }

    fn codes(&mut self, file: &File) {
        for (name, given) in &file.codes {
            let codes = Codes::parse(given, |list, error| self.mistakes.add(&format!("codes.{name}.{list}"), error));
            self.codes.insert(name.clone(), Arc::new(codes));
        }
    }

    fn named_codes(&mut self, key: &str, name: &str) -> Option<Arc<Codes>> {
        let found = self.codes.get(name).cloned();
        let known = || self.codes.keys().cloned().collect::<Vec<_>>().join(", ");
        let read = found.ok_or_else(|| format!("names no table of codes; there are {}", known()));
        self.right(key, read)
    }

    fn template(&mut self, key: &str, source: &str) -> Option<Template> {
        let read = Template::parse(source, &self.variables);
        self.right(key, read)
    }

    fn header_name(&mut self, key: &str, name: &str) -> Option<HeaderName> {
        self.right(key, HeaderName::try_from(name).map_err(|_| "is no name of a header".to_owned()))
    }

    fn place(&mut self, key: &str, text: &str) -> Option<Place> {
        self.right(key, Place::parse(text))
    }

    fn optional_place(&mut self, key: &str, text: Option<&String>) -> Option<Place> {
        text.and_then(|text| self.place(key, text))
    }

    fn each(&mut self, key: &str, text: Option<&String>) -> Option<Pointer> {
        let pointer = text.and_then(|text| self.right(key, Pointer::parse(text)))?;
        if !pointer.is_many() {
            self.mistakes.add(key, "must have a segment *, as it names the members of a list");
        }
        Some(pointer)
    }

    fn conditions(&mut self, key: &str, given: &BTreeMap<String, serde_json::Value>) -> Vec<Condition> {
        condition::parse_all(given, |place, error| self.mistakes.add(&format!("{key}.where.{place}"), error))
    }

    /// A rule that is never reached: after one without conditions, or after one with the same that always applies.
    fn reachable<'r>(&mut self, list: &str, rules: impl Iterator<Item = (&'r BTreeMap<String, serde_json::Value>, bool)>) {
        let mut before: Vec<(usize, &BTreeMap<String, serde_json::Value>)> = Vec::new();
        for (at, (conditions, always_applies)) in rules.enumerate() {
            let key = format!("{list}[{at}]");
            if let Some((earlier, _)) = before.iter().find(|(_, earlier)| earlier.is_empty() || *earlier == conditions) {
                self.mistakes.add(&key, format!("is never reached, as {list}[{earlier}] applies before it; put it before that"));
            }
            if always_applies {
                before.push((at, conditions));
            }
        }
    }

    fn named_setting(&mut self, key: &str, file: &File, name: &str) {
        match file.settings.get(name) {
            None => self.mistakes.add(key, format!("names `{name}`, which [settings] does not have")),
            Some(setting) if !matches!(setting.kind, SettingType::Secret | SettingType::Text) => {
                self.mistakes.add(key, format!("names `{name}`, which is no text"));
            }
            Some(_) => {}
        }
    }

    fn status(&mut self, key: &str, status: u16) -> Option<StatusCode> {
        let read = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
        self.right(key, read.ok_or_else(|| "must be an HTTP status, 200 to 599".to_owned()))
    }
}
