//! What a rule does, as this surface names it.

use watchbell_core::Channel;
use watchbell_core::rule::Rule;

use crate::state::Api;

pub(crate) const WAIT: &str = "wait";

/// Every way to notify: its name, its channel, and whether it breaks through a device's do-not-disturb.
pub(super) const NOTIFY: &[(&str, Channel, bool)] = &[
    ("notify_by_slack", Channel::Slack, false),
    ("notify_by_sms", Channel::Sms, false),
    ("notify_by_phone_call", Channel::Voice, false),
    ("notify_by_telegram", Channel::Telegram, false),
    ("notify_by_email", Channel::Email, false),
    ("notify_by_mobile_app", Channel::Push, false),
    ("notify_by_mobile_app_critical", Channel::Push, true),
    ("notify_by_webhook", Channel::Webhook, false),
    ("notify_by_msteams", Channel::Teams, false),
    ("notify_by_mattermost", Channel::Mattermost, false),
    // OnCall names each messaging backend in this way; it has none for these.
    ("notify_by_discord", Channel::Discord, false),
    ("notify_by_google_chat", Channel::GoogleChat, false),
    ("notify_by_matrix", Channel::Matrix, false),
];

/// The way to notify with that name, if this instance has a provider for it.
pub(crate) fn notify(api: &Api, name: &str) -> Option<(Channel, bool)> {
    let (_, channel, critical) = NOTIFY.iter().find(|(known, _, _)| *known == name)?;
    let is_configured = api.health.channels().iter().any(|status| status.channel == *channel && !status.providers.is_empty());
    is_configured.then_some((*channel, *critical))
}

/// The name of what a rule does.
pub(crate) fn name(rule: &Rule) -> &'static str {
    let Some(channel) = rule.channel else { return WAIT };
    let found = NOTIFY.iter().find(|(_, known, critical)| *known == channel && *critical == rule.critical);
    // Rules of this surface have no other channel.
    found.map_or("", |(name, _, _)| name)
}
