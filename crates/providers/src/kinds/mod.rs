//! The providers, one file (or folder) each. A new one is its file and its line in the list below.

use crate::registry::{Kind, ProviderKind};

#[cfg(test)]
pub(crate) mod stand_in;

macro_rules! providers {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+

        pub(crate) const KINDS: &[Kind] = &[$(Kind::of::<$module::Settings>()),+];

        $(const _: () = assert!(!$module::Settings::CHANNELS.is_empty());)+
    };
}

providers! {
    twilio,
    smtp,
    telegram,
    fcm,
    apns,
    webpush,
    slack,
    teams,
    mattermost,
    discord,
    google_chat,
    matrix,
    ntfy,
    gotify,
    pushover,
    webhook,
    sandbox,
}
