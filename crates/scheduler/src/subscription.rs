//! What a subscription event changes.

use watchbell_core::event::{Event, SubscriptionData};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, EventId, Timestamp};
use watchbell_store::facts::{Facts, Plan, Planned, Policy, Scope};

use crate::deliveries::{DeliveryContext, DigestTimes};
use crate::occasion::Occasion;
use crate::settings::SchedulerSettings;
use crate::{steps, whom};

/// What is the same for all subscribers of one event.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    pub event_id: &'a EventId,
    pub category: Option<&'a str>,
    /// Where events of the category go without any rule.
    pub default_channels: &'a [Channel],
    pub base_at: Timestamp,
    pub digests: DigestTimes,
}

impl<'a> Announcement<'a> {
    pub fn new(
        event_id: &'a EventId,
        category: Option<&'a str>,
        default_channels: &'a [Channel],
        base_at: Timestamp,
        settings: &SchedulerSettings,
        now: Timestamp,
    ) -> Self {
        // An event that comes late goes into the digest of the period that is running now.
        let digests = DigestTimes { from: base_at.max(now), daily_at: settings.daily_digest_at };
        Self { event_id, category, default_channels, base_at, digests }
    }
}

pub fn plan(event: &Event, data: &SubscriptionData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let event_id = event.id();
    let base_at = event.occurrence.base_at();
    let announcement = Announcement::new(&event_id, data.category.as_deref(), &facts.default_channels, base_at, settings, now);
    for user in whom::users(&data.users, facts, &mut plan) {
        if let Some(policy) = facts.policies.get(&user) {
            plan.insert.extend(for_user(policy, &announcement));
        }
    }
    plan.fan_out.clone_from(&data.topic);
    plan
}

/// The deliveries of an event for one subscriber.
pub fn for_user(policy: &Policy, announcement: &Announcement<'_>) -> Vec<Planned> {
    let Announcement { event_id, category, default_channels, base_at, digests } = *announcement;
    let scope = Scope::Event(event_id.clone());
    let trigger = Trigger::Subscription;
    let context = DeliveryContext {
        scope: &scope,
        event_id,
        alert_id: None,
        category,
        policy,
        trigger,
        base_at,
        digests: Some(digests),
        named_as: None,
        again: None,
    };
    let due = |_| base_at;
    let occasion = Occasion { category, ..Occasion::timed(trigger, &due) };
    let steps = steps::for_event(policy, &occasion, default_channels);
    steps.into_iter().map(|step| context.deliver(step, base_at, None)).collect()
}
