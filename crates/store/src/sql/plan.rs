//! Writing what the planner answered.

use std::collections::{BTreeMap, HashMap, HashSet};

use watchbell_core::ids::Epoch;
use watchbell_core::{DeliveryId, EventId, FollowUp, Group, Reason, Timestamp, UserId};

use super::if_known::IfKnown;
use super::together::Together;
use super::{SqlStore, Tx, responders};
use crate::StoreError;
use crate::facts::{Alert, Duty, Plan, Planned, Responder, Scope};
use crate::silences::Silence;
use crate::wake::Effects;

/// What several plans want written, gathered so that each table is written once.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub alerts: Vec<Alert>,
    /// Alerts of which nothing was known.
    pub new_alerts: Vec<Alert>,
    pub responders: Vec<Responder>,
    pub released: Vec<Responder>,
    pub close: Vec<(Scope, Reason)>,
    pub duties: Vec<Duty>,
    pub insert: Vec<Planned>,
    pub update: Vec<Planned>,
    pub cancel: Vec<(DeliveryId, Reason)>,
    pub expedite: Vec<(Scope, UserId, Reason)>,
    pub unreachable: Vec<(Scope, UserId, EventId)>,
    pub follow: Vec<FollowUp>,
    pub unfollow: Vec<(String, Group)>,
    pub silences: Vec<Silence>,
    /// What the messages of events say from now on, as JSON.
    pub contents: BTreeMap<EventId, String>,
    /// Which of `insert` begin at once.
    pub begun: HashMap<DeliveryId, Begun>,
    pub if_known: IfKnown,
}

impl Writes {
    /// Deliveries that exist already are left as they are.
    pub fn only_makes_new(&self) -> bool {
        self.close.is_empty() && self.cancel.is_empty() && self.expedite.is_empty() && self.update.is_empty()
    }

    /// Adds what one event's plan wants written. `is_known`: whether its alert was there before.
    pub fn gather(&mut self, plan: Plan, event_id: &EventId, is_known: bool) {
        if is_known {
            self.alerts.extend(plan.alert);
        } else {
            self.new_alerts.extend(plan.alert);
        }
        self.responders.extend(plan.responders);
        self.released.extend(plan.released);
        self.close.extend(plan.close);
        self.duties.extend(plan.duty);
        self.insert.extend(plan.insert);
        self.update.extend(plan.update);
        self.cancel.extend(plan.cancel);
        self.expedite.extend(plan.expedite);
        self.follow.extend(plan.follow);
        self.unfollow.extend(plan.unfollow);
        self.silences.extend(plan.silence);
        let of_event = |(scope, user): (Scope, UserId)| (scope, user, event_id.clone());
        self.unreachable.extend(plan.unreachable.into_iter().map(of_event));
    }
}

/// Who calls for a delivery that begins in the transaction that plans it.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub epoch: Epoch,
    pub provider: String,
    pub at: Timestamp,
}

impl SqlStore {
    /// Writes everything; whoever planned it has locked the deliveries that it changes (`locks.rs`). Answers the channels on which
    /// something may be due sooner than before, and the deliveries that are new.
    pub(super) async fn write(&self, tx: &mut Tx, writes: &Writes) -> Result<(Effects, HashSet<String>), StoreError> {
        self.update_alerts(tx, &writes.alerts).await?;
        self.write_contents(tx, &writes.contents).await?;
        let mut moved = self.close_scopes(tx, &writes.close).await?;
        responders::release(tx, &writes.released).await?;
        self.write_duties(tx, &writes.duties).await?;
        self.write_follow_ups(tx, &writes.follow, &writes.unfollow).await?;
        self.write_silences(tx, &writes.silences).await?;
        let is_followed = self.look_at_schedules(tx, &writes.duties).await? || !writes.follow.is_empty();
        moved.extend(self.cancel(tx, &writes.cancel).await?);
        self.update_deliveries(tx, &writes.update).await?;
        let mut together = Together::default();
        self.insert_alerts(&mut together, &writes.new_alerts, writes.if_known)?;
        responders::add(&mut together, &writes.responders, writes.if_known)?;
        self.note_begun_leases(&mut together, &writes.begun)?;
        let written = self.insert_deliveries(tx, together, &writes.insert, &writes.begun, writes.if_known).await?;
        self.note_unreachable(tx, &writes.unreachable).await?;
        let expedited = self.expedite_next(tx, &writes.expedite).await?;
        let waiting = writes.insert.iter().filter(|planned| !writes.begun.contains_key(&planned.id));
        let due = waiting.chain(&writes.update).map(|planned| planned.channel).chain(expedited).collect();
        Ok((Effects { due, moved, follow_up: is_followed }, written))
    }

    /// Some of what begins may turn out to be known already, and is then not leased: the list says what may be, not what is.
    fn note_begun_leases(&self, together: &mut Together, begun: &HashMap<DeliveryId, Begun>) -> Result<(), StoreError> {
        let mut lists: BTreeMap<i64, Vec<&DeliveryId>> = BTreeMap::new();
        for (id, begun) in begun {
            lists.entry(begun.epoch.0).or_default().push(id);
        }
        lists.into_iter().try_for_each(|(epoch, ids)| self.note_leases(together, Epoch(epoch), &ids))
    }
}
