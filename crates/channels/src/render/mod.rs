//! From an event to the texts of a message, in the user's language and time zone.
//!
//! Templates are minijinja's, one a kind of message and part: `{language}/{kind}/{part}` such as `de/alert/short.txt`. They
//! are compiled in; a folder of the same layout replaces single ones, or adds languages. For a user with the locale `de-AT`
//! a part is looked for in `de-at`, `de`, `any` and `en`, in that order.
//!
//! A message is never lost to a template: a part that fails is replaced by a plain sentence, and the failure is handed to
//! the caller beside it.

mod spoken;
mod templates;
#[cfg(test)]
mod tests;
mod text;
mod times;
mod vars;

use std::path::Path;
use std::sync::Arc;

use minijinja::{Environment, Value};
use serde::Serialize;
use watchbell_core::event::{EventData, Priority, UpdateStatus};
use watchbell_core::{Channel, Timestamp};

use crate::provider::Content;
pub(crate) use text::{cut, cut_utf16};
use vars::{About, Entry, Made, Vars, to_value};

/// What a message is, which chooses its templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    Alert,
    Update,
    Duty,
    DutyCancelled,
    Subscription,
    Verification,
    /// Several messages to one address in one.
    Bundle,
    /// A period's messages in one mail.
    Digest,
}

impl MessageKind {
    pub const ALL: [Self; 8] =
        [Self::Alert, Self::Update, Self::Duty, Self::DutyCancelled, Self::Subscription, Self::Verification, Self::Bundle, Self::Digest];

    /// The templates' folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Update => "update",
            Self::Duty => "duty",
            Self::DutyCancelled => "duty_cancelled",
            Self::Subscription => "subscription",
            Self::Verification => "verification",
            Self::Bundle => "bundle",
            Self::Digest => "digest",
        }
    }
}

/// Who reads it.
#[derive(Clone, Debug, Serialize)]
pub struct Reader {
    /// What to call them.
    pub name: String,
    /// BCP 47.
    pub locale: String,
    /// IANA name.
    pub timezone: String,
}

/// One message of a bundle or digest.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: MessageKind,
    pub event: Arc<EventData>,
    /// When it was due.
    pub at: Timestamp,
}

/// All that a template can speak of.
#[derive(Clone, Debug)]
pub struct RenderContext {
    /// None for bundles and digests.
    pub event: Option<Arc<EventData>>,
    /// The messages of a bundle or digest, in the order in which they are shown; empty otherwise.
    pub items: Vec<Item>,
    pub reader: Arc<Reader>,
    /// When it is sent: remaining times count from here.
    pub now: Timestamp,
    pub due_at: Option<Timestamp>,
    /// The mail for a user who has no rule.
    pub is_fallback: bool,
}

/// A template that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("the template {name}, line {line}: {message}")]
    Template { name: String, line: usize, message: String },
    #[error("the template folder's {file}: {message}")]
    Folder { file: String, message: String },
}

impl RenderError {
    fn of(name: &str, error: &minijinja::Error) -> Self {
        // An error in an included or extended template names that one.
        let name = error.name().unwrap_or(name).to_owned();
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Self::Template { name, line: error.line().unwrap_or(0), message: format!("{}{detail}", error.kind()) }
    }
}

/// A message's texts, with what went wrong on the way.
#[derive(Debug)]
pub struct Rendered {
    pub content: Content,
    /// Parts that were replaced by a plain sentence; to be said once, not a reason to hold anything up.
    pub problems: Vec<RenderError>,
}

/// Renders messages; made once, at start.
#[derive(Debug)]
pub struct Renderer {
    templates: Environment<'static>,
}

impl Renderer {
    /// With the built-in templates, and those in `folder` instead of them.
    ///
    /// # Errors
    /// A file in the folder is none of the templates' names, cannot be read, or is no template; the error names it and the line.
    pub fn new(folder: Option<&Path>) -> Result<Self, RenderError> {
        let mut templates = Environment::new();
        times::register(&mut templates);
        spoken::register(&mut templates);
        text::register(&mut templates);
        templates::load(&mut templates, folder)?;
        Ok(Self { templates })
    }

    /// Renders every part of a message.
    pub fn render(&self, kind: MessageKind, about: &RenderContext) -> Rendered {
        self.render_parts(kind, about, Part::ALL)
    }

    /// Renders the parts that a channel's providers send; the others are empty.
    pub fn render_for(&self, channel: Channel, kind: MessageKind, about: &RenderContext) -> Rendered {
        self.render_parts(kind, about, Part::of(channel))
    }

    fn render_parts(&self, kind: MessageKind, about: &RenderContext, parts: &[Part]) -> Rendered {
        let mut job = Job { templates: &self.templates, about, problems: Vec::new() };
        let content = job.content(kind, parts);
        Rendered { content, problems: job.problems }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    /// Set around the subject and the text, so it needs both.
    Html,
    Short,
    Speech,
}

impl Part {
    const ALL: &'static [Self] = &[Self::Subject, Self::Text, Self::Html, Self::Short, Self::Speech];

    fn file(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "text.txt",
            Self::Html => "html.html",
            Self::Short => "short.txt",
            Self::Speech => "speech.txt",
        }
    }

    /// What the providers of a channel send.
    fn of(channel: Channel) -> &'static [Self] {
        match channel {
            Channel::Email => &[Self::Subject, Self::Text, Self::Html],
            Channel::Sms => &[Self::Short],
            Channel::Voice => &[Self::Speech],
            Channel::Push | Channel::Whatsapp => &[Self::Subject, Self::Short],
            Channel::Telegram => &[Self::Text],
            Channel::Slack | Channel::Teams | Channel::Mattermost | Channel::Webhook | Channel::InApp => {
                &[Self::Subject, Self::Text, Self::Short]
            }
        }
    }
}

struct Job<'a> {
    templates: &'a Environment<'static>,
    about: &'a RenderContext,
    problems: Vec<RenderError>,
}

impl Job<'_> {
    fn content(&mut self, kind: MessageKind, parts: &[Part]) -> Content {
        let about = self.about;
        let items: Vec<Value> = about.items.iter().map(|item| self.item(item)).collect();
        let url = about.event.as_deref().and_then(web_url).map(str::to_owned);
        let plain = || match &about.event {
            Some(event) => plain(event),
            None => about.items.iter().map(|item| plain(&item.event)).collect::<Vec<_>>().join("\n"),
        };
        let base = Arc::new(About {
            kind,
            is_high: match &about.event {
                Some(event) => is_high(event),
                None => about.items.iter().any(|item| is_high(&item.event)),
            },
            is_fallback: about.is_fallback,
            due_at: about.due_at,
            items,
            item_width: text::share_of_short(about.items.len()),
            ..self.about(kind, about.event.clone())
        });
        let mut said = |part: Part| {
            if parts.contains(&part) { self.part(kind, part, &base, None).unwrap_or_else(plain) } else { String::new() }
        };
        let subject = text::one_line(&said(Part::Subject), text::LONGEST_SUBJECT);
        let full = text::tidy(&said(Part::Text));
        let short = text::one_line(&said(Part::Short), text::LONGEST_SHORT);
        let speech = text::one_line(&said(Part::Speech), text::LONGEST_SPEECH);
        let around = || Some((subject.clone(), full.clone()));
        let html = if parts.contains(&Part::Html) { self.part(kind, Part::Html, &base, around()) } else { None };
        Content {
            // A mail without HTML is better than one without words.
            html: html.unwrap_or_default(),
            short,
            speech,
            locale: about.reader.locale.clone(),
            subject,
            text: full,
            url,
        }
    }

    /// What every message is about; what only one that is sent by itself says is left out.
    fn about(&self, kind: MessageKind, event: Option<Arc<EventData>>) -> About {
        About {
            kind,
            event,
            reader: self.about.reader.clone(),
            now: self.about.now,
            due_at: None,
            is_high: false,
            is_fallback: false,
            items: Vec::new(),
            item_width: 0,
            made: Made::default(),
        }
    }

    /// An entry of a bundle's list: its subject is that of the message alone. That it is urgent, the list's own subject says.
    fn item(&mut self, item: &Item) -> Value {
        let alone = Arc::new(self.about(item.kind, Some(item.event.clone())));
        let subject = self.part(item.kind, Part::Subject, &alone, None).unwrap_or_else(|| plain(&item.event));
        to_value(&Entry {
            kind: item.kind.folder(),
            subject: text::one_line(&subject, text::LONGEST_SUBJECT),
            url: web_url(&item.event),
            at: item.at.as_millis(),
            high: is_high(&item.event),
            category: item.event.category().unwrap_or_default(),
        })
    }

    /// One part; None, with the problem noted, if its template fails or gives no word.
    fn part(&mut self, kind: MessageKind, part: Part, about: &Arc<About>, around: Option<(String, String)>) -> Option<String> {
        let (lang, template) = templates::find(self.templates, &self.about.reader.locale, kind, part.file())?;
        match template.render(Value::from_object(Vars { about: about.clone(), lang, around })) {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => Some(text),
            Err(error) => {
                self.problems.push(RenderError::of(template.name(), &error));
                None
            }
        }
    }
}

fn is_high(event: &EventData) -> bool {
    matches!(event, EventData::Alert(alert) if alert.priority == Some(Priority::High))
}

/// The event's page. Other schemes than the web's do not become links.
fn web_url(event: &EventData) -> Option<&str> {
    let url = match event {
        EventData::Alert(alert) => alert.url.as_deref(),
        EventData::Update(update) => update.url.as_deref(),
        EventData::Subscription(subscription) => subscription.url.as_deref(),
        EventData::Duty(_) | EventData::Verification(_) => None,
    }?;
    let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
    (is_plain && (url.starts_with("https://") || url.starts_with("http://"))).then_some(url)
}

/// What an event says when no template can say it.
fn plain(event: &EventData) -> String {
    match event {
        EventData::Alert(alert) if is_high(event) => format!("HIGH: {}", alert.summary),
        EventData::Alert(alert) => alert.summary.clone(),
        EventData::Update(update) => {
            let status = match update.status {
                UpdateStatus::Accepted => "Accepted",
                UpdateStatus::Resolved => "Resolved",
                UpdateStatus::Escalated => "Escalated",
            };
            format!("{status}: {}", update.summary.as_deref().unwrap_or(&update.alert_id))
        }
        EventData::Duty(duty) => format!("On call: {}, {} to {}", duty.schedule, duty.starts_at, duty.ends_at),
        EventData::Subscription(subscription) => format!("{}: {}", subscription.title, subscription.message),
        EventData::Verification(verification) => format!("Verification code: {}", verification.code.expose()),
    }
}
