//! The planner that the store is opened with.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use watchbell_core::event::{Event, EventData, SubscriptionData, UpdateData};
use watchbell_core::rule::Trigger;
use watchbell_core::{Channel, EventId, FollowUp, Timestamp, UserId};
use watchbell_store::Planner;
use watchbell_store::facts::{Alert, Facts, Plan, Policy, Reach, UserFacts};

use crate::settings::SchedulerSettings;
use crate::subscription::Announcement;
use crate::{alert, duty, follow_up, replan, silence, subscription, update, whom};

/// Plans from users' rules.
#[derive(Clone, Debug, Default)]
pub struct RulePlanner {
    settings: SchedulerSettings,
}

impl RulePlanner {
    pub fn new(settings: SchedulerSettings) -> Self {
        Self { settings }
    }
}

impl Planner for RulePlanner {
    fn behind(&self, event: &Event) -> BTreeSet<String> {
        match &event.data {
            EventData::Alert(data) => whom::behind(&data.responders, &self.settings),
            EventData::Update(UpdateData { follow_up: Some(what), .. }) => follow_up::behind(what, &self.settings),
            EventData::Update(data) => whom::behind(&data.responders, &self.settings),
            EventData::Duty(_) | EventData::Subscription(_) | EventData::Verification(_) => BTreeSet::new(),
        }
    }

    fn follow_up(&self, what: &FollowUp, now: Timestamp) -> Option<Event> {
        follow_up::event(what, &self.settings, now)
    }

    fn next(&self, done: &FollowUp) -> Option<FollowUp> {
        follow_up::next(done, &self.settings)
    }

    fn plan(&self, event: &Event, facts: &Facts, now: Timestamp) -> Plan {
        let mut plan = match &event.data {
            EventData::Alert(data) => alert::plan(event, data, facts, &self.settings, now),
            EventData::Update(data) => update::plan(event, data, facts, &self.settings, now),
            EventData::Duty(data) => duty::plan(event, data, facts, &self.settings, now),
            EventData::Subscription(data) => subscription::plan(event, data, facts, &self.settings, now),
            // Verification codes are planned where they are made.
            EventData::Verification(_) => Plan::default(),
        };
        plan.silence = plan.alert.as_ref().and_then(|after| silence::of(event, facts, after, &self.settings));
        plan
    }

    fn plan_members(
        &self,
        event_id: &EventId,
        data: &SubscriptionData,
        base_at: Timestamp,
        members: &HashMap<UserId, Arc<Policy>>,
        default_channels: &[Channel],
        now: Timestamp,
    ) -> Plan {
        // Who is named in the event itself was planned with it.
        let named = |policy: &Policy| {
            let user = &policy.user;
            let names = [Some(&user.public_id), user.external_id.as_ref()];
            data.users.iter().any(|name| names.contains(&Some(name)) || *name == user.id.to_string())
        };
        let mut members: Vec<&Arc<Policy>> = members.values().filter(|policy| !named(policy)).collect();
        members.sort_by_key(|policy| policy.user.id);
        let announcement = Announcement::new(event_id, data.category.as_deref(), default_channels, base_at, &self.settings, now);
        Plan { insert: members.into_iter().flat_map(|policy| subscription::for_user(policy, &announcement)).collect(), ..Plan::default() }
    }

    fn replan(&self, facts: &UserFacts, now: Timestamp) -> Plan {
        replan::replan(facts, &self.settings, now)
    }

    fn reach(&self, policy: &Policy) -> Reach {
        let delays = policy.rules.iter().filter(|rule| matches!(rule.trigger, Trigger::AlertHigh | Trigger::AlertLow));
        Reach {
            steps_s: delays.map(|rule| rule.offset_s + rule.repeats_for_s()).max().unwrap_or_default().max(0),
            unreached_s: self.settings.alert_expiry_s,
        }
    }

    fn close(&self, alert: &Alert, now: Timestamp) -> Plan {
        alert::close(alert, &self.settings, now)
    }
}
