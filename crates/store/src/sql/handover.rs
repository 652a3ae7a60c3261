//! What of a plan goes the short way: due now, at an address that takes it now, with a worker of this process that has room.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::State;
use watchbell_core::event::EventData;
use watchbell_core::{Channel, EventId, Secret, Timestamp, UserId};

use super::plan::{Begun, Writes};
use super::recipients::recipient_key;
use super::{SqlStore, Tx};
use crate::StoreError;
use crate::facts::{Planned, Policy};
use crate::handover::Reservation;
use crate::queue::{Job, Target};
use crate::throttle::Verdict;

/// Jobs that are handed to a worker once their transaction is committed; given up with this, they leave its room free.
#[derive(Debug, Default)]
pub(super) struct Handover(Vec<(Box<dyn Reservation>, Vec<Job>)>);

impl Handover {
    /// Leaves out deliveries that were not written: they exist already, and somebody else sends them.
    pub(super) fn retain(&mut self, written: &HashSet<String>) {
        for (_, jobs) in &mut self.0 {
            jobs.retain(|job| written.contains(job.id.as_str()));
        }
    }

    /// Called after the commit.
    pub(super) fn complete(self) {
        for (reservation, jobs) in self.0 {
            reservation.hand_over(jobs);
        }
    }
}

impl SqlStore {
    /// Chooses from the deliveries that are about to be written those that go the short way, and marks them as begun.
    pub(super) async fn choose_for_handover(
        &self,
        tx: &mut Tx,
        writes: &mut Writes,
        events: &HashMap<&EventId, &EventData>,
        policies: &HashMap<UserId, Arc<Policy>>,
    ) -> Result<Handover, StoreError> {
        let mut by_channel: BTreeMap<Channel, Vec<Job>> = BTreeMap::new();
        let now = self.clock.now();
        for planned in &writes.insert {
            let is_due = planned.state == State::Scheduled && planned.ready_at <= now && planned.collect.is_none();
            if let (true, Some(event), Some(policy)) = (is_due, events.get(&planned.event_id), policies.get(&planned.user_id)) {
                by_channel.entry(planned.channel).or_default().extend(job(planned, event, policy, now));
            }
        }
        if let Some(most) = by_channel.values().map(Vec::len).max() {
            self.local_workers.caused(events.len(), most);
        }
        let mut handover = Handover::default();
        for (channel, mut jobs) in by_channel {
            let Some(reservation) = self.local_workers.of(channel).and_then(|worker| worker.reserve(jobs.len())) else { continue };
            jobs.retain(|job| reservation.suits(job));
            // Stable: the order in which the events came stays.
            jobs.sort_by_key(|job| job.rank);
            jobs.truncate(reservation.calls());
            let jobs = self.throttle_planned(tx, channel, jobs, writes).await?;
            if jobs.is_empty() {
                continue;
            }
            let begun = Begun { epoch: reservation.epoch(), provider: reservation.provider().to_owned(), at: now };
            writes.begun.extend(jobs.iter().map(|job| (job.id.clone(), begun.clone())));
            handover.0.push((reservation, jobs));
        }
        Ok(handover)
    }

    /// Those jobs that their recipients take now, singly. Others wait in the database, until the time that is known already.
    async fn throttle_planned(&self, tx: &mut Tx, channel: Channel, jobs: Vec<Job>, writes: &mut Writes) -> Result<Vec<Job>, StoreError> {
        let keys = jobs.iter().filter_map(|job| recipient_key(channel, &job.target)).collect();
        let recipients = self.recipients(tx, channel, &keys).await?;
        let verdicts = self.verdicts(tx, channel, &jobs, recipients, false).await?;
        let mut go = Vec::with_capacity(jobs.len());
        let mut later = HashMap::new();
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Go => go.push(job),
                Verdict::Later { ready_at, collect } => drop(later.insert(job.id, (ready_at, collect))),
                Verdict::Together => {}
            }
        }
        if !later.is_empty() {
            for planned in &mut writes.insert {
                if let Some((ready_at, collect)) = later.remove(&planned.id) {
                    (planned.ready_at, planned.collect) = (ready_at, collect);
                }
            }
        }
        Ok(go)
    }
}

/// The delivery as a claim would give it; None where there is nobody to call.
fn job(planned: &Planned, event: &EventData, policy: &Policy, now: Timestamp) -> Option<Job> {
    let target = target(planned, policy)?;
    let user = &policy.user;
    Some(Job {
        id: planned.id.clone(),
        scope: planned.scope.clone(),
        purpose: planned.purpose,
        trigger: planned.trigger,
        channel: planned.channel,
        critical: planned.critical,
        rank: crate::rank::of(planned.trigger),
        due_at: planned.due_at,
        planned_at: now,
        expires_at: planned.expires_at,
        attempts: 0,
        log: Vec::new(),
        event_id: planned.event_id.clone(),
        event: Arc::new(event.clone()),
        user_id: user.id,
        user_name: user.display_name(),
        locale: user.locale.clone(),
        timezone: user.timezone.clone(),
        target,
        collect: None,
    })
}

fn target(planned: &Planned, policy: &Policy) -> Option<Target> {
    if let Some(id) = planned.contact_id {
        let contact = policy.contacts.iter().find(|contact| contact.id == id && contact.status == ContactStatus::Ok)?;
        return Some(Target::Contact { id, target: Secret::new(contact.target.clone()), status: contact.status });
    }
    if let Some(id) = planned.device_id {
        return policy.devices.iter().find(|device| device.id == id).cloned().map(Target::Device);
    }
    (planned.channel == Channel::InApp).then_some(Target::User)
}
