//! `[providers.…]`: the tables that channels name. What may stand in one is the business of its kind, in `watchbell_providers`.

use std::collections::BTreeMap;

use toml::Value;
use watchbell_core::channel::join;
use watchbell_core::setting::Wrong;
use watchbell_core::{Channel, channel};
use watchbell_providers::registry;
pub use watchbell_providers::settings::ProviderSettings;
use watchbell_providers::settings::{COMMON_KEYS, SettingError};

use super::channels::ChannelSettings;
use super::layers::{Layers, Origin, Path};
use super::problem::{Findings, closest};
use super::read::{self, Stop};

/// Gives each table that has no `kind` and is named like one that kind.
pub fn infer_kinds(layers: &mut Layers) {
    for name in names(layers) {
        let path = ["providers".to_owned(), name.clone(), "kind".to_owned()];
        if layers.get(&path[..2]).is_some_and(Value::is_table) && layers.get(&path).is_none() && registry::kind(&name).is_some() {
            layers.reread(&path, Value::String(name));
        }
    }
}

/// A definition's file is named relative to the file that names it.
pub fn find_definitions(layers: &mut Layers) {
    for name in names(layers) {
        let path = ["providers".to_owned(), name, "definition".to_owned()];
        if let (Some(Value::String(named)), Some(Origin::File { name: file, .. })) = (layers.get(&path), layers.origin(&path))
            && let Some(folder) = std::path::Path::new(file).parent()
        {
            let found = folder.join(named).display().to_string();
            layers.reread(&path, Value::String(found));
        }
    }
}

/// Takes the tables out of the layers and reads them; those that are wrong are noted and left out.
pub fn read_all(layers: &mut Layers, findings: &mut Findings) -> BTreeMap<String, ProviderSettings> {
    let all = ["providers".to_owned()];
    if layers.get(&all).is_some_and(|value| !value.is_table()) {
        findings.push(all.to_vec(), "must hold a table for each provider, such as [providers.my-mail]".to_owned());
    }
    let read = names(layers).into_iter().filter_map(|name| Some((name.clone(), read_one(layers, &name, findings)?))).collect();
    layers.remove(&all);
    read
}

fn names(layers: &Layers) -> Vec<String> {
    layers.get(&["providers".to_owned()]).and_then(Value::as_table).map(|tables| tables.keys().cloned().collect()).unwrap_or_default()
}

/// Reads one table as [`read::read`] reads the rest: past every mistake.
fn read_one(layers: &mut Layers, name: &str, findings: &mut Findings) -> Option<ProviderSettings> {
    /// More than any kind has keys.
    const MOST_PROBLEMS: usize = 50;
    let table = ["providers".to_owned(), name.to_owned()];
    for _ in 0..MOST_PROBLEMS {
        let error = match attempt(layers, &table).and_then(|settings| settings.validate().map(|()| settings)) {
            Ok(settings) => return Some(settings).filter(|_| !findings.has(&table)),
            Err(error) => error,
        };
        let stop =
            |error: &SettingError| Stop { path: path_to(&table, error), wrong: error.wrong.clone(), in_list: error.key.contains('[') };
        // What is of the right type but not usable would not become so by another reading.
        let unreadable = attempt(layers, &table).is_err();
        if unreadable && read::reread(layers, stop(&error), |layers| attempt(layers, &table).err().as_ref().map(stop)).is_ok() {
            continue;
        }
        let path = path_to(&table, &error);
        let told = findings.has(&path);
        findings.push(path.clone(), sentence(layers, &path, &error));
        // What the kind is cannot be guessed; a wrong key is left out; where that will not do either, a text stands in for it,
        // so that the rest is read as well.
        match (path == table || error.key == "kind", layers.remove(&path), told) {
            (true, ..) | (false, Some(_), true) => return None,
            (false, Some(_), false) => {}
            (false, None, _) => layers.reread(&path, Value::String("stand-in".to_owned())),
        }
    }
    None
}

fn attempt(layers: &Layers, table: &[String]) -> Result<ProviderSettings, SettingError> {
    let whole = || SettingError::new("", None, "must be a section");
    match serde_json::to_value(layers.get(table)) {
        Ok(serde_json::Value::Object(table)) => ProviderSettings::read(table),
        _ => Err(whole()),
    }
}

/// The key that an error names; what lies inside a list is told of the whole list.
fn path_to(table: &[String], error: &SettingError) -> Path {
    let keys = error.key.split('[').next().unwrap_or_default();
    table.iter().cloned().chain(keys.split('.').filter(|key| !key.is_empty()).map(str::to_owned)).collect()
}

fn sentence(layers: &Layers, path: &[String], error: &SettingError) -> String {
    match &error.wrong {
        Wrong::Missing(_) => "missing".to_owned(),
        Wrong::Unknown { name, known } => {
            let known: Vec<_> = known.iter().cloned().chain(COMMON_KEYS.map(str::to_owned)).collect();
            read::no_such_setting(layers, path, name, &known)
        }
        Wrong::Type { expected } => format!("must be {}", read::in_words(expected).trim_end_matches(',')),
        Wrong::Refused(sentence) => sentence.trim_start_matches("is ").to_owned(),
    }
}

/// Checks that every channel names providers that are there and can serve it.
pub fn validate_use(
    channels: &BTreeMap<Channel, ChannelSettings>,
    providers: &BTreeMap<String, ProviderSettings>,
    given: &Layers,
    findings: &mut Findings,
) {
    // A table that is there but wrong is not unknown as well.
    let tables = names(given);
    let serving = channels.iter().flat_map(|(channel, settings)| settings.providers.iter().map(move |name| (*channel, name)));
    for (channel, name, provider) in serving.filter_map(|(channel, name)| Some((channel, name, providers.get(name)?))) {
        if provider.serves(channel)
            && let Err(error) = provider.validate_channel(channel)
        {
            let path = path_to(&["providers".to_owned(), name.clone()], &error);
            let sentence = sentence(given, &path, &error);
            findings.push(path, sentence);
        }
    }
    for (channel, settings) in channels {
        let mut at = findings.section(&["channels", channel.as_str()]);
        if *channel == Channel::InApp && !settings.providers.is_empty() {
            at.wrong("providers", "must be left out: in-app messages need no provider");
        }
        for name in &settings.providers {
            if settings.providers.iter().filter(|other| *other == name).count() > 1 {
                at.wrong("providers", format!("names {name} twice"));
            } else if !tables.contains(name) {
                at.wrong("providers", unknown(name, &tables));
            } else if let Some(provider) = providers.get(name).filter(|provider| !provider.serves(*channel)) {
                let others: Vec<_> = registry::kinds_for(*channel).map(|kind| kind.name).collect();
                let kinds = channel::join(&others);
                at.wrong("providers", format!("{name} (kind {}) cannot serve {channel}; {kinds} can", provider.kind.name));
            }
        }
    }
}

fn unknown(name: &str, tables: &[String]) -> String {
    match closest(name, tables.iter().map(String::as_str)) {
        Some(close) => format!("there is no [providers.{name}]; did you mean {close}?"),
        None if tables.is_empty() => format!("there is no [providers.{name}], nor any other provider"),
        None => format!("there is no [providers.{name}]; there are {}", join(tables)),
    }
}
