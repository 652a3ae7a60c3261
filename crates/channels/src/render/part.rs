//! The parts of a message, and which of them a channel needs.

use watchbell_core::Channel;

/// A part of a message, each with a template of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MessagePart {
    Subject,
    Text,
    /// Set around the subject and the text, so it needs both.
    Html,
    Short,
    Speech,
}

impl MessagePart {
    pub const ALL: &'static [Self] = &[Self::Subject, Self::Text, Self::Html, Self::Short, Self::Speech];

    pub fn file(self) -> &'static str {
        match self {
            Self::Subject => "subject.txt",
            Self::Text => "text.txt",
            Self::Html => "html.html",
            Self::Short => "short.txt",
            Self::Speech => "speech.txt",
        }
    }

    /// What the providers of a channel send.
    pub fn of(channel: Channel) -> &'static [Self] {
        match channel {
            Channel::Email => &[Self::Subject, Self::Text, Self::Html],
            Channel::Sms => &[Self::Short],
            Channel::Voice => &[Self::Speech],
            Channel::Push | Channel::Whatsapp => &[Self::Subject, Self::Short],
            Channel::Telegram => &[Self::Text],
            Channel::Slack
            | Channel::Teams
            | Channel::Mattermost
            | Channel::Discord
            | Channel::GoogleChat
            | Channel::Matrix
            | Channel::Webhook
            | Channel::InApp => &[Self::Subject, Self::Text, Self::Short],
        }
    }
}
