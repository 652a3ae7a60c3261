//! The providers: those in Rust are a file (or folder) each here, those that are data a file in `definitions/`. A new one is its
//! file and its line in one of the lists below.

use crate::definition::built_in;
use crate::registry::{Kind, ProviderKind};

#[cfg(test)]
pub(crate) mod stand_in;

macro_rules! providers {
    (code: $($module:ident),+; data: $($name:literal),+; own: $own:literal) => {
        $(mod $module;)+

        pub(crate) static KINDS: [Kind; [$(stringify!($module),)+ $($name,)+ $own].len()] = [
            $(Kind::of::<$module::Settings>(),)+
            $(Kind::defined($name, || built_in($name, include_str!(concat!("../../definitions/", $name, ".toml")))),)+
            Kind::own($own),
        ];

        $(const _: () = assert!(!$module::Settings::CHANNELS.is_empty());)+
    };
}

providers! {
    code:
    twilio,
    vonage_voice,
    telnyx_voice,
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
    sandbox;

    data:
    "vonage",
    "vonage-messages",
    "telnyx",
    "plivo",
    "bird",
    "meta",
    "ses",
    "sendgrid",
    "mailgun",
    "postmark",
    "aws-eum",
    "aws-sns";

    own: "http"
}
