//! Words and sentences that stand outside of messages: what a button is called, what is said during a call, or in a chat.
//!
//! They are templates like all else, `{language}/phrase/{phrase}.txt`, so whoever adds a language adds them with it. Providers
//! choose what is said, and the renderer words it.

use watchbell_core::Timestamp;

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phrase {
    /// What a button or link to the alert's page is called.
    Open,
    /// How long it is until then: from `days`, `hours`, `minutes` and `is_past`.
    Remaining,
    /// A Telegram chat is linked now.
    ChatLinked,
    /// The link for that is not valid.
    ChatLinkInvalid,
    /// Which key does what, in a call.
    CallMenu,
    /// A key that does nothing was pressed; the menu follows.
    CallWrongKey,
    /// No key was pressed; the menu follows.
    CallNoKey,
    /// The end of a call in which nothing was chosen.
    CallEnded,
    CallAccepted,
    /// The round is over: `state` says what the alert is, `at` since when, if it is not open.
    CallOver,
    /// Nothing is known of what the call was about.
    CallUnknown,
}

impl Phrase {
    pub const ALL: [Self; 11] = [
        Self::Open,
        Self::Remaining,
        Self::ChatLinked,
        Self::ChatLinkInvalid,
        Self::CallMenu,
        Self::CallWrongKey,
        Self::CallNoKey,
        Self::CallEnded,
        Self::CallAccepted,
        Self::CallOver,
        Self::CallUnknown,
    ];

    /// The template's name in its folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Open => "open.txt",
            Self::Remaining => "remaining.txt",
            Self::ChatLinked => "chat_linked.txt",
            Self::ChatLinkInvalid => "chat_link_invalid.txt",
            Self::CallMenu => "call_menu.txt",
            Self::CallWrongKey => "call_wrong_key.txt",
            Self::CallNoKey => "call_no_key.txt",
            Self::CallEnded => "call_ended.txt",
            Self::CallAccepted => "call_accepted.txt",
            Self::CallOver => "call_over.txt",
            Self::CallUnknown => "call_unknown.txt",
        }
    }
}

/// What is, and since when: some phrases speak of it as `state` and `at`.
pub type Since = (&'static str, Timestamp);

/// A phrase in a language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    pub text: String,
    /// BCP 47: what it is written in.
    pub language: String,
}
