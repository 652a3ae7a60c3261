//! What a change of a user's rules, contacts, devices or settings changes in what they were not sent yet.

use std::collections::BTreeMap;

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::event::DutyStatus;
use watchbell_core::{Channel, DeliveryId, Reason, Timestamp, rule::Trigger};
use watchbell_store::facts::{Changed, Plan, Planned, Scope, UserFacts};

use crate::deliveries::DeliveryContext;
use crate::occasion::Occasion;
use crate::reconcile::{Elapsed, fresh_id, reconcile};
use crate::settings::SchedulerSettings;
use crate::subscription::Announcement;
use crate::{duty, paging, steps, subscription, timeline};

pub fn replan(facts: &UserFacts, settings: &SchedulerSettings, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut by_scope: BTreeMap<&Scope, Vec<Planned>> = BTreeMap::new();
    for delivery in &facts.deliveries {
        by_scope.entry(&delivery.scope).or_default().push(delivery.clone());
    }
    for (alert, responder) in &facts.responders {
        let existing = by_scope.remove(&responder.scope()).unwrap_or_default();
        let Some(told) = timeline::pages(alert).remove(&responder.user_id) else { continue };
        let pages = &told.pages;
        let labels = alert.labels(facts.described.get(&alert.event_id));
        let desired =
            pages.iter().flat_map(|page| paging::deliveries(alert, labels.as_ref(), &told, page, &facts.policy, settings).deliveries);
        let planned = plan.insert.len();
        let elapsed = match facts.changed {
            Changed::Settings => Elapsed::Skip,
            Changed::Shifts => Elapsed::IfUnmet,
        };
        reconcile(&mut plan, &existing, desired.collect(), elapsed, now, &Reason::RuleGone);
        for page in pages {
            let is_of_page = |d: &&Planned| d.trigger == page.priority.trigger();
            let existing: Vec<Planned> = existing.iter().filter(is_of_page).cloned().collect();
            let new: Vec<Planned> = plan.insert[planned..].iter().filter(is_of_page).cloned().collect();
            if !is_left_with_nothing(&existing, &new, &plan) {
                continue;
            }
            let fell_back = existing.iter().any(|d| d.purpose == Purpose::Fallback && d.state != State::Cancelled);
            match paging::fallback(alert, &told, page, &facts.policy, settings).filter(|_| !fell_back) {
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
        let mut desired = duty::reminders(duty, duty.occurrence.base_at(), &facts.policy, settings, now);
        // A reminder that waits for its next try stays desired, although the time of a nearer one has passed since.
        keep_retrying(&mut desired, &existing);
        reconcile(&mut plan, &existing, desired, Elapsed::Skip, now, &Reason::RuleGone);
    }
    for (scope, existing) in by_scope {
        if let Scope::Event(event_id) = scope {
            let desired = at_once(&existing, scope, event_id, facts, settings);
            reconcile(&mut plan, &existing, desired, Elapsed::Skip, now, &Reason::RuleGone);
        }
    }
    plan
}

/// Whether the change leaves the user without any page: it cancelled the ones that were to come, and the time of what is desired
/// instead has passed.
fn is_left_with_nothing(existing: &[Planned], planned: &[Planned], plan: &Plan) -> bool {
    let is_page = |d: &&Planned| d.channel != Channel::InApp && d.state != State::Cancelled && !d.is_unmet();
    let stops = |id: &DeliveryId| plan.update.iter().any(|updated| updated.id == *id && updated.is_unmet());
    let is_cancelled = |d: &Planned| plan.cancel.iter().any(|(id, _)| *id == d.id) || stops(&d.id);
    let is_lost = |d: &Planned| matches!(d.state, State::Failed | State::Undelivered | State::Expired | State::Suppressed);
    let pages: Vec<&Planned> = existing.iter().filter(is_page).collect();
    // Where the change cancelled nothing, a user without a page was noted as unreachable when the last page failed.
    let is_changed = pages.is_empty() || pages.iter().any(|d| is_cancelled(d));
    is_changed && !planned.iter().any(|d| is_page(&d)) && pages.iter().all(|d| is_cancelled(d) || is_lost(d))
}

fn keep_retrying(desired: &mut Vec<Planned>, existing: &[Planned]) {
    for old in existing.iter().filter(|d| d.state.is_pending() && d.attempts > 0) {
        if !desired.iter().any(|w| w.rules.iter().any(|rule| old.rules.contains(rule))) {
            desired.push(old.clone());
        }
    }
}

/// The deliveries that are desired from now on for an event whose messages are due at once. Only those that are pending can still
/// change.
fn at_once(
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
        // Digests count from the event's own time, so that a period that has ended does not begin again.
        let announcement = Announcement::new(event_id, category, default_channels, base_at, settings, base_at);
        return subscription::for_user(&facts.policy, &announcement);
    }
    triggers
        .into_iter()
        .flat_map(|trigger| {
            let context = DeliveryContext {
                scope,
                event_id,
                alert_id: first.alert_id.as_deref(),
                category: first.category.as_deref(),
                policy: &facts.policy,
                trigger,
                base_at,
                digests: None,
                named_as: None,
                again: None,
            };
            let occasion = Occasion { trigger, labels: None, category: None, priority: None, due: None };
            let steps = steps::compile(&facts.policy, &occasion);
            steps.into_iter().map(move |step| context.deliver(step, base_at, first.expires_at)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests;
