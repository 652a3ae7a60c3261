//! A mail, read for what it says: MIME, encodings, and HTML are `mail-parser`'s.

use mail_parser::{HeaderValue, Message, MessageParser};
use serde_json::{Value, json};
use watchbell_core::ids::digest;

/// So much of a text is taken: its first lines.
const LINES: usize = 40;
const LINE_CHARACTERS: usize = 500;

/// The longest `Message-ID` that is taken as it stands (RFC 5322 lets a line have 998 characters).
const ID_CHARACTERS: usize = 200;

/// What Watchbell puts into its own mails, so that none of them raises an alert, whose mail would raise one, and so on.
const OWN_HEADER: &str = "X-Watchbell-Delivery";

/// What counts of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// What tells this mail from all others; the same when it is sent again.
    pub id: String,
    /// The mail that its thread began with, itself if none: `References`, else `In-Reply-To`.
    pub thread: String,
    pub from: String,
    /// As it stands; empty where there is none.
    pub subject: String,
    /// The first lines of its text, without what it quotes and without signature.
    pub text: String,
    /// `HIGH` or `LOW`, where the sender says so.
    pub importance: Option<&'static str>,
    /// A program answered a mail by it (RFC 3834), or it is one of Watchbell's own.
    pub is_reply_of_a_program: bool,
}

impl Mail {
    /// None where it says nothing at all.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(bytes)?;
        let subject = message.subject().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let text = first_lines(&message.body_text(0).unwrap_or_default());
        if subject.is_empty() && text.is_empty() {
            return None;
        }
        let from = message.from().and_then(|from| from.first()).and_then(|from| from.address()).unwrap_or_default().to_owned();
        let id = message.message_id().map_or_else(|| digest(&[&String::from_utf8_lossy(bytes)]), bounded);
        let thread = first_id(message.references()).or_else(|| first_id(message.in_reply_to())).unwrap_or_else(|| id.clone());
        Some(Self {
            importance: importance(&message),
            is_reply_of_a_program: header(&message, "Auto-Submitted").starts_with("auto-replied") || message.header(OWN_HEADER).is_some(),
            id,
            thread,
            from,
            subject,
            text,
        })
    }

    /// As templates see it.
    pub fn payload(&self) -> Value {
        json!({
            "message_id": self.id,
            "thread": self.thread,
            "from": self.from,
            "subject": self.subject,
            "text": self.text,
            "importance": self.importance,
        })
    }
}

fn first_id(value: &HeaderValue<'_>) -> Option<String> {
    let first = match value {
        HeaderValue::Text(text) => Some(text.as_ref()),
        HeaderValue::TextList(list) => list.first().map(AsRef::as_ref),
        _ => None,
    };
    first.map(str::trim).filter(|id| !id.is_empty()).map(bounded)
}

fn bounded(id: &str) -> String {
    if id.chars().count() <= ID_CHARACTERS { id.to_owned() } else { digest(&[id]) }
}

/// `Importance` (RFC 4021), or `X-Priority`, of which 1 and 2 are high and 4 and 5 low.
fn importance(message: &Message<'_>) -> Option<&'static str> {
    match (header(message, "Importance").as_str(), header(message, "X-Priority").chars().next()) {
        ("high", _) | (_, Some('1' | '2')) => Some("HIGH"),
        ("low", _) | (_, Some('4' | '5')) => Some("LOW"),
        _ => None,
    }
}

/// A header in lower case; empty where there is none.
fn header(message: &Message<'_>, name: &str) -> String {
    message.header_raw(name).unwrap_or_default().trim().to_ascii_lowercase()
}

fn first_lines(text: &str) -> String {
    let own = text.lines().map(str::trim_end).take_while(|line| *line != "--" && *line != "-- ").filter(|line| !line.starts_with('>'));
    let lines: Vec<String> =
        own.skip_while(|line| line.is_empty()).take(LINES).map(|line| line.chars().take(LINE_CHARACTERS).collect()).collect();
    lines.join("\n").trim_end().to_owned()
}
