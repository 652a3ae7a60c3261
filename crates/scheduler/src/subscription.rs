//! What a subscription event changes.

use watchbell_core::EventId;
use watchbell_core::Timestamp;
use watchbell_core::event::{Event, SubscriptionData};
use watchbell_core::rule::Trigger;
use watchbell_store::facts::{Facts, Plan, Planned, Policy, Scope};

use crate::alert;
use crate::steps::{self, Common};

pub fn plan(event: &Event, data: &SubscriptionData, facts: &Facts) -> Plan {
    let mut plan = Plan::default();
    let event_id = event.id();
    for user in alert::users(&data.users, facts, &mut plan) {
        if let Some(policy) = facts.policies.get(&user) {
            plan.insert.extend(for_user(policy, &event_id, event.occurrence.base_at()));
        }
    }
    plan.fan_out.clone_from(&data.topic);
    plan
}

/// Everything that one subscriber is to be told.
pub fn for_user(policy: &Policy, event_id: &EventId, base_at: Timestamp) -> Vec<Planned> {
    let scope = Scope::Event(event_id.clone());
    let common = Common { scope: &scope, event_id, alert_id: None, policy, trigger: Trigger::Subscription, base_at };
    steps::compile(policy, Trigger::Subscription).into_iter().map(|step| common.deliver(step, base_at, None)).collect()
}
