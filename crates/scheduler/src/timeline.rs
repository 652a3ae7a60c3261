//! An alert's timeline: its events in the order in which they happened, and what follows from them.
//!
//! An alert is nothing but its history: who is paged, for which event, and whether somebody has responded, all follow from it.
//! So events may arrive in any order. An event that arrives late leaves the alert as it would be if that event had come in time;
//! only what was sent already stays sent.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::event::{Action, Priority};
use watchbell_core::{EventId, Group, NamedAs, Timestamp, UserId};
use watchbell_store::facts::history::{Happened, Named, What};
use watchbell_store::facts::{Alert, AlertState, Responder};

/// How much of an alert's history is kept since the alert was last resolved: events, and the users whom they name, counted together.
/// Beyond that an event is dropped if the alert is the same without it. A dropped event would matter again only if an accept or a
/// resolve arrived that happened before that event and was overtaken by this many others.
const REMEMBERED: usize = 100;

/// Since when, and for what, a user is paged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged {
    /// The event for which the user is paged.
    pub at: usize,
    /// Which of the user's rules page: those for this priority. None as long as no event has said what the alert is about.
    pub priority: Option<Priority>,
    /// The event that raised the alert from LOW to HIGH after the user was paged for LOW.
    pub raised: Option<usize>,
    /// The repetitions of an escalation list that page the user once more, in the same round.
    pub again: Vec<usize>,
}

impl Paged {
    fn since(at: usize, priority: Option<Priority>) -> Self {
        Self { at, priority, raised: None, again: Vec::new() }
    }
}

/// What follows from an alert's history. Its numbers are indexes of that history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// None before anything has happened.
    pub state: Option<AlertState>,
    pub paged: BTreeMap<UserId, Paged>,
    /// The event that says what the alert is about: its first since it was last resolved.
    pub about: Option<usize>,
    /// The highest priority that an event has said since then. Lowering a priority cancels nothing.
    pub priority: Option<Priority>,
    /// The event that opened the alert, or opened it again.
    pub opened: usize,
    /// The event that last accepted or resolved the alert.
    pub closed: Option<usize>,
    /// The groups for which more is to be done, each with the event that named it first.
    pub follows: BTreeMap<Group, usize>,
}

impl Timeline {
    pub fn of(history: &[Happened]) -> Self {
        let mut timeline = Self::default();
        for (at, happened) in history.iter().enumerate() {
            timeline.follow(at, happened);
        }
        timeline
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
            // An accept or an escalation of an alert that is resolved changes nothing, and while somebody has accepted the alert
            // another alert event pages nobody.
            (What::Accepted | What::Escalated, Some(Resolved)) | (What::Alert { .. }, Some(Accepted)) => {}
            (What::Accepted, _) => self.close(at, Accepted),
            (What::Resolved, _) => {
                self.close(at, Resolved);
                self.about = None;
                self.priority = None;
            }
            // Whatever is done because nobody has accepted, it opens nothing: somebody may have accepted before it, unheard.
            (What::FollowUp { again }, Some(Open)) => {
                for named in &happened.named {
                    match self.paged.entry(named.user_id) {
                        Entry::Vacant(new) => drop(new.insert(Paged::since(at, priority))),
                        Entry::Occupied(mut paged) if *again => paged.get_mut().again.push(at),
                        Entry::Occupied(_) => {}
                    }
                }
                self.follow_groups(at, happened);
            }
            (What::FollowUp { .. }, _) => {}
            (What::Alert { .. } | What::Escalated, state) => {
                if state != Some(Open) {
                    self.state = Some(Open);
                    self.opened = at;
                }
                for named in &happened.named {
                    self.paged.entry(named.user_id).or_insert_with(|| Paged::since(at, priority));
                }
                self.follow_groups(at, happened);
                if matches!(happened.what, What::Alert { priority: Priority::High, .. }) {
                    let lower = self.paged.values_mut().filter(|paged| paged.priority == Some(Priority::Low));
                    lower.for_each(|paged| paged.raised = paged.raised.or(Some(at)));
                }
            }
        }
    }

    fn follow_groups(&mut self, at: usize, happened: &Happened) {
        for group in &happened.follows {
            self.follows.entry(group.clone()).or_insert(at);
        }
    }

    /// Notes what an alert event says. Users whom an escalation called in before any alert event had arrived are paged by the rules
    /// for this event's priority from now on.
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
        self.follows.clear();
    }

    /// The state that the last accept or resolve left the alert in.
    pub fn closed_as(&self, history: &[Happened]) -> Option<AlertState> {
        let closed = history.get(self.closed?)?;
        Some(if closed.what == What::Resolved { AlertState::Resolved } else { AlertState::Accepted })
    }
}

/// The users who have been told of an alert since it was last resolved. When the resolve is the last event, the users who had been
/// told before it: they are the ones to tell that it is over.
pub fn audience(history: &[Happened]) -> BTreeSet<UserId> {
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
    /// Whether it raises the page before it from LOW to HIGH.
    pub is_raise: bool,
    /// The event that pages the user once more, if one does.
    pub again: Option<EventId>,
}

/// Somebody who is paged, and for what: one page, a second one when the alert was raised after the first, and more where an escalation
/// list is done again.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the pages are what it is about; the rest says whose they are")]
pub struct Pages {
    pub responder: Responder,
    /// As what the user was named, where that was not by name.
    pub named_as: Option<NamedAs>,
    pub pages: Vec<Page>,
}

/// Who is paged.
pub fn pages(alert: &Alert) -> BTreeMap<UserId, Pages> {
    let page = |at: usize, priority| {
        let event = alert.history.get(at)?;
        // Responders whom an escalation names are told of the alert, not of the escalation.
        let is_of_alert = !matches!(event.what, What::Escalated | What::FollowUp { .. });
        let event_id = if is_of_alert { &event.event_id } else { &alert.event_id };
        let (base_at, received_at) = (event.base_at, event.at.received_at);
        Some(Page { priority, base_at, received_at, event_id: event_id.clone(), is_raise: false, again: None })
    };
    let of_user = |(user_id, paged): (UserId, Paged)| {
        // As long as no alert event has said the priority, it counts as HIGH: a page too many is better than one too few.
        let first = page(paged.at, paged.priority.unwrap_or(Priority::High))?;
        let responder = Responder {
            alert_id: alert.id.clone(),
            round: alert.history[paged.at].round_of(user_id)?,
            user_id,
            base_at: first.base_at,
            event_id: first.event_id.clone(),
        };
        let named_as = alert.history[paged.at].names_as(user_id).cloned();
        let raised = paged.raised.and_then(|at| page(at, Priority::High)).map(|page| Page { is_raise: true, ..page });
        let now = if raised.is_some() { Priority::High } else { first.priority };
        let again = paged.again.iter().filter_map(|at| Some(Page { again: Some(alert.history[*at].event_id.clone()), ..page(*at, now)? }));
        let pages = [Some(first), raised].into_iter().flatten().chain(again).collect();
        Some((user_id, Pages { responder, named_as, pages }))
    };
    Timeline::of(&alert.history).paged.into_iter().filter_map(of_user).collect()
}

/// Whether an answer that was given in this round still counts: the alert is open, and since it was opened somebody was paged in
/// this round. What somebody has accepted can still be resolved.
pub fn is_current(alert: &Alert, round: i64, action: Action) -> bool {
    let timeline = Timeline::of(&alert.history);
    let counts = match timeline.state {
        Some(AlertState::Open) => true,
        Some(AlertState::Accepted) => action == Action::Resolve,
        Some(AlertState::Resolved) | None => false,
    };
    let mut named = alert.history.iter().skip(timeline.opened).flat_map(|happened| &happened.named);
    counts && named.any(|named| named.round == Some(round))
}

/// Gives every user whom the alert pages the round in which they are paged for that event. A round that was given once stays, and
/// within one round a user is paged once.
///
/// `before` are the pages before the latest event arrived, and `before_started` says for which event (as an index of the history
/// of now) each of those users was paged then.
pub fn assign_rounds(alert: &mut Alert, timeline: &Timeline, before: &BTreeMap<UserId, Pages>, before_started: &BTreeMap<UserId, usize>) {
    let rounds = |history: &[Happened]| history.iter().flat_map(Happened::rounds).max();
    let mut current = rounds(&alert.history[timeline.opened..]).filter(|round| *round >= alert.since_round);
    for (user, Paged { at, raised, .. }) in &timeline.paged {
        if alert.history[*at].round_of(*user).is_some() {
            continue;
        }
        // The late event names a user who is paged for a later event already: the same plan begins earlier, in the same round.
        let begins_earlier = before.get(user).filter(|_| before_started.get(user).is_some_and(|started| started > at));
        let is_free = |round: &i64| !alert.history.iter().any(|happened| happened.round_of(*user) == Some(*round));
        let raised_in = raised.and_then(|at| alert.history[at].round_of(*user));
        let known = raised_in.or_else(|| begins_earlier.map(|pages| pages.responder.round));
        let round = known.or_else(|| current.filter(is_free)).unwrap_or(alert.round + 1);
        alert.round = alert.round.max(round);
        current = current.max(Some(round));
        alert.history[*at].page_in(*user, round);
    }
    // An event that raises the alert pages in the same round as the page before it, and in no other.
    for (user, Paged { at, raised, .. }) in &timeline.paged {
        if let (Some(round), Some(raised)) = (alert.history[*at].round_of(*user), raised)
            && alert.history[*raised].round_of(*user).is_none()
        {
            alert.history[*raised].page_in(*user, round);
        }
    }
}

/// Drops the events that cannot matter any more: everything before the last RESOLVED, and every ACCEPTED but the last. Where more
/// than [`REMEMBERED`] are left, it also drops events without which the alert is the same.
pub fn prune(alert: &mut Alert) {
    if let Some(resolved) = last_resolved(&alert.history) {
        let audience = audience(&alert.history[..=resolved.saturating_sub(1)]);
        let earlier: Vec<Happened> = alert.history.drain(..resolved).collect();
        if !earlier.is_empty() {
            note_dropped(alert, &earlier);
            let audience = audience.into_iter().map(|user_id| Named { user_id, round: None });
            alert.history[0].named = audience.collect();
        }
    }
    let accepted = alert.history.iter().rposition(|happened| happened.what == What::Accepted);
    let mut at = 0;
    alert.history.retain(|happened| {
        at += 1;
        happened.what != What::Accepted || accepted == Some(at - 1)
    });
    while alert.history.iter().map(|happened| 1 + happened.named.len()).sum::<usize>() > REMEMBERED {
        let Some(at) = (0..alert.history.len()).find(|at| is_redundant(&alert.history, *at)) else { return };
        let dropped = alert.history.remove(at);
        note_dropped(alert, &[dropped]);
    }
}

fn note_dropped(alert: &mut Alert, dropped: &[Happened]) {
    let rounds = dropped.iter().flat_map(Happened::rounds);
    alert.since_round = rounds.map(|round| round + 1).fold(alert.since_round, i64::max);
}

/// Whether the alert is the same without this event, and a later event names every user whom this one names.
fn is_redundant(history: &[Happened], at: usize) -> bool {
    let happened = &history[at];
    let is_named_later = |named: &Named| history[at + 1..].iter().any(|later| later.names(named.user_id));
    if matches!(happened.what, What::Accepted | What::Resolved) || !happened.named.iter().all(is_named_later) {
        return false;
    }
    let shorter: Vec<Happened> = [&history[..at], &history[at + 1..]].concat();
    let as_before = |place: usize| place + usize::from(place >= at);
    let mut without = Timeline::of(&shorter);
    for paged in without.paged.values_mut() {
        paged.at = as_before(paged.at);
        paged.raised = paged.raised.map(as_before);
        paged.again.iter_mut().for_each(|at| *at = as_before(*at));
    }
    without.about = without.about.map(as_before);
    without.closed = without.closed.map(as_before);
    without.follows.values_mut().for_each(|at| *at = as_before(*at));
    without.opened = as_before(without.opened);
    without == Timeline::of(history)
}

/// The event that last resolved the alert.
pub fn last_resolved(history: &[Happened]) -> Option<usize> {
    history.iter().rposition(|happened| happened.what == What::Resolved)
}
