//! Which rules an API surface shows and changes: those that it can say in full. Nothing is shown as less than it is, so that nobody who
//! reads a rule through one surface, and writes it there, takes from it what another one has said.

use super::{Rule, Surface, Trigger};
use crate::channel::Channel;

/// Minutes before a shift, as ilert's rules have them.
pub const ILERT_BEFORE_MIN: [i64; 8] = [0, 15, 30, 60, 180, 360, 720, 1_440];

/// Minutes after an alert that ilert's rules have at most.
pub const ILERT_MOST_DELAY_MIN: i64 = 120;

impl Surface {
    /// Whether rules are shown here, and can be changed.
    pub fn shows(self, rule: &Rule) -> bool {
        match self {
            Self::Watchbell => true,
            Self::Oncall => rule.surface == Self::Oncall,
            Self::Ilert => rule.surface == Self::Ilert || (rule.surface == Self::Watchbell && rule.is_plain() && is_ilerts(rule)),
        }
    }
}

fn is_ilerts(rule: &Rule) -> bool {
    let Some(channel) = rule.channel else { return false };
    let has_contact = rule.contact_id.is_some() || channel == Channel::Push;
    let minutes = rule.offset_s / 60;
    let is_time = rule.offset_s % 60 == 0
        && match rule.trigger {
            Trigger::AlertHigh | Trigger::AlertLow => (0..=ILERT_MOST_DELAY_MIN).contains(&minutes),
            Trigger::Duty => ILERT_BEFORE_MIN.contains(&minutes),
            Trigger::Accepted | Trigger::Resolved | Trigger::Escalated | Trigger::Subscription => minutes == 0,
        };
    has_contact && is_time && ilert_channels(rule.trigger).contains(&channel)
}

/// What ilert's rules of a trigger can go by.
pub fn ilert_channels(trigger: Trigger) -> &'static [Channel] {
    const ALERTS: &[Channel] = &[Channel::Email, Channel::Sms, Channel::Push, Channel::Voice, Channel::Whatsapp, Channel::Telegram];
    const OTHERS: &[Channel] = &[Channel::Email, Channel::Sms, Channel::Push, Channel::Whatsapp, Channel::Telegram];
    match trigger {
        Trigger::AlertHigh | Trigger::AlertLow => ALERTS,
        Trigger::Duty | Trigger::Accepted | Trigger::Resolved | Trigger::Escalated => OTHERS,
        Trigger::Subscription => &[Channel::Email, Channel::Sms, Channel::Push],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Repeat;
    use crate::rule::conditions::{Conditions, OnDuty};
    use crate::{ContactId, RuleId, UserId};

    #[test]
    fn a_surface_shows_what_it_can_say_in_full() {
        let plain = Rule {
            id: RuleId(1),
            public_id: None,
            user_id: UserId(1),
            surface: Surface::Watchbell,
            trigger: Trigger::AlertHigh,
            channel: Some(Channel::Sms),
            contact_id: Some(ContactId(1)),
            offset_s: 300,
            position: None,
            critical: false,
            when: Conditions::default(),
            repeat: None,
        };
        let when = Conditions { on_duty: Some(OnDuty::default()), ..Conditions::default() };
        let table = [
            (plain.clone(), true),
            (Rule { surface: Surface::Ilert, ..plain.clone() }, true),
            (Rule { contact_id: None, ..plain.clone() }, false),
            (Rule { contact_id: None, channel: Some(Channel::Push), ..plain.clone() }, true),
            (Rule { channel: Some(Channel::Slack), ..plain.clone() }, false),
            (Rule { trigger: Trigger::Duty, channel: Some(Channel::Voice), offset_s: 900, ..plain.clone() }, false),
            (Rule { trigger: Trigger::Duty, offset_s: 900, ..plain.clone() }, true),
            (Rule { trigger: Trigger::Duty, offset_s: 1_200, ..plain.clone() }, false),
            (Rule { offset_s: 301, ..plain.clone() }, false),
            (Rule { offset_s: 121 * 60, ..plain.clone() }, false),
            (Rule { critical: true, ..plain.clone() }, false),
            (Rule { repeat: Some(Repeat { every_s: 60, times: 1 }), ..plain.clone() }, false),
            (Rule { when, ..plain.clone() }, false),
            (Rule { surface: Surface::Oncall, position: Some(0), ..plain.clone() }, false),
        ];
        for (rule, is_shown) in table {
            assert_eq!(Surface::Ilert.shows(&rule), is_shown, "{rule:?}");
            assert_eq!(Surface::Oncall.shows(&rule), rule.surface == Surface::Oncall, "{rule:?}");
            assert!(Surface::Watchbell.shows(&rule), "{rule:?}");
        }
    }
}
