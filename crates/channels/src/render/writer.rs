//! Writes a message: each part by its template, or in a plain sentence where that fails.

use std::sync::Arc;

use minijinja::Value;
use watchbell_core::Channel;
use watchbell_core::event::EventData;
use watchbell_core::text::visible;
use watchbell_providers::fit::Text;
use watchbell_providers::phrase::Phrase;
use watchbell_providers::provider::Content;

use super::event_text::{is_high, plain_sentence, web_url};
use super::message::{Item, MessageKind, Reader, RenderContext, RenderError, Rendered};
use super::part::MessagePart;
use super::renderer::Renderer;
use super::templates::refined;
use super::vars::{About, Answer, Around, CalledIn, Entry, Made, Vars, to_value};
use super::{sms, templates, text};

impl Renderer {
    /// Renders every part of a message.
    pub fn render(&self, kind: MessageKind, about: &RenderContext) -> Rendered {
        self.render_parts(None, kind, about, MessagePart::ALL)
    }

    /// Renders the parts that a channel's providers send; the others are empty.
    pub fn render_for(&self, channel: Channel, kind: MessageKind, about: &RenderContext) -> Rendered {
        self.render_parts(Some(channel), kind, about, MessagePart::of(channel))
    }

    fn render_parts(&self, channel: Option<Channel>, kind: MessageKind, about: &RenderContext, parts: &[MessagePart]) -> Rendered {
        let mut writer = MessageWriter { renderer: self, about, language: None, problems: Vec::new() };
        let content = writer.content(channel, kind, parts);
        Rendered { content, problems: writer.problems }
    }
}

/// Writes the texts of one message.
struct MessageWriter<'a> {
    renderer: &'a Renderer,
    about: &'a RenderContext,
    /// Of the part that was rendered last, which is the part that is read.
    language: Option<String>,
    problems: Vec<RenderError>,
}

impl MessageWriter<'_> {
    fn content(&mut self, channel: Option<Channel>, kind: MessageKind, parts: &[MessagePart]) -> Content {
        let about = self.about;
        let items: Vec<Value> = about.items.iter().map(|item| self.item(item)).collect();
        let base = Arc::new(About {
            is_high: match &about.event {
                Some(event) => is_high(event),
                None => about.items.iter().any(|item| is_high(&item.event)),
            },
            is_fallback: about.is_fallback,
            called_in: CalledIn::of(about.named_as.as_ref()),
            due_at: about.due_at,
            answer: channel.map_or_else(Answer::default, |channel| self.answer(channel)),
            items,
            ..self.about(kind, about.event.clone())
        });
        // In this order: the language of the last one is the message's.
        let subject = text::within(&self.said(parts, MessagePart::Subject, &base, text::one_line), text::LONGEST_SUBJECT).into_string();
        let short = self.said(parts, MessagePart::Short, &base, text::one_line);
        let full = text::within(&self.said(parts, MessagePart::Text, &base, text::tidy), text::LONGEST_TEXT);
        let speech = text::within(&self.said(parts, MessagePart::Speech, &base, text::one_line), text::LONGEST_SPEECH);
        let locale = self.language.clone().unwrap_or_else(|| templates::LANGUAGE_OF_LAST_RESORT.to_owned());
        let reader = Reader { locale: locale.clone(), ..about.reader.as_ref().clone() };
        let phrase = |phrase, is_needed: bool| {
            let said = is_needed.then(|| self.renderer.phrase(phrase, &reader, about.now, None).text);
            said.unwrap_or_default()
        };
        let open = phrase(Phrase::Open, base.url.is_some());
        let menu = phrase(Phrase::CallMenu, about.answer.is_some() && parts.contains(&MessagePart::Speech));
        let html = if parts.contains(&MessagePart::Html) {
            let around = Around { subject: subject.clone(), text: full.to_string(), open: open.clone() };
            self.part(MessagePart::Html, &base, Some(around))
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
    fn said(&mut self, parts: &[MessagePart], part: MessagePart, base: &Arc<About>, shape: fn(&str) -> String) -> Text {
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

    /// What a message's words say of how to answer it: where it is read, a reply is shorter than a link, and what has buttons needs
    /// neither.
    fn answer(&self, channel: Channel) -> Answer {
        let Some(offer) = &self.about.answer else { return Answer::default() };
        let by_text = matches!(channel, Channel::Sms | Channel::Whatsapp);
        let code = if by_text && self.about.hears_replies { offer.code.clone() } else { String::new() };
        let has_link = channel == Channel::Email || (by_text && code.is_empty());
        Answer {
            url: offer.url.clone().filter(|_| has_link).unwrap_or_default(),
            code,
            accept: offer.accept.clone(),
            resolve: offer.resolve.clone(),
            decline: offer.decline.clone(),
        }
    }

    /// What every message is about; what only one that is sent by itself says is left out.
    fn about(&self, kind: MessageKind, event: Option<Arc<EventData>>) -> About {
        About {
            kind,
            url: event.as_deref().and_then(web_url),
            answer: Answer::default(),
            event,
            reader: self.about.reader.clone(),
            now: self.about.now,
            due_at: None,
            is_high: false,
            is_fallback: false,
            called_in: CalledIn::default(),
            items: Vec::new(),
            more: Vec::new(),
            made: Made::default(),
        }
    }

    /// An entry of a bundle's list: its subject is that of the message alone. That it is urgent, the list's own subject says.
    fn item(&mut self, item: &Item) -> Value {
        let alone = Arc::new(self.about(item.kind, Some(item.event.clone())));
        let subject = self.part(MessagePart::Subject, &alone, None).unwrap_or_else(|| visible(&plain_sentence(&item.event)).into_owned());
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
    fn part(&mut self, part: MessagePart, about: &Arc<About>, around: Option<Around>) -> Option<String> {
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
