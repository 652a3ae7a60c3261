//! Makes deliveries of steps: whether each is sent, held or suppressed, when it is due, and under which id.

use jiff::civil;
use jiff::tz::TimeZone;
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::preference::Digest;
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, DeliveryId, DeviceId, EventId, NamedAs, Reason, Timestamp};
use watchbell_store::facts::{DAILY, HOURLY, Planned, Policy, Scope};

use crate::steps::{Step, StepAddress};
use crate::{digest, gates};

/// In which state a delivery begins.
struct Timing {
    state: State,
    ready_at: Timestamp,
    reason: Option<Reason>,
    collect: Option<&'static str>,
}

/// What all deliveries that one event causes for one user have in common.
#[derive(Clone, Debug)]
pub struct DeliveryContext<'a> {
    pub scope: &'a Scope,
    pub event_id: &'a EventId,
    pub alert_id: Option<&'a str>,
    /// The event's category: gates are for events of one.
    pub category: Option<&'a str>,
    pub policy: &'a Policy,
    pub trigger: Trigger,
    /// The time from which delays count. Delivery ids begin with it.
    pub base_at: Timestamp,
    /// None where email never goes into a digest.
    pub digests: Option<DigestTimes>,
    /// As what the user was named, where that was not by name.
    pub named_as: Option<&'a NamedAs>,
    /// The event that pages the user once more within the scope, where that is so: its deliveries are others than the first page's.
    pub again: Option<&'a EventId>,
}

/// From when on, and at what time, the periods of digests end.
#[derive(Clone, Copy, Debug)]
pub struct DigestTimes {
    /// A message goes into the digest of the first period that ends after this.
    pub from: Timestamp,
    /// When a daily digest goes out, on each user's own clock.
    pub daily_at: civil::Time,
}

impl DeliveryContext<'_> {
    /// The delivery of a step.
    pub fn deliver(&self, step: Step, due_at: Timestamp, expires_at: Option<Timestamp>) -> Planned {
        let what = match (step.rules.first(), step.asked_by, step.repetition) {
            (Some(rule), _, 0) => rule.to_string(),
            (Some(rule), _, repetition) => format!("{rule}:{repetition}"),
            (None, asked_by, _) => format!("{}:{}", asked_by.unwrap_or_default(), step.channel),
        };
        let mut planned = self.planned(Purpose::Rule, &what, step.channel, step.address, due_at, expires_at);
        if let (Some(wants), Some(rule)) = (step.unmet, step.rules.first()) {
            let reason = Some(Reason::RuleWants { rule: *rule, wants });
            planned = Planned { state: State::Suppressed, ready_at: due_at, reason, collect: None, ..planned };
        }
        Planned { rules: step.rules, critical: step.critical, repetition: step.repetition, ..planned }
    }

    /// A delivery that no rule asked for.
    pub fn planned(
        &self,
        purpose: Purpose,
        what: &str,
        channel: Channel,
        address: StepAddress,
        due_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Planned {
        let user = self.policy.user.id.to_string();
        let device = address.device_id.map_or_else(String::new, |id| id.to_string());
        let what = self.again.map_or_else(|| what.to_owned(), |event| format!("{what}:again:{event}"));
        let key = [self.scope.key(), user, purpose.to_string(), what, device];
        let key: Vec<&str> = key.iter().map(String::as_str).collect();
        let Timing { state, ready_at, reason, collect } = self.timing(channel, address.device_id, due_at);
        Planned {
            id: DeliveryId::derive(self.base_at, &key),
            scope: self.scope.clone(),
            event_id: self.event_id.clone(),
            alert_id: self.alert_id.map(str::to_owned),
            category: self.category.map(str::to_owned),
            user_id: self.policy.user.id,
            purpose,
            trigger: self.trigger,
            channel,
            contact_id: address.contact_id,
            device_id: address.device_id,
            address: address.masked,
            rules: Vec::new(),
            critical: false,
            due_at,
            ready_at,
            expires_at,
            state,
            reason,
            expedited: false,
            attempts: 0,
            collect: collect.map(str::to_owned),
            named_as: self.named_as.cloned(),
            repetition: 0,
        }
    }

    /// A step that the user has switched off is suppressed. A message for a digest is held until the digest's period ends. Quiet
    /// hours hold everything but HIGH alerts until they end, digests included.
    fn timing(&self, channel: Channel, device: Option<DeviceId>, due_at: Timestamp) -> Timing {
        if let Some(reason) = gates::refusal(self.policy, self.trigger, self.category, channel, device) {
            return Timing { state: State::Suppressed, ready_at: due_at, reason: Some(reason), collect: None };
        }
        let user = &self.policy.user;
        // The zone was valid when it was set. Where this build does not know it, UTC is meant: a message at a wrong hour is better
        // than none.
        let zone = || watchbell_core::user::parse_timezone(&user.timezone).unwrap_or(TimeZone::UTC);
        let cadence = gates::cadence(self.policy, self.category, channel);
        let period = self.digests.and_then(|DigestTimes { from, daily_at }| match cadence {
            Digest::Hourly => Some((digest::hour_end(from, &zone()), HOURLY)),
            Digest::Daily => Some((digest::day_end(from, daily_at, &zone()), DAILY)),
            Digest::Instant | Digest::Off => None,
        });
        let digest_at = period.map_or(due_at, |(end, _)| end);
        let collect = period.map(|(_, collect)| collect);
        let hours = user.quiet_hours.as_ref().filter(|_| self.trigger != Trigger::AlertHigh);
        match (hours.and_then(|hours| hours.until(digest_at, &zone())), period) {
            (Some(end), _) => Timing { state: State::Held, ready_at: end, reason: Some(Reason::QuietHours { until: end }), collect },
            (None, Some((end, _))) => {
                Timing { state: State::Held, ready_at: end, reason: Some(Reason::InDigest { cadence, until: end }), collect }
            }
            (None, None) => Timing { state: State::Scheduled, ready_at: due_at, reason: None, collect },
        }
    }
}
