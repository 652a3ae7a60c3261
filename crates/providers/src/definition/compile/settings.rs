//! What a provider's table takes.

use std::collections::BTreeMap;

use super::Compiler;
use crate::definition::format::{File, SettingType};
use crate::definition::place::regex;
use crate::definition::values::Declared;
use crate::settings::COMMON_KEYS;

/// What no definition may call a setting: the keys that every provider's table has, and those of `http`.
const RESERVED: [&str; 4] = ["kind", "definition", "allow_private", "allow_networks"];
/// How secrets' keys end, by which the configuration knows that their values are not to be shown.
const SECRET_ENDINGS: [&str; 4] = ["key", "token", "secret", "password"];

impl Compiler {
    pub(super) fn settings(&mut self, file: &File) -> BTreeMap<String, Declared> {
        let mut all = BTreeMap::new();
        for (name, given) in &file.settings {
            let key = format!("settings.{name}");
            let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !is_name {
                self.mistakes.add(&key, "must be called by lower-case letters, digits and _");
            } else if COMMON_KEYS.contains(&name.as_str()) || RESERVED.contains(&name.as_str()) {
                self.mistakes.add(&key, "has a name that Watchbell itself uses; choose another");
            }
            let looks_secret = SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending));
            if given.kind == SettingType::Secret && !looks_secret {
                let endings = SECRET_ENDINGS.join(", ");
                self.mistakes.add(&key, format!("is a secret, and its name must end as one for its value to be hidden: {endings}"));
            }
            if given.doc.trim().is_empty() {
                self.mistakes.add(&format!("{key}.doc"), "must say what it is");
            }
            if given.default.is_some() && (given.optional || given.kind == SettingType::Secret) {
                self.mistakes.add(&format!("{key}.default"), "cannot be: it is optional, or a secret");
            }
            let channels = given.channels.iter().filter_map(|name| self.channel(&format!("{key}.channels"), name)).collect();
            let pattern =
                given.pattern.as_ref().and_then(|pattern| self.right(&format!("{key}.pattern"), regex(&format!("^(?:{pattern})$"))));
            let doc = given.doc.clone();
            let declared = Declared { kind: given.kind, default: given.default.clone(), optional: given.optional, channels, pattern, doc };
            if let Some(Err(error)) = given.default.as_ref().map(|value| declared.check(name, value)) {
                self.mistakes.add(&format!("{key}.default"), error.wrong.to_string());
            }
            all.insert(name.clone(), declared);
        }
        all
    }

    pub(super) fn one_of(&mut self, file: &File) {
        for (at, group) in file.one_of.iter().enumerate() {
            let key = format!("one_of[{at}]");
            if group.len() < 2 {
                self.mistakes.add(&key, "must be two or more settings");
            }
            for name in group {
                if file.settings.get(name).is_none_or(|setting| !setting.optional) {
                    self.mistakes.add(&key, format!("names `{name}`, which is no optional setting"));
                }
            }
        }
    }
}
