//! The ways a message can travel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! named_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident ($what:literal) { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in tables, configuration and the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::channel::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::channel::UnknownName { what: $what, choices: &[$($text),+] }),
                }
            }
        }
    };
}
pub(crate) use named_enum;

/// A name that is not one of the known ones; says which are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what}; one of {}", choices.join(", "))]
pub struct UnknownName {
    pub what: &'static str,
    pub choices: &'static [&'static str],
}

named_enum! {
    /// A channel, as rules name it.
    pub enum Channel ("channel") {
        Email = "email",
        Sms = "sms",
        Voice = "voice",
        /// A user's registered devices, each one delivery.
        Push = "push",
        Whatsapp = "whatsapp",
        Telegram = "telegram",
        Slack = "slack",
        Teams = "teams",
        Mattermost = "mattermost",
        Discord = "discord",
        GoogleChat = "google_chat",
        Matrix = "matrix",
        Webhook = "webhook",
        InApp = "in_app",
    }
}

impl Channel {
    /// From a text that Watchbell itself wrote.
    pub fn from_db(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}

/// Writes a slice of names for a message to people.
pub fn join<T: fmt::Display>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
