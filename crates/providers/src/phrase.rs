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
    /// What the buttons are called by which an alert is answered.
    Accept,
    Resolve,
    Decline,
    /// What came of an answer, to whoever gave it; `summary` says to what, where that is not plain.
    AnswerAccepted,
    AnswerResolved,
    AnswerDeclined,
    /// The round is over: `state` says what the alert is, `at` since when and `by` by whom, if it is not open.
    AnswerOver,
    /// Whoever answered is no user that we know.
    AnswerStranger,
    /// The message was sent too long ago.
    AnswerExpired,
    /// It is an answer to nothing that can be answered.
    AnswerUnknown,
    /// Several alerts were answered by one text: `done` of `all`, by `action`.
    TextAll,
    /// A text could be about several alerts: `list` has their codes and summaries, `example` is the code of one, and `more` are not named.
    TextWhich,
    /// How to answer, to whoever wrote what means nothing; `open` is empty where there is nothing to answer.
    TextHelp,
    /// On an alert's page: `state` says what it is, `at` since when, `by` who made it so.
    PageState,
    /// As whom one answers there: `name`.
    PageAs,
    /// The title of a page whose link is none.
    PageNoLink,
    /// Why that may be.
    PageNoLinkWhy,
    /// Too many such links were opened from there.
    PageTooMany,
    /// The title where what a link led to is over.
    PageGone,
    /// The title where mails of a category can be turned off.
    PageUnsubscribe,
    /// Whether those of `category` are to stop.
    PageUnsubscribeAsk,
    /// What the button is called.
    PageUnsubscribeStop,
    /// They stop.
    PageUnsubscribed,
    /// What the link was about is gone.
    PageUnsubscribeGone,
    /// What a message says once somebody has answered: `state`, `at` and `by`.
    EditNote,
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
    CallResolved,
    CallDeclined,
    /// The round is over: `state` says what the alert is, `at` since when, if it is not open.
    CallOver,
    /// Nothing is known of what the call was about.
    CallUnknown,
}

impl Phrase {
    pub const ALL: [Self; 38] = [
        Self::Open,
        Self::Accept,
        Self::Resolve,
        Self::Decline,
        Self::AnswerAccepted,
        Self::AnswerResolved,
        Self::AnswerDeclined,
        Self::AnswerOver,
        Self::AnswerStranger,
        Self::AnswerExpired,
        Self::AnswerUnknown,
        Self::TextAll,
        Self::TextWhich,
        Self::TextHelp,
        Self::PageState,
        Self::PageAs,
        Self::PageNoLink,
        Self::PageNoLinkWhy,
        Self::PageTooMany,
        Self::PageGone,
        Self::PageUnsubscribe,
        Self::PageUnsubscribeAsk,
        Self::PageUnsubscribeStop,
        Self::PageUnsubscribed,
        Self::PageUnsubscribeGone,
        Self::EditNote,
        Self::Remaining,
        Self::ChatLinked,
        Self::ChatLinkInvalid,
        Self::CallMenu,
        Self::CallWrongKey,
        Self::CallNoKey,
        Self::CallEnded,
        Self::CallAccepted,
        Self::CallResolved,
        Self::CallDeclined,
        Self::CallOver,
        Self::CallUnknown,
    ];

    /// The template's name in its folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Open => "open.txt",
            Self::Accept => "accept.txt",
            Self::Resolve => "resolve.txt",
            Self::Decline => "decline.txt",
            Self::AnswerAccepted => "answer_accepted.txt",
            Self::AnswerResolved => "answer_resolved.txt",
            Self::AnswerDeclined => "answer_declined.txt",
            Self::AnswerOver => "answer_over.txt",
            Self::AnswerStranger => "answer_stranger.txt",
            Self::AnswerExpired => "answer_expired.txt",
            Self::AnswerUnknown => "answer_unknown.txt",
            Self::TextAll => "text_all.txt",
            Self::TextWhich => "text_which.txt",
            Self::TextHelp => "text_help.txt",
            Self::PageState => "page_state.txt",
            Self::PageAs => "page_as.txt",
            Self::PageNoLink => "page_no_link.txt",
            Self::PageNoLinkWhy => "page_no_link_why.txt",
            Self::PageTooMany => "page_too_many.txt",
            Self::PageGone => "page_gone.txt",
            Self::PageUnsubscribe => "page_unsubscribe.txt",
            Self::PageUnsubscribeAsk => "page_unsubscribe_ask.txt",
            Self::PageUnsubscribeStop => "page_unsubscribe_stop.txt",
            Self::PageUnsubscribed => "page_unsubscribed.txt",
            Self::PageUnsubscribeGone => "page_unsubscribe_gone.txt",
            Self::EditNote => "edit_note.txt",
            Self::Remaining => "remaining.txt",
            Self::ChatLinked => "chat_linked.txt",
            Self::ChatLinkInvalid => "chat_link_invalid.txt",
            Self::CallMenu => "call_menu.txt",
            Self::CallWrongKey => "call_wrong_key.txt",
            Self::CallNoKey => "call_no_key.txt",
            Self::CallEnded => "call_ended.txt",
            Self::CallAccepted => "call_accepted.txt",
            Self::CallResolved => "call_resolved.txt",
            Self::CallDeclined => "call_declined.txt",
            Self::CallOver => "call_over.txt",
            Self::CallUnknown => "call_unknown.txt",
        }
    }
}

/// What an alert is, since when, and who made it so: some phrases speak of it as `state`, `at` and `by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    pub state: &'static str,
    pub at: Timestamp,
    /// What to call them; empty where nobody knows.
    pub by: String,
}

/// A phrase in a language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    pub text: String,
    /// BCP 47: what it is written in.
    pub language: String,
}
