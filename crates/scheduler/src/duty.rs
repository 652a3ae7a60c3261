//! What the event of a shift changes: the reminders before the shift, and a message when the shift is cancelled or given to somebody
//! else.

use std::collections::BTreeSet;

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{DutyData, DutyStatus, Event};
use watchbell_core::rule::Trigger;
use watchbell_core::{Decision, Reason, Timestamp, UserId};
use watchbell_store::facts::{Duty, Facts, Plan, Planned, Policy, Scope};

use crate::deliveries::DeliveryContext;
use crate::occasion::Occasion;
use crate::reconcile::{Elapsed, reconcile};
use crate::settings::SchedulerSettings;
use crate::steps::{self, StepAddress};
use crate::whom;

pub fn plan(event: &Event, data: &DutyData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let users = whom::users(std::slice::from_ref(&data.user_id), facts, &mut plan);
    let Some(first) = users.first() else {
        plan.decision = Some(Decision::UserUnknown);
        return plan;
    };
    if let Some(known) = &facts.duty
        && known.occurrence.is_after(&event.occurrence)
    {
        plan.decision = Some(Decision::NewerEventKnown);
        return plan;
    }
    let duty = Duty {
        id: data.duty_id.clone(),
        user_id: *first,
        starts_at: data.starts_at,
        ends_at: data.ends_at,
        schedule: data.schedule.clone(),
        status: data.status,
        occurrence: event.occurrence.clone(),
        event_id: event.id(),
    };
    let scope = scope(&duty);
    // Deliveries that were planned for another start of the shift, or for another user, are not needed any more.
    let (same, other): (Vec<_>, Vec<_>) = facts
        .deliveries
        .iter()
        .cloned()
        .partition(|d| d.scope == scope && users.contains(&d.user_id) && duty.status == DutyStatus::Scheduled);
    let reason = if duty.status == DutyStatus::Cancelled { Reason::ShiftCancelled } else { Reason::ShiftMoved };
    plan.cancel.extend(other.iter().filter(|d| d.state.is_pending() || d.state == State::Sending).map(|d| (d.id.clone(), reason.clone())));

    if duty.status == DutyStatus::Scheduled {
        for policy in users.iter().filter_map(|user| facts.policies.get(user)) {
            let desired = reminders(&duty, event.occurrence.base_at(), policy, settings, now);
            if desired.is_empty() {
                plan.decision = Some(why_no_reminder(&duty, policy, now));
            }
            let same: Vec<Planned> = same.iter().filter(|d| d.user_id == policy.user.id).cloned().collect();
            reconcile(&mut plan, &same, desired, Elapsed::Send, now, &Reason::RuleGone);
        }
    }
    for user in relieved(facts, &duty, &users) {
        plan.insert.extend(cancellation(event, facts, &other, user, &duty, now));
    }
    plan.duty = Some(duty);
    plan
}

fn why_no_reminder(duty: &Duty, policy: &Policy, now: Timestamp) -> Decision {
    if now >= duty.starts_at {
        Decision::ShiftHasBegun
    } else if !policy.rules.iter().any(|rule| rule.trigger == Trigger::Duty) {
        Decision::NoRuleForShifts
    } else {
        Decision::HappenedAfterBegin
    }
}

pub fn scope(duty: &Duty) -> Scope {
    Scope::Duty { id: duty.id.clone(), starts_at: duty.starts_at }
}

/// The reminders of a shift, each `beforeMin` before it begins. Of those whose time has passed, only the one nearest to the begin is
/// left, and it is due at once. There are none if the shift had begun at `base_at`, or began longer than the grace ago.
pub fn reminders(duty: &Duty, base_at: Timestamp, policy: &Policy, settings: &SchedulerSettings, now: Timestamp) -> Vec<Planned> {
    let expires_at = duty.starts_at.plus_s(settings.duty_grace_s);
    if now >= expires_at || base_at > duty.starts_at {
        return Vec::new();
    }
    let scope = scope(duty);
    let context = DeliveryContext {
        scope: &scope,
        event_id: &duty.event_id,
        alert_id: None,
        category: None,
        policy,
        trigger: Trigger::Duty,
        base_at,
        digests: None,
        named_as: None,
        again: None,
    };
    let due = |offset_s: i64| duty.starts_at.plus_s(-offset_s);
    let steps = steps::compile(policy, &Occasion::timed(Trigger::Duty, &due));
    let met = steps.iter().filter(|step| step.is_met());
    let nearest = met.map(|step| due(step.offset_s)).filter(|due| *due <= now).max();
    steps
        .into_iter()
        .map(|step| (due(step.offset_s), step))
        .filter(|(due, _)| *due > now || Some(*due) == nearest)
        .map(|(due, step)| context.deliver(step, due, Some(expires_at)))
        .collect()
}

/// The users who had the shift and do not have it any more.
fn relieved(facts: &Facts, duty: &Duty, users: &[UserId]) -> BTreeSet<UserId> {
    let Some(before) = facts.duty.as_ref().filter(|known| known.status == DutyStatus::Scheduled) else { return BTreeSet::new() };
    // A name that means two people gave the shift to both of them. A user from whom it was taken earlier was told then.
    let of_shift = || facts.deliveries.iter().filter(|d| d.scope == scope(before));
    let was_told = |user| of_shift().any(|d| d.user_id == user && d.purpose == Purpose::DutyCancelled);
    let mut had_it: BTreeSet<UserId> = of_shift().map(|d| d.user_id).filter(|user| !was_told(*user)).collect();
    had_it.insert(before.user_id);
    had_it.retain(|user| duty.status == DutyStatus::Cancelled || !users.contains(user));
    had_it
}

/// The message to a user who had been reminded of a shift that they do not have any more: sent once, by the channel of their last
/// reminder.
fn cancellation(event: &Event, facts: &Facts, deliveries: &[Planned], user: UserId, duty: &Duty, now: Timestamp) -> Option<Planned> {
    let before = facts.duty.as_ref()?;
    if before.ends_at <= now {
        return None;
    }
    let policy = facts.policies.get(&user)?;
    let old_scope = scope(before);
    let reminded = |d: &&Planned| {
        let gone_out = matches!(d.state, State::Sending | State::Sent | State::Delivered | State::Undelivered | State::Bundled);
        d.scope == old_scope && d.user_id == user && d.purpose == Purpose::Rule && gone_out
    };
    let last = deliveries.iter().filter(reminded).max_by_key(|d| (d.due_at, d.id.clone()))?;
    let event_id = event.id();
    let base_at = event.occurrence.base_at();
    let context = DeliveryContext {
        scope: &old_scope,
        event_id: &event_id,
        alert_id: None,
        category: None,
        policy,
        trigger: Trigger::Duty,
        base_at,
        digests: None,
        named_as: None,
        again: None,
    };
    let address = StepAddress { contact_id: last.contact_id, device_id: last.device_id, masked: last.address.clone() };
    let expires_at = Some(before.ends_at.max(duty.ends_at));
    // The id is derived from the event as well, since a shift may be cancelled, set again, and cancelled again.
    Some(context.planned(Purpose::DutyCancelled, event_id.as_str(), last.channel, address, base_at, expires_at))
}
