//! What a change of a user's rules, contacts, devices or settings changes in what they were not sent yet.

use std::collections::BTreeMap;

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::DutyStatus;
use watchbell_core::{Channel, DeliveryId, Reason, Timestamp, rule::Trigger};
use watchbell_store::facts::{Plan, Planned, Scope, UserFacts};

use crate::diff::{Elapsed, bring_in_line, fresh_id};
use crate::settings::SchedulerSettings;
use crate::steps::{self, Common};
use crate::subscription::Told;
use crate::{alert, course, duty, subscription};

pub fn replan(facts: &UserFacts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut by_scope: BTreeMap<&Scope, Vec<Planned>> = BTreeMap::new();
    for delivery in &facts.deliveries {
        by_scope.entry(&delivery.scope).or_default().push(delivery.clone());
    }
    for (alert, responder) in &facts.responders {
        let existing = by_scope.remove(&responder.scope()).unwrap_or_default();
        let Some(pages) = course::pages(alert).remove(&responder.user_id).map(|pages| pages.pages) else { continue };
        let wanted = pages
            .iter()
            .enumerate()
            .flat_map(|(at, page)| alert::for_page(alert, responder, page, at > 0, &facts.policy, settings).unwrap_or_default());
        let planned = plan.insert.len();
        bring_in_line(&mut plan, &existing, wanted.collect(), Elapsed::Skip, now, &Reason::RuleGone);
        for page in &pages {
            let is_of_page = |d: &&Planned| d.trigger == page.priority.trigger();
            let existing: Vec<Planned> = existing.iter().filter(is_of_page).cloned().collect();
            let new: Vec<Planned> = plan.insert[planned..].iter().filter(is_of_page).cloned().collect();
            if !is_left_with_nothing(&existing, &new, &plan.cancel) {
                continue;
            }
            let fell_back = existing.iter().any(|d| d.purpose == Purpose::Fallback && d.state != State::Cancelled);
            match alert::fallback(alert, responder, page, &facts.policy, settings).filter(|_| !fell_back) {
                Some(mut fallback) => {
                    fresh_id(&mut fallback, &existing);
                    plan.insert.push(fallback);
                }
                None => plan.unreachable.push((responder.scope(), responder.user_id)),
            }
        }
    }
    for duty in facts.duties.iter().filter(|duty| duty.status == DutyStatus::Scheduled) {
        let existing = by_scope.remove(&duty::scope(duty)).unwrap_or_default();
        let mut wanted = duty::reminders(duty, duty.told.base_at(), &facts.policy, settings, now);
        // A reminder that is waiting for its next try stays wanted although a nearer one has passed.
        keep_retrying(&mut wanted, &existing);
        bring_in_line(&mut plan, &existing, wanted, Elapsed::Skip, now, &Reason::RuleGone);
    }
    for (scope, existing) in by_scope {
        if let Scope::Event(event_id) = scope {
            let wanted = same_time_as(&existing, scope, event_id, facts, settings);
            bring_in_line(&mut plan, &existing, wanted, Elapsed::Skip, now, &Reason::RuleGone);
        }
    }
    plan
}

/// Whether nothing has paged the user or will: the change called off what would have, and what is wanted instead has elapsed.
fn is_left_with_nothing(existing: &[Planned], planned: &[Planned], cancel: &[(DeliveryId, Reason)]) -> bool {
    let is_page = |d: &&Planned| d.channel != Channel::InApp && d.state != State::Cancelled;
    let is_called_off = |d: &Planned| cancel.iter().any(|(id, _)| *id == d.id);
    let is_lost = |d: &Planned| matches!(d.state, State::Failed | State::Undelivered | State::Expired | State::Suppressed);
    let pages: Vec<&Planned> = existing.iter().filter(is_page).collect();
    // What failed by itself, or was switched off, has been told of already.
    let is_changed = pages.is_empty() || pages.iter().any(|d| is_called_off(d));
    is_changed && !planned.iter().any(|d| is_page(&d)) && pages.iter().all(|d| is_called_off(d) || is_lost(d))
}

fn keep_retrying(wanted: &mut Vec<Planned>, existing: &[Planned]) {
    for old in existing.iter().filter(|d| d.state.is_pending() && d.attempts > 0) {
        if !wanted.iter().any(|w| w.rules.iter().any(|rule| old.rules.contains(rule))) {
            wanted.push(old.clone());
        }
    }
}

/// What an event that is told at once is told by from now on; only what is pending can still change.
fn same_time_as(
    existing: &[Planned],
    scope: &Scope,
    event_id: &watchbell_core::EventId,
    facts: &UserFacts,
    settings: &SchedulerSettings,
) -> Vec<Planned> {
    let by_rule = || existing.iter().filter(|delivery| delivery.purpose == Purpose::Rule);
    let triggers: std::collections::BTreeSet<Trigger> = by_rule().map(|d| d.trigger).collect();
    let Some(first) = by_rule().next() else { return Vec::new() };
    let base_at = by_rule().map(|d| d.due_at).min().unwrap_or(first.due_at);
    if first.trigger == Trigger::Subscription {
        let category = first.category.as_deref();
        let default_channels = category.and_then(|category| facts.default_channels.get(category)).map_or(&[][..], Vec::as_slice);
        // From the event's own time, so that a period that has ended does not begin again.
        let told = Told::new(event_id, category, default_channels, base_at, settings, base_at);
        return subscription::for_user(&facts.policy, &told);
    }
    triggers
        .into_iter()
        .flat_map(|trigger| {
            let common = Common {
                scope,
                event_id,
                alert_id: first.alert_id.as_deref(),
                category: first.category.as_deref(),
                policy: &facts.policy,
                trigger,
                base_at,
                collects: None,
            };
            let steps = steps::compile(&facts.policy, trigger);
            steps.into_iter().map(move |step| common.deliver(step, base_at, first.expires_at)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests;
