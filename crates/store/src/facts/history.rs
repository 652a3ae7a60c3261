//! What is kept of an alert's events, so that what it is now follows from when they happened and not from when they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use watchbell_core::event::{Occurrence, Priority};
use watchbell_core::{EventId, Timestamp, UserId};

/// One event of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Happened {
    #[serde(flatten)]
    pub what: What,
    /// Of several events of a source that tells times, each has the broker's time of the place that it has among them.
    pub at: Occurrence,
    /// From here delays count.
    pub base_at: Timestamp,
    pub event_id: EventId,
    /// Whom an alert event or an escalation names; of a RESOLVED whoever had been told of the alert until then. In order of the
    /// users, who may be very many.
    pub named: Vec<Named>,
}

/// Of events of the same time the earlier variant counts as the earlier one.
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
    Resolved,
}

impl What {
    fn rank(&self) -> u8 {
        match self {
            Self::Alert { .. } => 0,
            Self::Accepted => 1,
            // Better a page too many than one too few …
            Self::Escalated => 2,
            // … but nobody is called in for what is over.
            Self::Resolved => 3,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(UserId, Option<i64>)", into = "(UserId, Option<i64>)")]
pub struct Named {
    pub user_id: UserId,
    /// The round in which the user was told for this reason; None where another event was the reason, or nobody was told.
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
    pub fn names(&self, user: UserId) -> bool {
        self.place_of(user).is_ok()
    }

    pub fn round_of(&self, user: UserId) -> Option<i64> {
        self.place_of(user).ok().and_then(|at| self.named[at].round)
    }

    /// Notes the round in which a user whom it names was told.
    pub fn tell_in(&mut self, user: UserId, round: i64) {
        if let Ok(at) = self.place_of(user) {
            self.named[at].round = Some(round);
        }
    }

    fn place_of(&self, user: UserId) -> Result<usize, usize> {
        self.named.binary_search_by_key(&user, |named| named.user_id)
    }
}

/// Adds an event, and puts all in the order in which they happened: that of the broker, in which the events of each source
/// that tells times take its own order among the places that they hold. An event that is known (it was replayed) only adds
/// whom it names now.
///
/// The order depends on nothing but the events, unless clocks contradict each other in a circle, where none is right.
pub fn record(history: &mut Vec<Happened>, mut happened: Happened) {
    happened.named.sort_by_key(|named| named.user_id);
    match history.iter_mut().find(|known| known.event_id == happened.event_id) {
        Some(known) => {
            happened.named.retain(|named| !known.names(named.user_id));
            known.named.append(&mut happened.named);
            known.named.sort_by_key(|named| named.user_id);
        }
        None => history.push(happened),
    }
    history.sort_by(|a, b| (a.at.received_at, a.what.rank(), &a.event_id).cmp(&(b.at.received_at, b.what.rank(), &b.event_id)));
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, happened) in history.iter().enumerate().filter(|(_, happened)| happened.at.time.is_some()) {
        places.entry(happened.at.source.clone()).or_default().push(place);
    }
    for places in places.into_values() {
        let mut own: Vec<Happened> = places.iter().map(|place| history[*place].clone()).collect();
        own.sort_by(|a, b| (a.at.time, a.what.rank(), &a.event_id).cmp(&(b.at.time, b.what.rank(), &b.event_id)));
        for (place, mut happened) in places.into_iter().zip(own) {
            happened.at.received_at = history[place].at.received_at;
            history[place] = happened;
        }
    }
}
