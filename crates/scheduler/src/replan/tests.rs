//! What a change of preferences and switches does to what was planned before it.

use std::collections::HashMap;
use std::sync::Arc;

use watchbell_core::delivery::State;
use watchbell_core::preference::{ChannelType, Digest, Wants};
use watchbell_core::{Channel, EventId, Reason, RuleId};
use watchbell_store::facts::Policy;

use super::*;
use crate::gates::tests::{ORDER, anna, at, preference, rule};

const TOLD: &str = "2026-11-20T08:10:00Z";
const CHANGED: &str = "2026-11-20T08:20:00Z";

/// What was planned from one policy, and what a change to another makes of it ten minutes later.
fn change(before: &Policy, after: Policy, default_channels: &[Channel]) -> (Vec<Planned>, Plan) {
    let settings = SchedulerSettings::default();
    let event_id = EventId("E".to_owned());
    let announcement = Announcement::new(&event_id, Some(ORDER), default_channels, at(TOLD), &settings, at(TOLD));
    // The inbox was written at once.
    let planned: Vec<Planned> = subscription::for_user(before, &announcement).into_iter().filter(|d| d.channel != Channel::InApp).collect();
    let facts = UserFacts {
        changed: watchbell_store::facts::Changed::Settings,
        policy: Arc::new(after),
        responders: Vec::new(),
        duties: Vec::new(),
        deliveries: planned.clone(),
        default_channels: HashMap::from([(ORDER.to_owned(), default_channels.to_vec())]),
        described: HashMap::new(),
    };
    let plan = replan(&facts, &settings, at(CHANGED));
    (planned, plan)
}

fn wanting(wants: Wants) -> Policy {
    Policy { preferences: vec![preference(Some(ORDER), wants)], ..anna() }
}

fn email(digest: Digest) -> Policy {
    wanting(Wants { email: true, digest, ..Wants::default() })
}

#[test]
fn what_was_planned_stays_when_nothing_changes() {
    for policy in [email(Digest::Instant), email(Digest::Hourly), email(Digest::Daily)] {
        let (planned, plan) = change(&policy, policy.clone(), &[Channel::Sms]);
        assert_eq!(planned.len(), 2);
        assert_eq!(plan, Plan::default());
    }
}

#[test]
fn an_unsent_step_that_is_switched_off_is_suppressed() {
    let by_rule = Policy { rules: vec![rule(7, Channel::Sms)], ..anna() };
    let mut off = by_rule.clone();
    off.switches.channel_types.insert(ChannelType::Sms, false);
    let (planned, plan) = change(&by_rule, off.clone(), &[]);
    assert_eq!((plan.update.len(), plan.cancel.len(), plan.insert.len()), (1, 0, 0));
    assert_eq!((&plan.update[0].id, plan.update[0].state), (&planned[0].id, State::Suppressed));
    assert_eq!(plan.update[0].reason, Some(Reason::ChannelTypeOff { channel_type: ChannelType::Sms, category: None }));

    // Also one that is waiting for its next try.
    let mut retrying = planned;
    retrying[0].attempts = 2;
    let facts = UserFacts {
        changed: watchbell_store::facts::Changed::Settings,
        policy: Arc::new(off),
        responders: Vec::new(),
        duties: Vec::new(),
        deliveries: retrying,
        default_channels: HashMap::new(),
        described: HashMap::new(),
    };
    assert_eq!(replan(&facts, &SchedulerSettings::default(), at(CHANGED)).update[0].state, State::Suppressed);
}

#[test]
fn a_digest_that_is_not_wanted_any_more_is_called_off_and_one_that_is_wanted_at_once_goes() {
    let (planned, plan) = change(&email(Digest::Daily), wanting(Wants::default()), &[]);
    // What is held cannot become suppressed: it can only go or be cancelled.
    assert_eq!(plan.cancel, [(planned[0].id.clone(), Reason::NotAskedFor)]);
    let by_default = |digest| Policy { rules: vec![rule(7, Channel::Email)], ..email(digest) };
    let (planned, plan) = change(&by_default(Digest::Hourly), by_default(Digest::Off), &[]);
    assert_eq!(plan.cancel, [(planned[0].id.clone(), Reason::DigestOff { category: Some("order.updated".to_owned()) })]);

    let (planned, plan) = change(&email(Digest::Daily), email(Digest::Instant), &[]);
    let moved = &plan.update[0];
    assert_eq!((&moved.id, moved.state, moved.ready_at, &moved.collect), (&planned[0].id, State::Scheduled, at(TOLD), &None));
    let (_, plan) = change(&email(Digest::Instant), email(Digest::Hourly), &[]);
    let moved = &plan.update[0];
    assert_eq!((moved.state, moved.ready_at, moved.collect.as_deref()), (State::Held, at("2026-11-20T09:00:00Z"), Some("hourly")));
}

#[test]
fn whoever_asks_for_it_next_takes_a_delivery_over() {
    // A rule is made for what a default channel or a preference had asked for, and deleted again.
    let ruled = |policy: Policy| Policy { rules: vec![rule(7, Channel::Email)], ..policy };
    let (planned, plan) = change(&email(Digest::Instant), ruled(email(Digest::Instant)), &[]);
    assert_eq!((plan.update.len(), plan.cancel.len(), plan.insert.len()), (1, 0, 0));
    assert_eq!((&plan.update[0].id, &plan.update[0].rules), (&planned[0].id, &vec![RuleId(7)]));
    let (planned, plan) = change(&ruled(email(Digest::Instant)), email(Digest::Instant), &[]);
    assert_eq!((&plan.update[0].id, &plan.update[0].rules), (&planned[0].id, &vec![]));
    assert_eq!((plan.cancel.len(), plan.insert.len()), (0, 0));
    // A default channel goes on where the preference ends.
    let (_, plan) = change(&email(Digest::Instant), anna(), &[Channel::Email]);
    assert_eq!((plan.update.len(), plan.cancel.len(), plan.insert.len()), (0, 0, 0));
    // Nobody asks any more.
    let (planned, plan) = change(&ruled(anna()), anna(), &[]);
    assert_eq!(plan.cancel, [(planned[0].id.clone(), Reason::RuleGone)]);
}

#[test]
fn what_is_asked_for_after_the_fact_is_not_fired() {
    let (_, plan) = change(&Policy { rules: vec![rule(7, Channel::Sms)], ..anna() }, email(Digest::Instant), &[Channel::Sms]);
    assert_eq!(plan.insert, []);
    assert_eq!(plan.cancel, []);
}
