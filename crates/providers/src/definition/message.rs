//! What templates know of a message.

use std::collections::BTreeSet;

use minijinja::{Value, context};
use watchbell_core::{Channel, DeliveryId, Timestamp};

use super::template::Names;
use crate::inbound::{Action, Whom};
use crate::provider::{Address, Content, Outgoing};

/// The variables of a request that sends, and what they are. Those with members are checked member by member.
const VARIABLES: &[(&str, &[&str])] = &[
    ("to", &[]),
    ("channel", &[]),
    ("subject", &[]),
    ("short", &[]),
    ("text", &[]),
    ("html", &[]),
    ("speech", &[]),
    ("url", &[]),
    ("open", &[]),
    ("locale", &[]),
    ("delivery", &[]),
    ("attempt", &[]),
    ("urgent", &[]),
    ("critical", &[]),
    ("thread", &[]),
    ("now", &[]),
    ("ttl_s", &[]),
    ("callback", &[]),
    ("callback_url", &[]),
    ("unsubscribe_url", &[]),
    ("user", &["id", "name"]),
    ("is_reply", &[]),
    ("unsubscribe_url", &[]),
    ("answer", &["token", "url", "code", "accept", "resolve", "decline", "accept_value", "resolve_value", "decline_value"]),
];

/// The names that a definition's templates may use.
pub struct Variables {
    settings: BTreeSet<String>,
    more: &'static [&'static str],
}

impl Variables {
    pub fn new<'k>(settings: impl IntoIterator<Item = &'k String>) -> Self {
        Self { settings: settings.into_iter().cloned().collect(), more: &[] }
    }

    /// With further ones.
    #[must_use]
    pub fn and(&self, more: &'static [&'static str]) -> Self {
        Self { settings: self.settings.clone(), more }
    }
}

impl Names for Variables {
    fn check(&self, name: &str) -> Result<(), String> {
        let (root, member) = name.split_once('.').map_or((name, None), |(root, rest)| (root, rest.split('.').next()));
        if root == "settings" {
            return match member {
                Some(key) if self.settings.contains(key) => Ok(()),
                Some(key) => Err(format!("names the setting `{key}`, which [settings] does not have")),
                None => Err("takes all settings; name one, as settings.KEY".to_owned()),
            };
        }
        if self.more.contains(&root) {
            return Ok(());
        }
        match (VARIABLES.iter().find(|(known, _)| *known == root), member) {
            (None, _) => {
                let known: Vec<_> = VARIABLES.iter().map(|(name, _)| *name).chain(self.more.iter().copied()).collect();
                Err(format!("names `{root}`, which nothing is called; there are settings.KEY, {}", known.join(", ")))
            }
            (Some((_, members)), Some(member)) if !members.contains(&member) => match members {
                [] => Err(format!("names `{name}`, but {root} has no members")),
                members => Err(format!("names `{name}`; {root} has {}", members.join(", "))),
            },
            _ => Ok(()),
        }
    }
}

/// Where the service shall report to.
pub struct Callback {
    /// With our delivery's id.
    pub with_delivery: String,
    /// Without, for services that send back an id of ours.
    pub url: String,
}

/// The values for one message.
pub fn variables(settings: &Value, message: &Outgoing, callback: Option<&Callback>) -> Value {
    let content = &message.content;
    let text = |text: &crate::provider::Text| Value::from_object(text.clone());
    let answer = message.answer.as_ref().map(|answer| {
        context! {
            token => answer.token.expose(), url => answer.url.as_deref(), code => &answer.code,
            accept => &answer.accept, resolve => &answer.resolve, decline => &answer.decline,
            // What a button carries for each.
            accept_value => answer.button(Action::Accept), resolve_value => answer.button(Action::Resolve),
            decline_value => answer.button(Action::Decline),
        }
    });
    context! {
        settings => settings,
        to => address(&message.to),
        channel => message.channel.as_str(),
        subject => &content.subject,
        short => text(&content.short),
        text => text(&content.text),
        html => &content.html,
        speech => text(&content.speech),
        url => content.url.as_deref(),
        open => &content.open,
        locale => &content.locale,
        delivery => message.delivery_id.as_str(),
        attempt => message.attempt,
        urgent => message.urgent,
        critical => message.critical,
        thread => message.thread.as_deref(),
        now => message.now.as_millis().div_euclid(1000),
        ttl_s => message.expires_at.and_then(|at| seconds_until(at, message.now)),
        callback => callback.map(|callback| callback.with_delivery.as_str()),
        callback_url => callback.map(|callback| callback.url.as_str()),
        unsubscribe_url => message.unsubscribe_url.as_deref(),
        user => context! { id => message.told.id.to_string(), name => &message.told.name },
        answer => answer,
        unsubscribe_url => message.unsubscribe_url.as_deref(),
        is_reply => message.about.kind == REPLY,
    }
}

/// What a message is about that says to somebody what came of what they wrote.
const REPLY: &str = "reply";

/// A message that says to somebody what came of what they wrote. Nothing is reported of it, as no delivery has its id.
pub fn reply(to: &Whom, text: &str) -> Outgoing {
    let address = to.address.expose().to_owned();
    let address = match to.channel {
        Channel::Email => Address::Email(address),
        Channel::Sms | Channel::Voice | Channel::Whatsapp => Address::Phone(address),
        Channel::Telegram => Address::Telegram(address),
        _ => Address::Other(to.address.clone()),
    };
    let content = Content { subject: text.to_owned(), text: text.into(), short: text.into(), speech: text.into(), ..Content::default() };
    Outgoing::of_no_event(DeliveryId(format!("reply-{}", to.at.as_millis())), to.channel, address, REPLY, content, to.at)
}

/// None where it is over already, or so far away that it is never.
fn seconds_until(at: Timestamp, now: Timestamp) -> Option<i64> {
    /// No service keeps a message for longer than a week or two.
    const LONGEST_S: i64 = 30 * 24 * 60 * 60;
    let seconds = at.as_millis().checked_sub(now.as_millis())? / 1000;
    (1..=LONGEST_S).contains(&seconds).then_some(seconds)
}

/// An address as its contact has it.
fn address(to: &Address) -> &str {
    match to {
        Address::Email(address) | Address::Phone(address) | Address::Telegram(address) => address,
        Address::Device { token, .. } | Address::Other(token) => token.expose(),
        // The inbox is nobody's to call.
        Address::Inbox { .. } => "",
    }
}
