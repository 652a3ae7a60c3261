//! What a subscription event changes.

use watchbell_core::event::{Event, SubscriptionData};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, EventId, Timestamp};
use watchbell_store::facts::{Facts, Plan, Planned, Policy, Scope};

use crate::settings::SchedulerSettings;
use crate::steps::{Collects, Common};
use crate::{alert, gates};

/// What every subscriber of an event is told alike.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub event_id: &'a EventId,
    pub category: Option<&'a str>,
    /// Where events of the category go without any rule.
    pub default_channels: &'a [Channel],
    pub base_at: Timestamp,
    pub collects: Collects,
}

impl<'a> Told<'a> {
    pub fn new(
        event_id: &'a EventId,
        category: Option<&'a str>,
        default_channels: &'a [Channel],
        base_at: Timestamp,
        settings: &SchedulerSettings,
        now: Timestamp,
    ) -> Self {
        // What comes late is collected with what comes now.
        let collects = Collects { from: base_at.max(now), daily_at: settings.daily_digest_at };
        Self { event_id, category, default_channels, base_at, collects }
    }
}

pub fn plan(event: &Event, data: &SubscriptionData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let event_id = event.id();
    let base_at = event.occurrence.base_at();
    let told = Told::new(&event_id, data.category.as_deref(), &facts.default_channels, base_at, settings, now);
    for user in alert::users(&data.users, facts, &mut plan) {
        if let Some(policy) = facts.policies.get(&user) {
            plan.insert.extend(for_user(policy, &told));
        }
    }
    plan.fan_out.clone_from(&data.topic);
    plan
}

/// Everything that one subscriber is to be told.
pub fn for_user(policy: &Policy, told: &Told<'_>) -> Vec<Planned> {
    let Told { event_id, category, default_channels, base_at, collects } = *told;
    let scope = Scope::Event(event_id.clone());
    let trigger = Trigger::Subscription;
    let common = Common { scope: &scope, event_id, alert_id: None, category, policy, trigger, base_at, collects: Some(collects) };
    let steps = gates::steps(policy, trigger, category, default_channels);
    steps.into_iter().map(|step| common.deliver(step, base_at, None)).collect()
}
