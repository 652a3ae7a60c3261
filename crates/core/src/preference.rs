//! What a user has switched off, and what they asked for, by category.
//!
//! Two surfaces speak of it, each in its own way: Notiflows in switches, where any "off" wins, and messaging in one row a
//! category, where an "on" is also reason enough to tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::channel::{Channel, named_enum};
use crate::device::DeviceKind;
use crate::ids::UserId;
use crate::time::Timestamp;

named_enum! {
    /// How often email of a category is told.
    pub enum Digest ("digest") {
        Instant = "instant",
        /// One mail with all that came within the hour.
        Hourly = "hourly",
        Daily = "daily",
        /// Never, even where email is enabled.
        Off = "off",
    }
}

named_enum! {
    /// Channels as Notiflows groups them. Voice, WhatsApp and webhooks have no switch.
    pub enum ChannelType ("channel type") {
        Chat = "chat",
        Email = "email",
        InApp = "in_app",
        MobilePush = "mobile_push",
        Sms = "sms",
        WebPush = "web_push",
    }
}

impl ChannelType {
    /// The switch of a channel; of push, that of the device's kind, and where there is no device that of phones.
    pub fn of(channel: Channel, device: Option<DeviceKind>) -> Option<Self> {
        match channel {
            Channel::Telegram
            | Channel::Slack
            | Channel::Teams
            | Channel::Mattermost
            | Channel::Discord
            | Channel::GoogleChat
            | Channel::Matrix => Some(Self::Chat),
            Channel::Email => Some(Self::Email),
            Channel::InApp => Some(Self::InApp),
            Channel::Push if device == Some(DeviceKind::Webpush) => Some(Self::WebPush),
            Channel::Push => Some(Self::MobilePush),
            Channel::Sms => Some(Self::Sms),
            Channel::Voice | Channel::Whatsapp | Channel::Webhook => None,
        }
    }
}

/// A user's Notiflows switches, as far as they were ever set: what is missing is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// For every category.
    pub channel_types: BTreeMap<ChannelType, bool>,
    /// By the category's handle.
    pub notiflows: BTreeMap<String, NotiflowSwitches>,
}

/// The switches of one category.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotiflowSwitches {
    pub enabled: Option<bool>,
    pub channel_types: BTreeMap<ChannelType, bool>,
}

/// A messaging preference as the store keeps it; only what was set explicitly has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// A UUID.
    pub id: String,
    pub user_id: UserId,
    /// None is the user's default for all categories without a preference of their own.
    pub category: Option<String>,
    pub wants: Wants,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a user wants of a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    pub in_app: bool,
    pub email: bool,
    pub push: bool,
    /// Of email only.
    pub digest: Digest,
}

impl Default for Wants {
    /// What holds for who has said nothing.
    fn default() -> Self {
        Self { in_app: true, email: false, push: false, digest: Digest::Instant }
    }
}

/// The preference that holds for a category: its own, else the user's default.
pub fn explicit<'a>(preferences: &'a [Preference], category: Option<&str>) -> Option<&'a Preference> {
    let of = |category: Option<&str>| preferences.iter().find(move |preference| preference.category.as_deref() == category);
    of(category).or_else(|| of(None))
}

/// What holds for a category: its own preference, else the user's default, else in-app alone.
pub fn effective(preferences: &[Preference], category: Option<&str>) -> Wants {
    explicit(preferences, category).map(|preference| preference.wants).unwrap_or_default()
}

/// A category of events; the same thing as a notiflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// A UUID.
    pub id: String,
    /// As events name it.
    pub handle: String,
    pub name: String,
    /// Where its subscription events go without any rule, at the user's first usable address.
    pub default_channels: Vec<Channel>,
    pub created_at: Timestamp,
}

named_enum! {
    /// Which in-app notifications: a dismissed one is neither seen nor unseen, read nor unread.
    pub enum NotificationStatus ("status") {
        Unseen = "unseen",
        Seen = "seen",
        Unread = "unread",
        Read = "read",
        Dismissed = "dismissed",
    }
}

named_enum! {
    /// What a user does with an in-app notification.
    pub enum NotificationAction ("action") {
        Seen = "seen",
        /// Also means that it was seen.
        Read = "read",
        /// Out of the list and the unread count.
        Dismiss = "dismiss",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(category: Option<&str>, email: bool) -> Preference {
        Preference {
            id: String::new(),
            user_id: UserId(1),
            category: category.map(str::to_owned),
            wants: Wants { email, ..Wants::default() },
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_category_s_own_preference_goes_before_the_default() {
        let all = [preference(None, true), preference(Some("a"), false)];
        assert!(!effective(&all, Some("a")).email);
        assert!(effective(&all, Some("b")).email);
        assert!(effective(&all, None).email);
        assert_eq!(effective(&all[1..], Some("b")), Wants { in_app: true, email: false, push: false, digest: Digest::Instant });
        assert_eq!(explicit(&all[1..], Some("b")), None);
    }

    #[test]
    fn channels_have_the_switches_that_notiflows_gives_them() {
        let of = |channel| ChannelType::of(channel, None).map(ChannelType::as_str);
        let table = [
            (Channel::Email, Some("email")),
            (Channel::Sms, Some("sms")),
            (Channel::Push, Some("mobile_push")),
            (Channel::Telegram, Some("chat")),
            (Channel::Slack, Some("chat")),
            (Channel::Teams, Some("chat")),
            (Channel::Mattermost, Some("chat")),
            (Channel::Discord, Some("chat")),
            (Channel::GoogleChat, Some("chat")),
            (Channel::Matrix, Some("chat")),
            (Channel::InApp, Some("in_app")),
            (Channel::Voice, None),
            (Channel::Whatsapp, None),
            (Channel::Webhook, None),
        ];
        assert_eq!(table.len(), Channel::ALL.len());
        for (channel, switch) in table {
            assert_eq!(of(channel), switch, "{channel}");
        }
        assert_eq!(ChannelType::of(Channel::Push, Some(DeviceKind::Webpush)), Some(ChannelType::WebPush));
        assert_eq!(ChannelType::of(Channel::Push, Some(DeviceKind::Apns)), Some(ChannelType::MobilePush));
    }
}
