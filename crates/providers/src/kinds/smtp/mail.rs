//! The mail itself.

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use lettre::{Address, message::header};
use watchbell_core::outcome::{Outcome, Report};

use crate::provider::Outgoing;
use crate::thread;

/// A mail that is ready to be handed over.
#[derive(Debug)]
pub struct Mail {
    pub from: String,
    pub to: String,
    pub bytes: Vec<u8>,
}

/// Writes the mail. Every header is lettre's to encode, so no text can begin another one.
pub fn compose(from: &Mailbox, to: &str, message: &Outgoing) -> Result<Mail, Report> {
    let to = address(to).ok_or_else(|| Report::new(Outcome::BadAddress, "address".to_owned()))?;
    let domain = from.email.domain();
    let content = &message.content;
    let sent_at = SystemTime::UNIX_EPOCH + Duration::from_millis(message.now.as_millis().unsigned_abs());
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&content.subject))
        .date(sent_at)
        // The same on every try, so that a mail that arrives twice is shown once.
        .message_id(Some(format!("<{}@{domain}>", message.delivery_id)))
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        // An intake that such a mail comes to raises no alert, whose mail would come to it again.
        .raw_header(raw("X-Watchbell-Delivery", &message.delivery_id.to_string()))
        // Exchange answers out of office to what is only Auto-Submitted.
        .raw_header(raw("X-Auto-Response-Suppress", "All"));
    if !content.locale.is_empty() {
        builder = builder.raw_header(raw("Content-Language", &content.locale));
    }
    if let Some(thread) = &message.thread {
        // A mail that never was stands at the root: what refers to it is shown together.
        let root = format!("<thread.{}@{domain}>", thread::digest(thread));
        builder = builder.in_reply_to(root.clone()).references(root);
    }
    if let Some(url) = &message.unsubscribe_url {
        builder = builder
            .raw_header(raw("List-Unsubscribe", &format!("<{url}>")))
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    if message.urgent {
        builder = builder.raw_header(raw("Importance", "high")).raw_header(raw("X-Priority", "1"));
    }
    let mail = if content.html.is_empty() {
        builder.header(header::ContentType::TEXT_PLAIN).body(content.text.to_string())
    } else {
        builder.multipart(MultiPart::alternative_plain_html(content.text.to_string(), content.html.clone()))
    };
    let mail = mail.map_err(|_| Report::new(Outcome::BadMessage, "mail".to_owned()))?;
    Ok(Mail { from: from.email.to_string(), to: to.to_string(), bytes: mail.formatted() })
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The address, with an internationalised domain in its ASCII form, which every server takes.
pub fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    let url::Host::Domain(domain) = url::Host::parse(domain).ok()? else { return None };
    Address::new(local, domain).ok()
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
