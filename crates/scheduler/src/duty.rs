//! What a shift's event changes: reminders before it, and word when it is called off.

use std::collections::BTreeSet;

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::{DutyData, DutyStatus, Event};
use watchbell_core::rule::Trigger;
use watchbell_core::{Decision, Reason, Timestamp, UserId};
use watchbell_store::facts::{Duty, Facts, Plan, Planned, Policy, Scope};

use crate::alert;
use crate::diff::{Elapsed, bring_in_line};
use crate::settings::SchedulerSettings;
use crate::steps::{self, Common, StepAddress};

pub fn plan(event: &Event, data: &DutyData, facts: &Facts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let users = alert::users(std::slice::from_ref(&data.user_id), facts, &mut plan);
    let Some(first) = users.first() else {
        plan.decision = Some(Decision::UserUnknown);
        return plan;
    };
    if let Some(known) = &facts.duty
        && known.told.is_after(&event.occurrence)
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
        told: event.occurrence.clone(),
        event_id: event.id(),
    };
    let scope = scope(&duty);
    // What was planned for another start, or for somebody else, no longer holds.
    let (same, other): (Vec<_>, Vec<_>) = facts
        .deliveries
        .iter()
        .cloned()
        .partition(|d| d.scope == scope && users.contains(&d.user_id) && duty.status == DutyStatus::Scheduled);
    let reason = if duty.status == DutyStatus::Cancelled { Reason::ShiftCancelled } else { Reason::ShiftMoved };
    plan.cancel.extend(other.iter().filter(|d| d.state.is_pending() || d.state == State::Sending).map(|d| (d.id.clone(), reason.clone())));

    if duty.status == DutyStatus::Scheduled {
        for policy in users.iter().filter_map(|user| facts.policies.get(user)) {
            let wanted = reminders(&duty, event.occurrence.base_at(), policy, settings, now);
            if wanted.is_empty() {
                plan.decision = Some(why_no_reminder(&duty, policy, now));
            }
            let same: Vec<Planned> = same.iter().filter(|d| d.user_id == policy.user.id).cloned().collect();
            bring_in_line(&mut plan, &same, wanted, Elapsed::Send, now, &Reason::RuleGone);
        }
    }
    for user in called_off(facts, &duty, &users) {
        plan.insert.extend(call_off(event, facts, &other, user, &duty, now));
    }
    plan.duty = Some(duty);
    plan
}

fn why_no_reminder(duty: &Duty, policy: &Policy, now: Timestamp) -> Decision {
    if now >= duty.starts_at {
        Decision::ShiftHasBegun
    } else if steps::compile(policy, Trigger::Duty).is_empty() {
        Decision::NoRuleForShifts
    } else {
        Decision::HappenedAfterBegin
    }
}

pub fn scope(duty: &Duty) -> Scope {
    Scope::Duty { id: duty.id.clone(), starts_at: duty.starts_at }
}

/// The reminders of a shift, each `beforeMin` before it begins. Of those whose time has passed only the nearest is left, due
/// at once, and none when the shift had begun at `base_at` or began longer than the grace ago.
pub fn reminders(duty: &Duty, base_at: Timestamp, policy: &Policy, settings: &SchedulerSettings, now: Timestamp) -> Vec<Planned> {
    let expires_at = duty.starts_at.plus_s(settings.duty_grace_s);
    if now >= expires_at || base_at > duty.starts_at {
        return Vec::new();
    }
    let scope = scope(duty);
    let common = Common {
        scope: &scope,
        event_id: &duty.event_id,
        alert_id: None,
        category: None,
        policy,
        trigger: Trigger::Duty,
        base_at,
        collects: None,
    };
    let steps = steps::compile(policy, Trigger::Duty);
    let due = |offset_s: i64| duty.starts_at.plus_s(-offset_s);
    let nearest = steps.iter().map(|step| due(step.offset_s)).filter(|due| *due <= now).max();
    steps
        .into_iter()
        .map(|step| (due(step.offset_s), step))
        .filter(|(due, _)| *due > now || Some(*due) == nearest)
        .map(|(due, step)| common.deliver(step, due, Some(expires_at)))
        .collect()
}

/// Who no longer has the shift.
fn called_off(facts: &Facts, duty: &Duty, users: &[UserId]) -> BTreeSet<UserId> {
    let Some(before) = facts.duty.as_ref().filter(|known| known.status == DutyStatus::Scheduled) else { return BTreeSet::new() };
    // A name that means two people gave it to both; whom it was taken from before was told then.
    let of_shift = || facts.deliveries.iter().filter(|d| d.scope == scope(before));
    let is_told = |user| of_shift().any(|d| d.user_id == user && d.purpose == Purpose::DutyCancelled);
    let mut had_it: BTreeSet<UserId> = of_shift().map(|d| d.user_id).filter(|user| !is_told(*user)).collect();
    had_it.insert(before.user_id);
    had_it.retain(|user| duty.status == DutyStatus::Cancelled || !users.contains(user));
    had_it
}

/// Whoever had been reminded is told once, by the channel of the last reminder.
fn call_off(event: &Event, facts: &Facts, deliveries: &[Planned], user: UserId, duty: &Duty, now: Timestamp) -> Option<Planned> {
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
    let common = Common {
        scope: &old_scope,
        event_id: &event_id,
        alert_id: None,
        category: None,
        policy,
        trigger: Trigger::Duty,
        base_at,
        collects: None,
    };
    let address = StepAddress { contact_id: last.contact_id, device_id: last.device_id, masked: last.address.clone() };
    let expires_at = Some(before.ends_at.max(duty.ends_at));
    // Its event makes it a delivery of its own: a shift may be called off, set again, and called off again.
    Some(common.planned(Purpose::DutyCancelled, event_id.as_str(), last.channel, address, base_at, expires_at))
}
