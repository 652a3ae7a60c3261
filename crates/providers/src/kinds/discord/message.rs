//! What a message says: one line, which a notification shows, and all of it in an embed, which has more room.

use serde_json::{Value, json};

use crate::fit::{Text, cut};
use crate::markup;
use crate::provider::{AnswerOffer, Content, Edit, Outgoing};

/// `content`, in characters; the subject has less.
const LONGEST_LINE: usize = 256;
/// An embed's `description`, in characters. With the line it stays below the 6,000 of all embeds.
const LONGEST_TEXT: usize = 4_096;

pub fn body(message: &Outgoing) -> Value {
    whole(&message.content, None, message.answer.as_ref())
}

/// The same under what came of it, and without the link by which it could be answered.
pub fn edited(edit: &Edit) -> Value {
    whole(&edit.content, Some(&edit.note), None)
}

fn whole(content: &Content, note: Option<&str>, answer: Option<&AnswerOffer>) -> Value {
    let links = links(content, answer);
    let description = |text: &str| format!("{}{links}", markup::discord(&below(content, text)));
    let text = content.text.fit(|text| units(&description(text)) <= LONGEST_TEXT);
    let line = |text: &str| line(text, |line| units(&markup::discord(line)) <= LONGEST_LINE);
    let subject = line(&content.subject);
    let line = note.map_or(subject.clone(), |note| format!("**{}**\n{subject}", line(note)));
    // Nobody is mentioned, whatever the text looks like.
    json!({"content": line, "embeds": [{"description": description(&text)}], "allowed_mentions": {"parse": []}})
}

fn line(text: &str, fits: impl Fn(&str) -> bool) -> String {
    markup::discord(&Text::from(cut(text, LONGEST_LINE)).fit(fits))
}

/// The text without its first line where that is the subject, and without the address that a link leads to.
fn below(content: &Content, text: &str) -> String {
    let lines = text.lines().filter(|line| *line != content.subject && Some(*line) != content.url.as_deref());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn links(content: &Content, answer: Option<&AnswerOffer>) -> String {
    let page = content.url.as_deref().map(|url| markup::link(&markup::discord(&content.open), url));
    let answer = answer.and_then(|offer| Some(markup::link(&markup::discord(&offer.choices()), offer.url.as_deref()?)));
    let links: Vec<String> = page.into_iter().chain(answer).collect();
    if links.is_empty() { String::new() } else { format!("\n\n{}", links.join("  ·  ")) }
}

/// As Discord's limits count at worst.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}
