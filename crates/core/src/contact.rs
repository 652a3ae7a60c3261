//! Where a user can be reached: addresses that have been parsed, and whether they may be used.

mod chat;
mod phone;
mod target;

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, named_enum};
use crate::ids::{ContactId, UserId};
pub use chat::{
    DISCORD_HOOKS, GOOGLE_CHAT_SPACES, SLACK_HOOKS, parse_chat, parse_discord, parse_google_chat, parse_mattermost, parse_room, parse_slack,
};
pub use phone::{country_of, is_country, parse_e164, parse_phone};
pub use target::{BadTarget, LONGEST_TARGET, LONGEST_URL, parse_email, parse_target, parse_url};

named_enum! {
    /// What kind of address a contact is.
    pub enum ContactKind ("contact kind") {
        Email = "email",
        /// An E.164 number: SMS, voice and WhatsApp.
        Phone = "phone",
        /// A chat id that the user linked by opening the bot.
        Telegram = "telegram",
        Slack = "slack",
        Teams = "teams",
        /// An incoming webhook, or what the bot writes to: a channel's or a user's id.
        Mattermost = "mattermost",
        /// A channel's webhook.
        Discord = "discord",
        /// A space's webhook.
        GoogleChat = "google_chat",
        /// A room's id or alias.
        Matrix = "matrix",
        Webhook = "webhook",
    }
}

impl ContactKind {
    /// The kind of address that a channel sends to; none for push (devices) and in-app (the user).
    pub fn for_channel(channel: Channel) -> Option<Self> {
        match channel {
            Channel::Email => Some(Self::Email),
            Channel::Sms | Channel::Voice | Channel::Whatsapp => Some(Self::Phone),
            Channel::Telegram => Some(Self::Telegram),
            Channel::Slack => Some(Self::Slack),
            Channel::Teams => Some(Self::Teams),
            Channel::Mattermost => Some(Self::Mattermost),
            Channel::Discord => Some(Self::Discord),
            Channel::GoogleChat => Some(Self::GoogleChat),
            Channel::Matrix => Some(Self::Matrix),
            Channel::Webhook => Some(Self::Webhook),
            Channel::Push | Channel::InApp => None,
        }
    }

    /// Whether people have accounts there by which it is known who pressed a button, where several can see it.
    pub fn has_accounts(self) -> bool {
        matches!(self, Self::Telegram | Self::Slack | Self::Mattermost | Self::Discord | Self::Matrix)
    }

    pub fn with_accounts() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.has_accounts())
    }

    /// Whether whoever knows an address of this kind can write to it: such a one is shown to nobody who could not change it.
    pub fn is_bearer(self) -> bool {
        matches!(self, Self::Slack | Self::Teams | Self::Mattermost | Self::Discord | Self::GoogleChat | Self::Webhook)
    }

    /// Whether addresses of this kind are URLs, or can be.
    pub fn is_url(self) -> bool {
        matches!(self, Self::Teams | Self::Mattermost | Self::Discord | Self::GoogleChat | Self::Webhook)
    }
}

named_enum! {
    /// Whether a contact may be used. Only `OK` is.
    pub enum ContactStatus ("contact status") {
        Ok = "OK",
        /// Not verified yet, or locked after the address was refused for good.
        Locked = "LOCKED",
        /// Never again until an admin clears it.
        Blacklisted = "BLACKLISTED",
    }
}

/// A contact as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub id: ContactId,
    pub user_id: UserId,
    pub kind: ContactKind,
    pub target: String,
    /// ISO 3166 alpha-2, phone numbers only.
    pub region: Option<String>,
    /// At most one phone number of a user.
    pub primary: bool,
    pub status: ContactStatus,
}

/// The contact that stands for its user where a surface shows one of a kind: the primary one, else the first. One that is not
/// verified stands for nobody, as anybody may claim any address.
pub fn shown(contacts: &[Contact], kind: ContactKind) -> Option<&Contact> {
    let ok = || contacts.iter().filter(|contact| contact.kind == kind && contact.status == ContactStatus::Ok);
    ok().find(|contact| contact.primary).or_else(|| ok().next())
}
