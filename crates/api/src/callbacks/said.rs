//! What is said to people who answer, in their language, from the templates.

use watchbell_channels::render::{Reader, Renderer};
use watchbell_core::Timestamp;
use watchbell_providers::inbound::Words;
use watchbell_providers::phrase::{Phrase, Since, Wording};

use crate::state::Api;

/// A phrase that also speaks of these, by name.
pub(crate) fn say(api: &Api, phrase: Phrase, locale: &str, since: Option<&Since>, of: &[(&'static str, &str)]) -> String {
    api.settings.renderer.phrase_of(phrase, &reader(locale), api.clock.now(), since, of).text
}

/// What providers word their replies with, now.
pub(super) fn phrases(api: &Api) -> Phrases<'_> {
    Phrases { renderer: &api.settings.renderer, now: api.clock.now() }
}

pub(super) struct Phrases<'r> {
    renderer: &'r Renderer,
    now: Timestamp,
}

impl Words for Phrases<'_> {
    fn say(&self, phrase: Phrase, locale: &str, since: Option<&Since>) -> Wording {
        self.renderer.phrase(phrase, &reader(locale), self.now, since)
    }
}

fn reader(locale: &str) -> Reader {
    Reader { locale: locale.to_owned(), ..Reader::default() }
}
