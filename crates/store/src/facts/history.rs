//! An alert's events, as far as they are kept: its state follows from when they happened, not from when they arrived.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use watchbell_core::event::{Occurrence, Priority};
use watchbell_core::{EventId, Group, NamedAs, Timestamp, UserId};

/// One event of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    #[serde(flatten)]
    pub what: What,
    pub at: Occurrence,
    /// Where the event stands among the alert's events, if that is not where the broker put it. Events of one source are sorted by that
    /// source's own times; they swap the places that the broker gave them, and events of other sources keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<(Timestamp, u64)>,
    /// From here delays count.
    pub base_at: Timestamp,
    pub event_id: EventId,
    /// Of an alert event or an escalation: the users whom it names. Of a RESOLVED: the users who had been told of the alert until then.
    /// Sorted by user, as there may be very many, so that one is found by bisection.
    pub named: Vec<Named>,
    /// The users whom it paged without naming them, because it raised the alert to HIGH. Sorted by user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<Named>,
    /// As what it names those whom it does not name by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named_as: Vec<(NamedAs, Vec<UserId>)>,
    /// The groups that it names and for which more is to be done later: schedules and escalation lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follows: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum What {
    Alert {
        priority: Priority,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        category: Option<String>,
    },
    Accepted,
    Escalated,
    /// What Watchbell itself does while nobody has accepted: a step of a list, or a look who is on duty now. It opens nothing.
    FollowUp {
        /// Whether it pages those again who were paged before.
        again: bool,
    },
    Resolved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(UserId, Option<i64>)", into = "(UserId, Option<i64>)")]
pub struct Named {
    pub user_id: UserId,
    /// The round in which this event paged the user. None where another event was what paged them, or nothing did.
    pub round: Option<i64>,
}

impl From<(UserId, Option<i64>)> for Named {
    fn from((user_id, round): (UserId, Option<i64>)) -> Self {
        Self { user_id, round }
    }
}

impl From<Named> for (UserId, Option<i64>) {
    fn from(named: Named) -> Self {
        (named.user_id, named.round)
    }
}

impl Happened {
    pub fn place(&self) -> (Timestamp, u64) {
        self.place.unwrap_or_else(|| self.at.place())
    }

    pub fn names(&self, user: UserId) -> bool {
        place_of(user, &self.named).is_ok()
    }

    pub fn round_of(&self, user: UserId) -> Option<i64> {
        let round = |list: &[Named]| place_of(user, list).ok().and_then(|at| list[at].round);
        round(&self.named).or_else(|| round(&self.raised))
    }

    /// As what it names a user, where that is not by name.
    pub fn names_as(&self, user: UserId) -> Option<&NamedAs> {
        self.named_as.iter().find(|(_, users)| users.contains(&user)).map(|(named_as, _)| named_as)
    }

    /// Notes the round in which this event pages a user.
    pub fn page_in(&mut self, user: UserId, round: i64) {
        let paged = Named { user_id: user, round: Some(round) };
        match (place_of(user, &self.named), place_of(user, &self.raised)) {
            (Ok(at), _) => self.named[at] = paged,
            (_, Ok(at)) => self.raised[at] = paged,
            (_, Err(at)) => self.raised.insert(at, paged),
        }
    }

    /// The rounds in which this event paged somebody.
    pub fn rounds(&self) -> impl Iterator<Item = i64> {
        self.named.iter().chain(&self.raised).filter_map(|named| named.round)
    }
}

fn place_of(user: UserId, list: &[Named]) -> Result<usize, usize> {
    list.binary_search_by_key(&user, |named| named.user_id)
}

/// Adds an event and sorts all of them by when they happened.
///
/// The broker's order comes first. Then the events of each source are put into that source's own order where its times leave no
/// doubt: together they keep the places that they had, and share them out anew. An event that is known already, because it was
/// replayed, only adds the users whom it names now.
///
/// The result depends on the events alone, not on the order in which they were added, unless the clocks of several sources
/// contradict each other in a circle; then no order is right.
pub fn record(history: &mut Vec<Happened>, mut happened: Happened) {
    happened.named.sort_by_key(|named| named.user_id);
    match history.iter_mut().find(|known| known.event_id == happened.event_id) {
        Some(known) => {
            happened.named.retain(|named| !known.names(named.user_id));
            known.named_as.append(&mut happened.named_as);
            known.named.append(&mut happened.named);
            known.named.sort_by_key(|named| named.user_id);
        }
        None => history.push(happened),
    }
    history.sort_by_key(Happened::place);
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, happened) in history.iter().enumerate() {
        places.entry(happened.at.source.clone()).or_default().push(place);
    }
    for places in places.into_values().filter(|places| places.len() > 1) {
        let own = in_own_order(places.iter().map(|place| history[*place].clone()).collect());
        let held: Vec<(Timestamp, u64)> = places.iter().map(|place| history[*place].place()).collect();
        for ((place, held), mut happened) in places.into_iter().zip(held).zip(own) {
            happened.place = Some(held).filter(|held| *held != happened.at.place());
            history[place] = happened;
        }
    }
}

/// The events of one source, in the broker's order; an event that surely happened before another one is moved before it.
fn in_own_order(mut rest: Vec<Happened>) -> Vec<Happened> {
    rest.sort_by_key(|happened| happened.at.place());
    let mut ordered = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        // One always exists that no other is surely before, as "surely before" is an order without circles.
        let is_next = |one: &Happened| !rest.iter().any(|other| other.at.is_surely_before(&one.at));
        let next = rest.iter().position(is_next).unwrap_or_default();
        ordered.push(rest.remove(next));
    }
    ordered
}
