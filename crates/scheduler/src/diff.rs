//! Brings what is planned in line with what should be, without telling anything twice.

use watchbell_core::delivery::{Purpose, State};
use watchbell_core::{Reason, Timestamp};
use watchbell_store::facts::{Plan, Planned};

/// What to do with a wanted delivery that nothing stands for yet and whose time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// A rule that was made after the fact is not fired.
    Skip,
    /// An event that came late is told at once.
    Send,
}

/// Adds to `plan` what turns `existing` (all of one scope and user, whatever their state) into `wanted`.
///
/// A pending delivery that shares a rule with a wanted one becomes it; one that shares a rule but is past its sending
/// stands for it, and for every other one of its rules; a pending one that nothing wants any more is cancelled with `gone`.
pub fn bring_in_line(plan: &mut Plan, existing: &[Planned], wanted: Vec<Planned>, elapsed: Elapsed, now: Timestamp, gone: &Reason) {
    let mut taken = vec![false; existing.len()];
    for mut want in wanted {
        let same = |at: usize, e: &Planned| !(taken[at] && e.state.is_pending()) && stands_for(e, &want);
        // The one with the same id first, so that a merged step keeps its own delivery.
        let found = existing
            .iter()
            .enumerate()
            .filter(|(at, e)| same(*at, e))
            .min_by_key(|(_, e)| (e.id != want.id, !e.state.is_pending(), e.device_id != want.device_id))
            .map(|(at, _)| at);
        let Some(at) = found else {
            // A rule that asked for the same as another keeps its place when they part, even if its time has passed.
            let parted = existing.iter().any(|e| e.state.is_pending() && shares_rule(e, &want));
            if parted || elapsed == Elapsed::Send || want.due_at > now {
                fresh_id(&mut want, existing);
                plan.insert.push(want);
            }
            continue;
        };
        taken[at] = true;
        let old = &existing[at];
        if old.state == State::Held && want.state == State::Suppressed {
            // What is held can only be called off.
            plan.cancel.push((old.id.clone(), want.reason.unwrap_or(Reason::NotAskedFor)));
        } else if old.state.is_pending() {
            let moved = moved(old, want);
            if moved != *old {
                plan.update.push(moved);
            }
        }
    }
    for (at, old) in existing.iter().enumerate() {
        // One whose call has begun is not called back, but not tried again either.
        let open = old.state.is_pending() || old.state == State::Sending;
        if !taken[at] && open && old.purpose == Purpose::Rule {
            let reason = if old.rules.is_empty() { Reason::NotAskedFor } else { gone.clone() };
            plan.cancel.push((old.id.clone(), reason));
        }
    }
}

/// The pending delivery `old` as it is wanted now. One that is waiting for its next try, or was expedited because an earlier
/// step failed, keeps its time, unless the user does not want it any more.
fn moved(old: &Planned, want: Planned) -> Planned {
    let wanted = Planned { id: old.id.clone(), attempts: old.attempts, ..want };
    let has_begun = old.attempts > 0 || old.expedited;
    if !has_begun || wanted.state == State::Suppressed {
        return wanted;
    }
    Planned {
        state: old.state,
        due_at: old.due_at,
        ready_at: old.ready_at,
        expires_at: old.expires_at,
        reason: old.reason.clone(),
        expedited: old.expedited,
        ..wanted
    }
}

fn shares_rule(e: &Planned, want: &Planned) -> bool {
    e.rules.iter().any(|rule| want.rules.contains(rule))
}

/// What no rule asked for, and what no rule asks for any more, is one a channel.
fn takes_over(e: &Planned, want: &Planned) -> bool {
    let without_rule = (e.rules.is_empty(), want.rules.is_empty());
    e.channel == want.channel
        && match without_rule {
            (true, true) => true,
            (false, false) => false,
            // What was told of a LOW alert does not stand for a rule for HIGH ones.
            _ => e.contact_id == want.contact_id && e.trigger == want.trigger,
        }
}

fn stands_for(e: &Planned, want: &Planned) -> bool {
    if e.purpose != want.purpose {
        return false;
    }
    if e.purpose != Purpose::Rule {
        return e.state != State::Cancelled && e.trigger == want.trigger;
    }
    // A cancelled delivery told nobody; what was suppressed, sent or failed was decided once.
    (shares_rule(e, want) || takes_over(e, want))
        && e.state != State::Cancelled
        // Another device is another delivery, unless the step had no device, or has none any more.
        && (e.device_id == want.device_id || e.device_id.is_none() || want.device_id.is_none() || e.channel != want.channel)
}

/// Gives a delivery that is planned again after its like was cancelled an id of its own.
pub fn fresh_id(want: &mut Planned, existing: &[Planned]) {
    let mut again = 1;
    let first = want.id.clone();
    while existing.iter().any(|e| e.id == want.id) {
        again += 1;
        want.id = watchbell_core::DeliveryId::derive(want.due_at, &[first.as_str(), &again.to_string()]);
    }
}
