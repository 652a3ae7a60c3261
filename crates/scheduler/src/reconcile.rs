//! Reconciles the deliveries that exist with the ones that are desired, so that nothing is sent twice.

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::{Reason, Timestamp};
use watchbell_store::facts::{Plan, Planned};

/// What to do with a desired delivery whose time has passed and in whose place no delivery exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// It is left out: a rule that was made after the alert is not fired for a time before that.
    Skip,
    /// It is sent at once if its rule stood there at that time, and a condition did not hold that holds now: what it is judged by came
    /// late.
    IfUnmet,
    /// It is sent at once: the event came late.
    Send,
}

/// Adds to `plan` what turns `existing` (all deliveries of one scope and user, whatever their state) into `desired`.
///
/// A pending delivery that shares a rule with a desired one becomes it. A delivery that shares a rule but was sent already takes its
/// place, and that of the desired deliveries of all its rules. A pending delivery that nothing asks for any more is cancelled, with
/// `gone` as the reason.
pub fn reconcile(plan: &mut Plan, existing: &[Planned], desired: Vec<Planned>, elapsed: Elapsed, now: Timestamp, gone: &Reason) {
    let mut matched = vec![false; existing.len()];
    let tells_first: Vec<bool> = desired.iter().map(|step| tells_first(step, &desired, existing)).collect();
    for (mut desired, tells_first) in desired.into_iter().zip(tells_first) {
        let same = |at: usize, e: &Planned| !(matched[at] && e.state.is_pending()) && takes_place_of(e, &desired);
        // A delivery with the same id comes first, so that a step that was merged with another keeps its own delivery. A step that does
        // not count any more ends the delivery that waits: one may stand beside it from when it did not count before.
        let found = existing
            .iter()
            .enumerate()
            .filter(|(at, e)| same(*at, e))
            .min_by_key(|(_, e)| {
                let is_over = !e.state.is_pending();
                (desired.is_unmet() && is_over, e.id != desired.id, is_over, e.device_id != desired.device_id)
            })
            .map(|(at, _)| at);
        let Some(at) = found else {
            // Two rules that asked for the same were one delivery. When they part, each keeps its step, even if its time has passed.
            let parted = existing.iter().any(|e| e.state.is_pending() && shares_rule(e, &desired));
            let was_unmet = || existing.iter().any(|e| e.is_unmet() && e.rules.iter().any(|rule| desired.rules.contains(rule)));
            let is_late = match elapsed {
                Elapsed::Skip => false,
                Elapsed::IfUnmet => !desired.is_unmet() && was_unmet(),
                Elapsed::Send => true,
            };
            // Repetitions are not made up for: what comes too late is told once.
            if parted || (is_late && tells_first) || desired.due_at > now {
                fresh_id(&mut desired, existing);
                plan.insert.push(desired);
            }
            continue;
        };
        matched[at] = true;
        let old = &existing[at];
        if old.state == State::Held && desired.state == State::Suppressed {
            // A delivery that is held can become suppressed only by being cancelled.
            plan.cancel.push((old.id.clone(), desired.reason.unwrap_or(Reason::NotAskedFor)));
        } else if old.state.is_pending() {
            let updated = updated(old, desired);
            if updated != *old {
                plan.update.push(updated);
            }
        }
    }
    for (at, old) in existing.iter().enumerate() {
        // A call that has begun cannot be taken back, but it is not repeated either.
        let open = old.state.is_pending() || old.state == State::Sending;
        if !matched[at] && open && old.purpose == Purpose::Rule {
            let reason = if old.rules.is_empty() { Reason::NotAskedFor } else { gone.clone() };
            plan.cancel.push((old.id.clone(), reason));
        }
    }
}

/// The pending delivery `old` as it is desired now. A delivery that waits for its next try, or that was expedited because an earlier
/// step failed, keeps its time, unless the user does not want it any more.
fn updated(old: &Planned, desired: Planned) -> Planned {
    let desired = Planned { id: old.id.clone(), attempts: old.attempts, ..desired };
    let keeps_its_time = old.attempts > 0 || old.expedited;
    if !keeps_its_time || desired.state == State::Suppressed {
        return desired;
    }
    Planned {
        state: old.state,
        due_at: old.due_at,
        ready_at: old.ready_at,
        expires_at: old.expires_at,
        reason: old.reason.clone(),
        expedited: old.expedited,
        ..desired
    }
}

/// Whether its rules tell by no earlier one of their repetitions.
fn tells_first(step: &Planned, desired: &[Planned], existing: &[Planned]) -> bool {
    let is_earlier = |other: &Planned| {
        let tells = other.state != State::Cancelled && !other.is_unmet();
        tells && other.repetition < step.repetition && other.rules.iter().any(|rule| step.rules.contains(rule))
    };
    step.repetition == 0 || !desired.iter().chain(existing).any(is_earlier)
}

fn shares_rule(e: &Planned, desired: &Planned) -> bool {
    e.repetition == desired.repetition && e.rules.iter().any(|rule| desired.rules.contains(rule))
}

/// Without a rule there is one delivery a channel: it passes to the rule that asks for the same address from now on, and back.
fn takes_over(e: &Planned, desired: &Planned) -> bool {
    let without_rule = (e.rules.is_empty(), desired.rules.is_empty());
    let may_pass = e.channel == desired.channel && e.repetition == desired.repetition && !e.is_unmet() && !desired.is_unmet();
    may_pass
        && match without_rule {
            (true, true) => true,
            (false, false) => false,
            // A delivery for a LOW alert does not take the place of a rule for HIGH ones.
            _ => e.contact_id == desired.contact_id && e.trigger == desired.trigger,
        }
}

fn takes_place_of(e: &Planned, desired: &Planned) -> bool {
    if e.purpose != desired.purpose {
        return false;
    }
    if e.purpose != Purpose::Rule {
        return e.state != State::Cancelled && e.trigger == desired.trigger;
    }
    // A cancelled delivery reached nobody, so it takes no place. What the user has switched off, what was sent and what failed was
    // decided once and for all; conditions that did not hold may hold now.
    (shares_rule(e, desired) || takes_over(e, desired))
        && e.state != State::Cancelled
        && (desired.is_unmet() || !e.is_unmet())
        // Another device means another delivery, unless the step had no device, or has none any more.
        && (e.device_id == desired.device_id || e.device_id.is_none() || desired.device_id.is_none() || e.channel != desired.channel)
}

/// Gives a delivery that is planned again, after one with the same id was cancelled, an id of its own.
pub fn fresh_id(desired: &mut Planned, existing: &[Planned]) {
    let mut again = 1;
    let first = desired.id.clone();
    while existing.iter().any(|e| e.id == desired.id) {
        again += 1;
        desired.id = watchbell_core::DeliveryId::derive(desired.due_at, &[first.as_str(), &again.to_string()]);
    }
}
