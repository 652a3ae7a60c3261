//! The built-in templates, and a folder's in their place.

use std::fs;
use std::path::Path;

use minijinja::{Environment, Template};
use watchbell_providers::phrase::Phrase;

use super::message::{MessageKind, RenderError};
use super::part::MessagePart;
use super::phrase;

macro_rules! built_in {
    ($($language:literal: $parts:tt of $kinds:tt),+ $(,)?) => { &[$(built_in!(@kinds $language $parts $kinds)),+] };
    (@kinds $language:literal $parts:tt [$($kind:literal),+]) => { &[$(built_in!(@parts $language $kind $parts)),+] as &[&[(&str, &str)]] };
    (@parts $language:literal $kind:literal [$($part:literal),+]) => {
        &[$((
            concat!($language, "/", $kind, "/", $part),
            include_str!(concat!("../../templates/", $language, "/", $kind, "/", $part)),
        )),+] as &[(&str, &str)]
    };
}

/// By language, kind and part.
const BUILT_IN: &[&[&[(&str, &str)]]] = built_in! {
    "en": ["subject.txt", "text.txt", "short.txt", "speech.txt"]
        of ["alert", "update", "duty", "duty_cancelled", "subscription", "verification", "test", "bundle", "digest"],
    "de": ["subject.txt", "text.txt", "short.txt", "speech.txt"]
        of ["alert", "update", "duty", "duty_cancelled", "subscription", "verification", "test", "bundle", "digest"],
    "en": ["open.txt", "accept.txt", "resolve.txt", "decline.txt",
        "answer_accepted.txt", "answer_resolved.txt", "answer_declined.txt", "answer_over.txt", "answer_stranger.txt", "answer_expired.txt", "answer_unknown.txt", "text_all.txt", "text_which.txt", "text_help.txt",
        "page_state.txt", "page_as.txt", "page_no_link.txt", "page_no_link_why.txt", "page_too_many.txt", "page_gone.txt", "page_unsubscribe.txt", "page_unsubscribe_ask.txt", "page_unsubscribe_stop.txt", "page_unsubscribed.txt", "page_unsubscribe_gone.txt", "edit_note.txt",
        "remaining.txt", "chat_linked.txt", "chat_link_invalid.txt", "call_menu.txt", "call_wrong_key.txt", "call_no_key.txt",
        "call_ended.txt", "call_accepted.txt", "call_resolved.txt", "call_declined.txt", "call_over.txt", "call_unknown.txt"] of ["phrase"],
    "de": ["open.txt", "accept.txt", "resolve.txt", "decline.txt",
        "answer_accepted.txt", "answer_resolved.txt", "answer_declined.txt", "answer_over.txt", "answer_stranger.txt", "answer_expired.txt", "answer_unknown.txt", "text_all.txt", "text_which.txt", "text_help.txt",
        "page_state.txt", "page_as.txt", "page_no_link.txt", "page_no_link_why.txt", "page_too_many.txt", "page_gone.txt", "page_unsubscribe.txt", "page_unsubscribe_ask.txt", "page_unsubscribe_stop.txt", "page_unsubscribed.txt", "page_unsubscribe_gone.txt", "edit_note.txt",
        "remaining.txt", "chat_linked.txt", "chat_link_invalid.txt", "call_menu.txt", "call_wrong_key.txt", "call_no_key.txt",
        "call_ended.txt", "call_accepted.txt", "call_resolved.txt", "call_declined.txt", "call_over.txt", "call_unknown.txt"] of ["phrase"],
    "any": ["html.html"]
        of ["alert", "update", "duty", "duty_cancelled", "subscription", "verification", "test", "bundle", "digest"],
};

/// What the HTML of every kind is set in.
const LAYOUT: (&str, &str) = ("any/layout.html", include_str!("../../templates/any/layout.html"));

/// What the pages are set in that links in messages lead to.
pub(super) const PAGE: (&str, &str) = ("any/page.html", include_str!("../../templates/any/page.html"));

/// Where parts are looked for after the reader's own languages.
const LANGUAGE_OF_ALL: &str = "any";
pub const LANGUAGE_OF_LAST_RESORT: &str = "en";

/// Compiles the built-in templates, then the folder's.
pub fn load(templates: &mut Environment<'static>, folder: Option<&Path>) -> Result<(), RenderError> {
    for (name, source) in BUILT_IN.iter().copied().flatten().copied().flatten().chain([&LAYOUT, &PAGE]) {
        templates.add_template(name, source).map_err(|error| RenderError::of(name, &error))?;
    }
    folder.map_or(Ok(()), |folder| load_folder(templates, folder, ""))
}

/// The template of a part in the first language that has it, with that language; None with one that belongs to no language.
pub fn find<'a>(templates: &'a Environment<'_>, locale: &str, folder: &str, part: &str) -> Option<(Option<String>, Template<'a, 'a>)> {
    let locale = locale.to_lowercase();
    let language = locale.split('-').next().unwrap_or_default();
    let tried = [locale.as_str(), language, LANGUAGE_OF_ALL, LANGUAGE_OF_LAST_RESORT];
    tried.into_iter().find_map(|tried| {
        let template = templates.get_template(&format!("{tried}/{folder}/{part}")).ok()?;
        Some((Some(tried.to_owned()).filter(|tried| tried != LANGUAGE_OF_ALL), template))
    })
}

fn load_folder(templates: &mut Environment<'static>, folder: &Path, prefix: &str) -> Result<(), RenderError> {
    let wrong = |file: &Path, message: String| RenderError::Folder { file: file.display().to_string(), message };
    let entries = fs::read_dir(folder).map_err(|error| wrong(folder, error.to_string()))?;
    for entry in entries {
        let path = entry.map_err(|error| wrong(folder, error.to_string()))?.path();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What editors and version control leave.
        if file.starts_with('.') || file.ends_with('~') {
            continue;
        }
        let name = if prefix.is_empty() { file } else { format!("{prefix}/{file}") };
        if path.is_dir() {
            load_folder(templates, &path, &name)?;
            continue;
        }
        if !is_name(&name) {
            let right = "is none of the templates' names, which are such as en/alert/subject.txt";
            return Err(wrong(&path, right.to_owned()));
        }
        let source = fs::read_to_string(&path).map_err(|error| wrong(&path, error.to_string()))?;
        templates.add_template_owned(name, source).map_err(|error| {
            let RenderError::Template { line, message, .. } = RenderError::of("", &error) else {
                return wrong(&path, error.to_string());
            };
            wrong(&path, format!("line {line}: {message}"))
        })?;
    }
    Ok(())
}

/// `{language}/{kind}/{part}`, the layout, or a piece that others include: its name begins with `_`.
fn is_name(name: &str) -> bool {
    match name.split('/').collect::<Vec<_>>()[..] {
        [.., piece] if piece.starts_with('_') => true,
        [LANGUAGE_OF_ALL, "layout.html" | "page.html"] => true,
        [language, kind, part] => {
            let is_part =
                MessageKind::ALL.iter().any(|known| known.folder() == kind) && MessagePart::ALL.iter().any(|known| known.file() == part);
            let is_phrase = kind == phrase::FOLDER && Phrase::ALL.iter().any(|known| known.file() == part);
            language == language.to_lowercase() && watchbell_core::user::is_locale(language) && (is_part || is_phrase)
        }
        _ => false,
    }
}

/// The language of a text: the reader's country with it, where it is the reader's language.
pub(super) fn refined(language: &str, locale: &str) -> String {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    if !language.contains('-') && primary(language) == primary(locale) { locale.to_owned() } else { language.to_owned() }
}
