//! What templates can speak of. Each is made when a template asks for it: most ask for little.

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::Object;
use serde::Serialize;
use watchbell_core::event::EventData;
use watchbell_core::{NamedAs, Timestamp};

use super::message::{MessageKind, Reader};

/// What all parts of a message speak of.
#[derive(Debug)]
pub(super) struct About {
    pub kind: MessageKind,
    /// None for bundles and digests.
    pub event: Option<Arc<EventData>>,
    pub reader: Arc<Reader>,
    pub now: Timestamp,
    pub due_at: Option<Timestamp>,
    pub is_high: bool,
    pub is_fallback: bool,
    /// Why the reader is told who was not named by name.
    pub called_in: CalledIn,
    /// The entries of a bundle or digest.
    pub items: Vec<Value>,
    /// The event's page.
    pub url: Option<String>,
    /// How the reader can answer, as far as the words of a message say it.
    pub answer: Answer,
    /// What only some phrases speak of, by name.
    pub more: Vec<(&'static str, Value)>,
    pub made: Made,
}

/// `answer` in templates: what is empty or false is not to be said.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Answer {
    /// The page on which it can be answered.
    pub url: String,
    /// What a reply can name the alert by; given where replies are heard.
    pub code: String,
    /// What the buttons are called.
    pub accept: String,
    pub resolve: String,
    pub decline: String,
}

/// `called_in` in templates: what is empty or false is not to be said.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct CalledIn {
    /// By which the reader is on duty.
    pub schedule: String,
    /// Whether their shift began while the alert was open.
    pub is_new: bool,
    /// The escalation list whose step tells them, after the first one.
    pub list: String,
    pub step: i64,
}

impl CalledIn {
    pub fn of(named_as: Option<&NamedAs>) -> Self {
        match named_as {
            Some(NamedAs::OnDuty { schedule }) => Self { schedule: schedule.clone(), ..Self::default() },
            Some(NamedAs::NewOnDuty { schedule }) => Self { schedule: schedule.clone(), is_new: true, ..Self::default() },
            Some(NamedAs::Step { list, step, named_as }) => {
                let of_list = if *step > 1 { Self { list: list.clone(), step: *step, ..Self::default() } } else { Self::default() };
                Self { list: of_list.list, step: of_list.step, ..Self::of(named_as.as_deref()) }
            }
            Some(NamedAs::Member { .. } | NamedAs::Nearest { .. } | NamedAs::Fallback { .. } | NamedAs::Unknown(_)) | None => {
                Self::default()
            }
        }
    }
}

/// What is made once, however often it is asked for.
#[derive(Debug, Default)]
pub(super) struct Made {
    event: OnceLock<Value>,
    user: OnceLock<Value>,
}

impl About {
    fn value(&self, name: &str) -> Option<Value> {
        Some(match name {
            "kind" => self.kind.folder().into(),
            "event" => self.made.event.get_or_init(|| self.event.as_ref().map_or(Value::UNDEFINED, to_value)).clone(),
            "user" => self.made.user.get_or_init(|| to_value(&self.reader)).clone(),
            "now" => self.now.as_millis().into(),
            "due_at" => self.due_at.map(Timestamp::as_millis).into(),
            "high" => self.is_high.into(),
            "fallback" => self.is_fallback.into(),
            "called_in" => to_value(&self.called_in),
            "items" => self.items.clone().into(),
            "answer" => to_value(&self.answer),
            // Absent, not none: a template that writes it without asking writes nothing.
            "url" => self.url.as_deref().map_or(Value::UNDEFINED, Value::from),
            _ => return self.more.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
        })
    }
}

/// What one part speaks of.
#[derive(Debug)]
pub(super) struct Vars {
    pub about: Arc<About>,
    pub lang: String,
    /// For what is set around them.
    pub around: Option<Around>,
}

/// What HTML is set around.
#[derive(Clone, Debug)]
pub(super) struct Around {
    pub subject: String,
    pub text: String,
    /// What a link to the event's page is called.
    pub open: String,
}

impl Object for Vars {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        match (name, &self.around) {
            ("lang", _) => Some(self.lang.as_str().into()),
            ("subject", Some(around)) => Some(around.subject.as_str().into()),
            ("text", Some(around)) => Some(around.text.as_str().into()),
            ("open", Some(around)) => Some(around.open.as_str().into()),
            _ => self.about.value(name),
        }
    }
}

/// An entry of a bundle's list.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    pub kind: &'a str,
    pub subject: String,
    pub url: Option<String>,
    pub at: i64,
    pub high: bool,
    pub category: &'a str,
}

pub(super) fn to_value<T: Serialize>(value: &T) -> Value {
    Value::from(minijinja::value::Serde(value))
}
