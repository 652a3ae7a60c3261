//! What an alert's events come to, in the order in which they happened.
//!
//! An alert is nothing but its history: who is paged, for which event, and whether somebody has responded, all follow from it.
//! So events may arrive in any order, and whatever arrives late leaves things as they would be had it come in time; but what was
//! sent stays sent.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::event::Priority;
use watchbell_core::{EventId, Timestamp, UserId};
use watchbell_store::facts::history::{Happened, Named, What};
use watchbell_store::facts::{Alert, AlertState, Responder};

/// What is remembered of an alert since it was last resolved: events and those whom they name, counted together. Beyond it, events
/// are forgotten that would only matter if an accept or a resolve came later than so many other events.
const REMEMBERED: usize = 100;

/// Since when, and for what, a user is paged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paged {
    /// The event for which they are.
    pub at: usize,
    /// By which rules; None before any event has said what the alert is about.
    pub priority: Option<Priority>,
    /// The event that raised the alert from LOW to HIGH after that.
    pub raised: Option<usize>,
}

/// Places in the history are indexes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// None before anything has happened.
    pub state: Option<AlertState>,
    pub paged: BTreeMap<UserId, Paged>,
    /// The event that says what the alert is about: its first since it was last resolved.
    pub about: Option<usize>,
    /// The highest that an event has said since then: lowering cancels nothing.
    pub priority: Option<Priority>,
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
        let priority = match happened.what {
            What::Alert { priority, .. } => {
                self.describe(at, priority);
                Some(priority)
            }
            _ => self.priority,
        };
        match (&happened.what, self.state) {
            // Who accepts what is resolved accepts nothing; while it is accepted an alert event pages nobody; nobody is called in
            // for what is over.
            (What::Accepted | What::Escalated, Some(Resolved)) | (What::Alert { .. }, Some(Accepted)) => {}
            (What::Accepted, _) => self.close(at, Accepted),
            (What::Resolved, _) => {
                self.close(at, Resolved);
                self.about = None;
                self.priority = None;
            }
            (What::Alert { .. } | What::Escalated, state) => {
                if state != Some(Open) {
                    self.state = Some(Open);
                    self.opened = at;
                }
                for named in &happened.named {
                    self.paged.entry(named.user_id).or_insert(Paged { at, priority, raised: None });
                }
                if matches!(happened.what, What::Alert { priority: Priority::High, .. }) {
                    let lower = self.paged.values_mut().filter(|paged| paged.priority == Some(Priority::Low));
                    lower.for_each(|paged| paged.raised = paged.raised.or(Some(at)));
                }
            }
        }
    }

    /// Whoever was called in before it was known what for is paged for that.
    fn describe(&mut self, at: usize, priority: Priority) {
        self.about.get_or_insert(at);
        self.priority = Some(self.priority.map_or(priority, |highest| highest.min(priority)));
        for paged in self.paged.values_mut() {
            paged.priority.get_or_insert(priority);
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
    let since = last_resolved(history);
    let named = |history: &[Happened]| history.iter().flat_map(|happened| &happened.named).map(|named| named.user_id).collect();
    match since {
        Some(resolved) if history.len() == resolved + 1 => named(&history[resolved..]),
        Some(resolved) => named(&history[resolved + 1..]),
        None => named(history),
    }
}

/// What a responder is told for one event: the rules of its priority, from its base time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub priority: Priority,
    /// From here delays count.
    pub base_at: Timestamp,
    /// From here steps expire: Watchbell knows of it since then, whatever a publisher's clock said.
    pub received_at: Timestamp,
    /// The event whose plan the deliveries are.
    pub event_id: EventId,
}

/// Somebody who is paged, and for what: one page, and a second one when the alert was raised after the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Pages {
    pub responder: Responder,
    pub pages: Vec<Page>,
}

/// Who is paged.
pub fn pages(alert: &Alert) -> BTreeMap<UserId, Pages> {
    let page = |at: usize, priority| {
        let event = alert.history.get(at)?;
        // An escalation's responders are told of the alert, not of the escalation.
        let event_id = if event.what == What::Escalated { &alert.event_id } else { &event.event_id };
        Some(Page { priority, base_at: event.base_at, received_at: event.at.received_at, event_id: event_id.clone() })
    };
    let of_user = |(user_id, paged): (UserId, Paged)| {
        // Until the alert's own event says otherwise: a page too many is better than one too few.
        let first = page(paged.at, paged.priority.unwrap_or(Priority::High))?;
        let responder = Responder {
            alert_id: alert.id.clone(),
            round: alert.history[paged.at].round_of(user_id)?,
            user_id,
            base_at: first.base_at,
            event_id: first.event_id.clone(),
        };
        let raised = paged.raised.and_then(|at| page(at, Priority::High));
        Some((user_id, Pages { responder, pages: [Some(first), raised].into_iter().flatten().collect() }))
    };
    Course::of(&alert.history).paged.into_iter().filter_map(of_user).collect()
}

/// Whether the alert is open, and people are paged in that round since it was opened.
pub fn is_current(alert: &Alert, round: i64) -> bool {
    let course = Course::of(&alert.history);
    let mut named = alert.history.iter().skip(course.opened).flat_map(|happened| &happened.named);
    course.state == Some(AlertState::Open) && named.any(|named| named.round == Some(round))
}

/// Gives everybody whom the alert pages for an event a round to be told in for it, once and for all; `before` are those who were
/// paged before the latest arrival. Who is told once in a round is not told again in it.
pub fn give_rounds(alert: &mut Alert, course: &Course, before: &BTreeMap<UserId, Pages>, before_started: &BTreeMap<UserId, usize>) {
    let rounds = |history: &[Happened]| history.iter().flat_map(Happened::rounds).max();
    let mut current = rounds(&alert.history[course.opened..]).filter(|round| *round >= alert.since_round);
    for (user, Paged { at, raised, .. }) in &course.paged {
        if alert.history[*at].round_of(*user).is_some() {
            continue;
        }
        // An earlier event than the one that they are paged for: the same plan begins earlier.
        let begins_earlier = before.get(user).filter(|_| before_started.get(user).is_some_and(|started| started > at));
        let is_free = |round: &i64| !alert.history.iter().any(|happened| happened.round_of(*user) == Some(*round));
        let told = raised.and_then(|at| alert.history[at].round_of(*user));
        let known = told.or_else(|| begins_earlier.map(|pages| pages.responder.round));
        let round = known.or_else(|| current.filter(is_free)).unwrap_or(alert.round + 1);
        alert.round = alert.round.max(round);
        current = current.max(Some(round));
        alert.history[*at].tell_in(*user, round);
    }
    // What raised the alert was told in the round of the page before it, and is not told again in another one.
    for (user, Paged { at, raised, .. }) in &course.paged {
        if let (Some(round), Some(raised)) = (alert.history[*at].round_of(*user), raised)
            && alert.history[*raised].round_of(*user).is_none()
        {
            alert.history[*raised].tell_in(*user, round);
        }
    }
}

/// Forgets what cannot matter any more: everything before the last RESOLVED, and every ACCEPTED but the last.
/// Of very many events also those that nearly never would.
pub fn forget(alert: &mut Alert) {
    if let Some(resolved) = last_resolved(&alert.history) {
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
    let rounds = forgotten.iter().flat_map(Happened::rounds);
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
    for paged in without.paged.values_mut() {
        paged.at = as_before(paged.at);
        paged.raised = paged.raised.map(as_before);
    }
    without.about = without.about.map(as_before);
    without.closed = without.closed.map(as_before);
    without.opened = as_before(without.opened);
    without == Course::of(history)
}

/// The event that last resolved the alert.
pub fn last_resolved(history: &[Happened]) -> Option<usize> {
    history.iter().rposition(|happened| happened.what == What::Resolved)
}
