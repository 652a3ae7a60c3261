//! Phrases ([`watchbell_providers::phrase`]) in the reader's language.

use std::sync::Arc;

use minijinja::{Environment, Value};
use serde::Serialize;
use watchbell_core::Timestamp;
use watchbell_providers::fit::Text;
use watchbell_providers::phrase::{Phrase, Since, Wording};

use super::message::{MessageKind, Reader, RenderError};
use super::renderer::Renderer;
use super::templates::refined;
use super::vars::{About, Answer, CalledIn, Made, Vars, to_value};
use super::{templates, text};

pub(super) const FOLDER: &str = "phrase";

impl Renderer {
    /// Says something to somebody. A template of one's own that fails
    /// gives way to the built-in one of the last resort.
    pub fn phrase(&self, phrase: Phrase, reader: &Reader, now: Timestamp, since: Option<&Since>) -> Wording {
        self.phrase_of(phrase, reader, now, since, &[])
    }

    /// The language in which a phrase can be said to a reader.
    pub fn language(&self, phrase: Phrase, locale: &str) -> String {
        let found = templates::find(&self.templates, locale, FOLDER, phrase.file()).and_then(|(language, _)| language);
        refined(found.as_deref().unwrap_or(templates::LANGUAGE_OF_LAST_RESORT), locale)
    }

    /// A page of the web, of what its template speaks of.
    ///
    /// # Errors
    /// The template fails, and so does the built-in one.
    pub fn page<P: Serialize>(&self, page: &P) -> Result<String, RenderError> {
        let name = templates::PAGE.0;
        let write = |templates: &Environment<'static>| {
            let written = templates.get_template(name).and_then(|template| template.render(to_value(page)));
            written.map_err(|error| RenderError::of(name, &error))
        };
        write(&self.templates).or_else(|error| {
            tracing::warn!(%error, "a page was written by the built-in template");
            write(&self.built_in)
        })
    }

    /// Says a phrase that also speaks of `of`, by name.
    pub fn phrase_of(
        &self,
        phrase: Phrase,
        reader: &Reader,
        now: Timestamp,
        since: Option<&Since>,
        of: &[(&'static str, &str)],
    ) -> Wording {
        let mut more = since.map(self::of).unwrap_or_default();
        more.extend(of.iter().map(|(name, value)| (*name, Value::from(*value))));
        let said = say(&self.templates, phrase, reader, now, more.clone()).or_else(|error| {
            tracing::warn!(%error, "a phrase was said in the words of the built-in template");
            say(&self.built_in, phrase, reader, now, more)
        });
        said.unwrap_or_default()
    }
}

fn say(
    templates: &Environment<'static>,
    phrase: Phrase,
    reader: &Reader,
    now: Timestamp,
    more: Vec<(&'static str, Value)>,
) -> Result<Wording, RenderError> {
    let Some((language, template)) = templates::find(templates, &reader.locale, FOLDER, phrase.file()) else {
        return Ok(Wording::default());
    };
    let language = refined(language.as_deref().unwrap_or(templates::LANGUAGE_OF_LAST_RESORT), &reader.locale);
    let about = Arc::new(About {
        // No template of a phrase asks what kind it is.
        kind: MessageKind::Alert,
        event: None,
        reader: Arc::new(reader.clone()),
        now,
        due_at: None,
        is_high: false,
        is_fallback: false,
        called_in: CalledIn::default(),
        items: Vec::new(),
        url: None,
        answer: Answer::default(),
        more,
        made: Made::default(),
    });
    let text = template.render(Value::from_object(Vars { about, lang: language.clone(), around: None }));
    let text = text.map_err(|error| RenderError::of(template.name(), &error))?;
    Ok(Wording { text: Text::read(&text::one_line(&text)).into_string(), language })
}

/// What phrases call it.
fn of(since: &Since) -> Vec<(&'static str, Value)> {
    vec![("state", since.state.into()), ("at", since.at.as_millis().into()), ("by", since.by.as_str().into())]
}
