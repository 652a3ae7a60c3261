//! What an alert's events come to, in the order in which they happened.
//!
//! An alert is nothing but its history: who is paged, for which event, and whether somebody has responded, all follow from it.
//! So events may arrive in any order, and whatever arrives late leaves things as they would be had it come in time; but what was
//! sent stays sent.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::UserId;
use watchbell_store::facts::history::{Happened, Named, What};
use watchbell_store::facts::{Alert, AlertState, Responder};

/// What is remembered of an alert since it was last resolved: events and those whom they name, counted together. Beyond it, events
/// are forgotten that would only matter if an accept or a resolve came later than so many other events.
const REMEMBERED: usize = 100;

/// Places in the history are indexes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// None before anything has happened.
    pub state: Option<AlertState>,
    /// Who is paged, and the event for which they are.
    pub paged: BTreeMap<UserId, usize>,
    /// The event that says what the alert is about: its first since it was last resolved.
    pub about: Option<usize>,
    /// What opened it, or opened it again.
    pub opened: usize,
    /// What last accepted or resolved it.
    pub closed: Option<usize>,
}

impl Course {
    pub fn of(history: &[Happened]) -> Self {
        let mut course = Self::default();
        for (at, happened) in history.iter().enumerate() {
            course.follow(at, happened);
        }
        course
    }

    fn follow(&mut self, at: usize, happened: &Happened) {
        use AlertState::{Accepted, Open, Resolved};
        if matches!(happened.what, What::Alert { .. }) {
            self.about.get_or_insert(at);
        }
        match (&happened.what, self.state) {
            // Who accepts what is resolved accepts nothing; while it is accepted an alert event pages nobody; nobody is called in
            // for what is over.
            (What::Accepted | What::Escalated, Some(Resolved)) | (What::Alert { .. }, Some(Accepted)) => {}
            (What::Accepted, _) => self.close(at, Accepted),
            (What::Resolved, _) => {
                self.close(at, Resolved);
                self.about = None;
            }
            (What::Alert { .. } | What::Escalated, state) => {
                if state != Some(Open) {
                    self.state = Some(Open);
                    self.opened = at;
                }
                for named in &happened.named {
                    self.paged.entry(named.user_id).or_insert(at);
                }
            }
        }
    }

    fn close(&mut self, at: usize, state: AlertState) {
        self.state = Some(state);
        self.closed = Some(at);
        self.paged.clear();
    }

    /// The state that the last accept or resolve left the alert in.
    pub fn closed_as(&self, history: &[Happened]) -> Option<AlertState> {
        let closed = history.get(self.closed?)?;
        Some(if closed.what == What::Resolved { AlertState::Resolved } else { AlertState::Accepted })
    }
}

/// Whoever has been told of an alert since it was last resolved; after that, until then.
pub fn told(history: &[Happened]) -> BTreeSet<UserId> {
    let since = history.iter().rposition(|happened| happened.what == What::Resolved);
    let named = |history: &[Happened]| history.iter().flat_map(|happened| &happened.named).map(|named| named.user_id).collect();
    match since {
        Some(resolved) if history.len() == resolved + 1 => named(&history[resolved..]),
        Some(resolved) => named(&history[resolved + 1..]),
        None => named(history),
    }
}

/// Who is paged: a responder each.
pub fn responders(alert: &Alert) -> BTreeMap<UserId, Responder> {
    let responder = |(user_id, at): (UserId, usize)| {
        let named = alert.history.get(at)?;
        let responder = Responder {
            alert_id: alert.id.clone(),
            round: named.round_of(user_id)?,
            user_id,
            base_at: named.base_at,
            // An escalation's responders are told of the alert, not of the escalation.
            event_id: if named.what == What::Escalated { &alert.event_id } else { &named.event_id }.clone(),
        };
        Some((user_id, responder))
    };
    Course::of(&alert.history).paged.into_iter().filter_map(responder).collect()
}

/// Gives everybody whom the alert pages for an event a round to be told in for it, once and for all; `before` are those who were
/// paged before the latest arrival. Who is told once in a round is not told again in it.
pub fn give_rounds(alert: &mut Alert, course: &Course, before: &BTreeMap<UserId, Responder>, before_started: &BTreeMap<UserId, usize>) {
    let rounds = |history: &[Happened]| history.iter().flat_map(|h| &h.named).filter_map(|named| named.round).max();
    let mut current = rounds(&alert.history[course.opened..]).filter(|round| *round >= alert.since_round);
    for (user, at) in &course.paged {
        if alert.history[*at].round_of(*user).is_some() {
            continue;
        }
        // An earlier event than the one that they are paged for: the same plan begins earlier.
        let begins_earlier = before.get(user).filter(|_| before_started.get(user).is_some_and(|started| started > at));
        let is_free = |round: &i64| !alert.history.iter().any(|happened| happened.round_of(*user) == Some(*round));
        let round = begins_earlier.map(|responder| responder.round).or_else(|| current.filter(is_free)).unwrap_or(alert.round + 1);
        alert.round = alert.round.max(round);
        current = current.max(Some(round));
        alert.history[*at].tell_in(*user, round);
    }
}

/// Forgets what cannot matter any more: everything before the last RESOLVED, and every ACCEPTED but the last.
/// Of very many events also those that nearly never would.
pub fn forget(alert: &mut Alert) {
    if let Some(resolved) = alert.history.iter().rposition(|happened| happened.what == What::Resolved) {
        let told = told(&alert.history[..=resolved.saturating_sub(1)]);
        let earlier: Vec<Happened> = alert.history.drain(..resolved).collect();
        if !earlier.is_empty() {
            note_forgotten(alert, &earlier);
            let told = told.into_iter().map(|user_id| Named { user_id, round: None });
            alert.history[0].named = told.collect();
        }
    }
    let accepted = alert.history.iter().rposition(|happened| happened.what == What::Accepted);
    let mut at = 0;
    alert.history.retain(|happened| {
        at += 1;
        happened.what != What::Accepted || accepted == Some(at - 1)
    });
    while alert.history.iter().map(|happened| 1 + happened.named.len()).sum::<usize>() > REMEMBERED {
        let Some(at) = (0..alert.history.len()).find(|at| is_spare(&alert.history, *at)) else { return };
        let forgotten = alert.history.remove(at);
        note_forgotten(alert, &[forgotten]);
    }
}

fn note_forgotten(alert: &mut Alert, forgotten: &[Happened]) {
    let rounds = forgotten.iter().flat_map(|happened| &happened.named).filter_map(|named| named.round);
    alert.since_round = rounds.map(|round| round + 1).fold(alert.since_round, i64::max);
}

/// Whether the alert is the same without this event, and all whom it names are named later again.
fn is_spare(history: &[Happened], at: usize) -> bool {
    let happened = &history[at];
    let is_named_later = |named: &Named| history[at + 1..].iter().any(|later| later.names(named.user_id));
    if matches!(happened.what, What::Accepted | What::Resolved) || !happened.named.iter().all(is_named_later) {
        return false;
    }
    let shorter: Vec<Happened> = [&history[..at], &history[at + 1..]].concat();
    let as_before = |place: usize| place + usize::from(place >= at);
    let mut without = Course::of(&shorter);
    without.paged.values_mut().for_each(|place| *place = as_before(*place));
    without.about = without.about.map(as_before);
    without.closed = without.closed.map(as_before);
    without.opened = as_before(without.opened);
    without == Course::of(history)
}
