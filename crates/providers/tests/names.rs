//! A provider is one folder: no source outside of this crate names a kind of provider.
//!
//! That nobody outside uses a kind's module is the compiler's to say, as `kinds` is private. This is about names in code: a kind
//! that is compared, looked up or built by its name. Only those kinds are looked for whose name is no word of Watchbell's own, as
//! `telegram` is that of a channel and `fcm` that of a device, or `http` and `meta` are words of HTML and URLs. The demo, which writes a configuration, is
//! left out.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

use watchbell_core::Channel;
use watchbell_core::contact::ContactKind;
use watchbell_core::device::DeviceKind;
use watchbell_providers::registry;

/// Source files below a folder, without tests and what is left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") && !path.ends_with("cli/demo") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// What of a file is code: no comments, and no tests, which stand at its end.
fn code(text: &str) -> impl Iterator<Item = (usize, String)> {
    let code = text.lines().take_while(|line| *line != "#[cfg(test)]").enumerate();
    code.map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default().to_lowercase()))
}

#[test]
fn no_source_outside_of_this_crate_names_a_kind() {
    let words = Channel::ALL.iter().map(|channel| channel.as_str());
    let words = words.chain(ContactKind::ALL.iter().map(|kind| kind.as_str())).chain(DeviceKind::ALL.iter().map(|kind| kind.as_str()));
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    let kinds: Vec<&str> = registry::kinds()
        .iter()
        .map(|kind| kind.name)
        .filter(|name| !["http", "meta"].contains(name) && !words.iter().any(|word| word == name))
        .collect();
    assert!(kinds.len() >= 3, "{kinds:?}");
    let mut files = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() && !folder.ends_with("providers") {
            sources(&folder.join("src"), &mut files);
        }
    }
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        for (line, text) in code(&fs::read_to_string(&file).unwrap()) {
            // As a word: `meta` is none in `metadata`.
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            let mut words = text.split(|c| !is_word(c));
            let named = words.find_map(|word| kinds.iter().find(|kind| **kind == word));
            assert_eq!(named, None, "{}:{line} names a kind of provider; ask the kind through its trait", file.display());
        }
    }
}
