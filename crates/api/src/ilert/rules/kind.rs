//! What tells the four kinds of rule apart.

use watchbell_core::Channel;
use watchbell_core::rule::shown::{ILERT_BEFORE_MIN, ILERT_MOST_DELAY_MIN};
use watchbell_core::rule::{Rule, Trigger};

use crate::problem::Problem;
use crate::validate::Fields;

/// One kind of rule.
pub(crate) struct Kind {
    /// The end of its path.
    pub path: &'static str,
    /// Its methods, as the contract's enum lists them.
    pub methods: &'static [(&'static str, Channel)],
    pub triggers: &'static [Trigger],
    /// What its triggers are called in `type`; none where there is but one and no `type`.
    pub types: &'static [(&'static str, Trigger)],
    /// Reads its own fields: the trigger, and the offset in seconds.
    pub read: fn(&mut Fields) -> Result<(Trigger, i64), Problem>,
    /// Its own fields as a rule has them.
    pub own: fn(&Rule) -> Own,
}

/// The fields that only some kinds of rule have.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// `type`.
    pub trigger: Option<&'static str>,
    pub delay_min: Option<i64>,
    pub before_min: Option<i64>,
}

const EMAIL: (&str, Channel) = ("EMAIL", Channel::Email);
const SMS: (&str, Channel) = ("SMS", Channel::Sms);
const PUSH: (&str, Channel) = ("PUSH", Channel::Push);
const VOICE: (&str, Channel) = ("VOICE", Channel::Voice);
const WHATSAPP: (&str, Channel) = ("WHATSAPP", Channel::Whatsapp);
const TELEGRAM: (&str, Channel) = ("TELEGRAM", Channel::Telegram);

pub(crate) static ALL: [Kind; 4] = [
    Kind {
        path: "alerts",
        methods: &[EMAIL, SMS, PUSH, VOICE, WHATSAPP, TELEGRAM],
        triggers: &[Trigger::AlertHigh, Trigger::AlertLow],
        types: &PRIORITIES,
        read: |fields| {
            let trigger = fields.required_choice("type", &PRIORITIES)?;
            let delay_min = fields.integer("delayMin", &(0..=ILERT_MOST_DELAY_MIN))?.unwrap_or(0);
            Ok((trigger, delay_min * 60))
        },
        own: |rule| Own { trigger: type_of(&PRIORITIES, rule), delay_min: Some(rule.offset_s / 60), before_min: None },
    },
    Kind {
        path: "duties",
        methods: &[EMAIL, SMS, PUSH, WHATSAPP, TELEGRAM],
        triggers: &[Trigger::Duty],
        types: &DUTIES,
        read: |fields| {
            let trigger = fields.choice("type", &DUTIES)?.unwrap_or(Trigger::Duty);
            let before_min = fields.integer("beforeMin", &(0..=1440))?.unwrap_or(0);
            if !ILERT_BEFORE_MIN.contains(&before_min) {
                let right = format!("it must be one of {}", watchbell_core::channel::join(&ILERT_BEFORE_MIN));
                return Err(fields.invalid("beforeMin", &format!("is {before_min}"), &right));
            }
            Ok((trigger, before_min * 60))
        },
        own: |rule| Own { trigger: type_of(&DUTIES, rule), before_min: Some(rule.offset_s / 60), delay_min: None },
    },
    Kind {
        path: "updates",
        methods: &[EMAIL, SMS, PUSH, WHATSAPP, TELEGRAM],
        triggers: &[Trigger::Accepted, Trigger::Resolved, Trigger::Escalated],
        types: &UPDATES,
        read: |fields| Ok((fields.required_choice("type", &UPDATES)?, 0)),
        own: |rule| Own { trigger: type_of(&UPDATES, rule), ..Own::default() },
    },
    Kind {
        path: "subscriptions",
        methods: &[EMAIL, SMS, PUSH],
        triggers: &[Trigger::Subscription],
        types: &[],
        read: |_| Ok((Trigger::Subscription, 0)),
        own: |_| Own::default(),
    },
];

const PRIORITIES: [(&str, Trigger); 2] = [("LOW_PRIORITY", Trigger::AlertLow), ("HIGH_PRIORITY", Trigger::AlertHigh)];
const DUTIES: [(&str, Trigger); 1] = [("ON_CALL", Trigger::Duty)];
const UPDATES: [(&str, Trigger); 3] =
    [("ALERT_ACCEPTED", Trigger::Accepted), ("ALERT_RESOLVED", Trigger::Resolved), ("ALERT_ESCALATED", Trigger::Escalated)];

fn type_of(types: &[(&'static str, Trigger)], rule: &Rule) -> Option<&'static str> {
    types.iter().find(|(_, trigger)| *trigger == rule.trigger).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use watchbell_core::rule::shown::ilert_channels;

    use super::*;

    /// What the surface can say is what it is shown.
    #[test]
    fn every_kind_goes_by_what_ilert_s_rules_can_go_by() {
        for kind in &ALL {
            let channels: Vec<Channel> = kind.methods.iter().map(|(_, channel)| *channel).collect();
            assert!(kind.triggers.iter().all(|trigger| ilert_channels(*trigger) == channels), "{}", kind.path);
        }
    }
}
