//! From an event to the texts of a message, in the user's language and time zone.
//!
//! Templates are minijinja's, one a kind of message and part: `{language}/{kind}/{part}` such as `de/alert/short.txt`. They
//! are compiled in; a folder of the same layout replaces single ones, or adds languages. For a user with the locale `de-AT`
//! a part is looked for in `de-at`, `de`, `any` and `en`, in that order.
//!
//! A message is never lost to a template: a part that fails is replaced by a plain sentence, and the failure is handed to
//! the caller beside it.

mod cuttable;
pub mod phrase;
mod plain;
mod sms;
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
use watchbell_core::text::visible;
use watchbell_core::{Channel, Timestamp};
use watchbell_providers::fit::Text;
use watchbell_providers::provider::Content;

use phrase::Phrase;
use vars::{About, Around, Entry, Made, Vars, to_value};

/// What an SMS may take, in parts, unless the settings say otherwise.
const SMS_PARTS: usize = 3;

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
#[derive(Clone, Debug, Default, Serialize)]
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
    /// Whether the reader can accept the alert in answer to this.
    pub can_answer: bool,
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
    /// For phrases whose own template fails.
    built_in: Environment<'static>,
    sms_parts: usize,
}

impl Renderer {
    /// With the built-in templates, and those in `folder` instead of them.
    ///
    /// # Errors
    /// A file in the folder is none of the templates' names, cannot be read, or is no template; the error names it and the line.
    pub fn new(folder: Option<&Path>) -> Result<Self, RenderError> {
        let environment = |folder| {
            let mut templates = Environment::new();
            plain::register(&mut templates);
            cuttable::register(&mut templates);
            times::register(&mut templates);
            spoken::register(&mut templates);
            text::register(&mut templates);
            templates::load(&mut templates, folder)?;
            Ok(templates)
        };
        Ok(Self { templates: environment(folder)?, built_in: environment(None)?, sms_parts: SMS_PARTS })
    }

    /// With the built-in templates alone.
    ///
    /// # Panics
    /// Never: that they are templates, tests see to.
    #[expect(clippy::expect_used, reason = "the templates are compiled in")]
    pub fn built_in() -> Self {
        Self::new(None).expect("the built-in templates are templates")
    }

    /// Lets an SMS have so many parts at most.
    #[must_use]
    pub fn with_sms_parts(self, sms_parts: usize) -> Self {
        Self { sms_parts, ..self }
    }

    /// Renders every part of a message.
    pub fn render(&self, kind: MessageKind, about: &RenderContext) -> Rendered {
        self.render_parts(None, kind, about, Part::ALL)
    }

    /// Renders the parts that a channel's providers send; the others are empty.
    pub fn render_for(&self, channel: Channel, kind: MessageKind, about: &RenderContext) -> Rendered {
        self.render_parts(Some(channel), kind, about, Part::of(channel))
    }

    fn render_parts(&self, channel: Option<Channel>, kind: MessageKind, about: &RenderContext, parts: &[Part]) -> Rendered {
        let mut job = Job { renderer: self, about, language: None, problems: Vec::new() };
        let content = job.content(channel, kind, parts);
        Rendered { content, problems: job.problems }
    }
}

/// The language of a text: the reader's country with it, where it is the reader's language.
fn refined(language: &str, locale: &str) -> String {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    if !language.contains('-') && primary(language) == primary(locale) { locale.to_owned() } else { language.to_owned() }
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
    renderer: &'a Renderer,
    about: &'a RenderContext,
    /// Of the part that was rendered last: that is what is read.
    language: Option<String>,
    problems: Vec<RenderError>,
}

impl Job<'_> {
    fn content(&mut self, channel: Option<Channel>, kind: MessageKind, parts: &[Part]) -> Content {
        let about = self.about;
        let items: Vec<Value> = about.items.iter().map(|item| self.item(item)).collect();
        let base = Arc::new(About {
            is_high: match &about.event {
                Some(event) => is_high(event),
                None => about.items.iter().any(|item| is_high(&item.event)),
            },
            is_fallback: about.is_fallback,
            due_at: about.due_at,
            items,
            ..self.about(kind, about.event.clone())
        });
        // In this order: the language of the last one is the message's.
        let subject = text::within(&self.said(parts, Part::Subject, &base, text::one_line), text::LONGEST_SUBJECT).into_string();
        let short = self.said(parts, Part::Short, &base, text::one_line);
        let full = text::within(&self.said(parts, Part::Text, &base, text::tidy), text::LONGEST_TEXT);
        let speech = text::within(&self.said(parts, Part::Speech, &base, text::one_line), text::LONGEST_SPEECH);
        let locale = self.language.clone().unwrap_or_else(|| templates::LANGUAGE_OF_LAST_RESORT.to_owned());
        let reader = Reader { locale: locale.clone(), ..about.reader.as_ref().clone() };
        let phrase = |phrase, is_needed: bool| {
            let said = is_needed.then(|| self.renderer.phrase(phrase, &reader, about.now, None).text);
            said.unwrap_or_default()
        };
        let open = phrase(Phrase::Open, base.url.is_some());
        let menu = phrase(Phrase::CallMenu, about.can_answer && parts.contains(&Part::Speech));
        let html = if parts.contains(&Part::Html) {
            let around = Around { subject: subject.clone(), text: full.to_string(), open: open.clone() };
            self.part(Part::Html, &base, Some(around))
        } else {
            None
        };
        Content {
            // A mail without HTML is better than one without words.
            html: html.unwrap_or_default(),
            short: match channel {
                Some(Channel::Sms) => sms::fit(&short, self.renderer.sms_parts).into(),
                _ => text::within(&short, text::LONGEST_SHORT),
            },
            speech,
            menu,
            open,
            locale,
            subject,
            text: full,
            url: base.url.clone(),
        }
    }

    /// One part if it is wanted; a plain sentence where it has no words of its own.
    fn said(&mut self, parts: &[Part], part: Part, base: &Arc<About>, shape: fn(&str) -> String) -> Text {
        if !parts.contains(&part) {
            return Text::default();
        }
        let said = self.part(part, base, None).unwrap_or_else(|| {
            self.language = None;
            let items = || self.about.items.iter().map(|item| plain_sentence(&item.event)).collect::<Vec<_>>().join("\n");
            visible(&self.about.event.as_deref().map_or_else(items, plain_sentence)).into_owned()
        });
        Text::read(&shape(&said))
    }

    /// What every message is about; what only one that is sent by itself says is left out.
    fn about(&self, kind: MessageKind, event: Option<Arc<EventData>>) -> About {
        About {
            kind,
            url: event.as_deref().and_then(web_url),
            event,
            reader: self.about.reader.clone(),
            now: self.about.now,
            due_at: None,
            is_high: false,
            is_fallback: false,
            items: Vec::new(),
            more: Vec::new(),
            made: Made::default(),
        }
    }

    /// An entry of a bundle's list: its subject is that of the message alone. That it is urgent, the list's own subject says.
    fn item(&mut self, item: &Item) -> Value {
        let alone = Arc::new(self.about(item.kind, Some(item.event.clone())));
        let subject = self.part(Part::Subject, &alone, None).unwrap_or_else(|| visible(&plain_sentence(&item.event)).into_owned());
        to_value(&Entry {
            kind: item.kind.folder(),
            subject: text::within(&Text::read(&text::one_line(&subject)), text::LONGEST_SUBJECT).into_string(),
            url: web_url(&item.event),
            at: item.at.as_millis(),
            high: is_high(&item.event),
            category: item.event.category().unwrap_or_default(),
        })
    }

    /// One part; None, with the problem noted, if its template fails or gives no word.
    fn part(&mut self, part: Part, about: &Arc<About>, around: Option<Around>) -> Option<String> {
        let (language, template) = templates::find(&self.renderer.templates, &self.about.reader.locale, about.kind.folder(), part.file())?;
        // What belongs to no language is set around what was said in one.
        let language = language.map(|language| refined(&language, &self.about.reader.locale)).or_else(|| self.language.clone());
        let lang = language.clone().unwrap_or_else(|| templates::LANGUAGE_OF_LAST_RESORT.to_owned());
        match template.render(Value::from_object(Vars { about: about.clone(), lang, around })) {
            Ok(text) if text.trim().is_empty() => None,
            Ok(text) => {
                self.language = language;
                Some(text)
            }
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

/// The event's page. Other schemes than the web's do not become links, and characters that nobody sees are written so that they are.
fn web_url(event: &EventData) -> Option<String> {
    let url = match event {
        EventData::Alert(alert) => alert.url.as_deref(),
        EventData::Update(update) => update.url.as_deref(),
        EventData::Subscription(subscription) => subscription.url.as_deref(),
        EventData::Duty(_) | EventData::Verification(_) => None,
    }?;
    let is_plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
    let is_web = is_plain && (url.starts_with("https://") || url.starts_with("http://"));
    if is_web && visible(url) != url { url::Url::parse(url).ok().map(String::from) } else { is_web.then(|| url.to_owned()) }
}

/// What an event says when no template can say it.
fn plain_sentence(event: &EventData) -> String {
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
