//! What of a plan is begun inline: it is due now, its address takes it now, and a channel worker of this process has room for it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use watchbell_core::contact::ContactStatus;
use watchbell_core::delivery::State;
use watchbell_core::event::EventData;
use watchbell_core::{Channel, EventId, Secret, Timestamp, TraceContext, UserId};

use super::plan::{Begun, Writes};
use super::recipients::recipient_key;
use super::{SqlStore, Tx};
use crate::StoreError;
use crate::facts::{Planned, Policy};
use crate::inline::{InlineDispatch, Reservation};
use crate::queue::{Job, Target};
use crate::throttle::Verdict;

/// Jobs that are handed to their workers once their transaction is committed. Where it is not, the room that was kept for them is
/// free again when this is dropped.
#[derive(Debug, Default)]
pub(super) struct BegunInline(Vec<(Box<dyn Reservation>, Vec<Job>)>);

impl BegunInline {
    /// Leaves out deliveries that were not written: they exist already, and somebody else sends them.
    pub(super) fn retain(&mut self, written: &HashSet<String>) {
        for (_, jobs) in &mut self.0 {
            jobs.retain(|job| written.contains(job.id.as_str()));
        }
    }

    /// Hands the jobs over, after the commit.
    pub(super) fn hand_over(self) {
        for (reservation, jobs) in self.0 {
            reservation.hand_over(jobs);
        }
    }
}

impl SqlStore {
    /// Chooses from the deliveries that are about to be written those that are begun inline, and marks them so.
    pub(super) async fn begin_inline(
        &self,
        tx: &mut Tx,
        inline: &dyn InlineDispatch,
        writes: &mut Writes,
        events: &HashMap<&EventId, (&EventData, Option<TraceContext>)>,
        policies: &HashMap<UserId, Arc<Policy>>,
    ) -> Result<BegunInline, StoreError> {
        let mut by_channel: BTreeMap<Channel, Vec<Job>> = BTreeMap::new();
        let now = self.clock.now();
        for planned in &writes.insert {
            let is_due = planned.state == State::Scheduled && planned.ready_at <= now && planned.collect.is_none();
            if let (true, Some(event), Some(policy)) = (is_due, events.get(&planned.event_id), policies.get(&planned.user_id)) {
                by_channel.entry(planned.channel).or_default().extend(job(planned, *event, policy, now));
            }
        }
        let mut begun_inline = BegunInline::default();
        for (channel, mut jobs) in by_channel {
            let Some(reservation) = inline.reserve(channel, jobs.len()) else { continue };
            jobs.retain(|job| reservation.suits(job));
            // The sort is stable, so that deliveries of one rank stay in the order in which their events came.
            jobs.sort_by_key(|job| job.rank);
            jobs.truncate(reservation.calls());
            let jobs = self.throttle_planned(tx, channel, jobs, writes).await?;
            if jobs.is_empty() {
                continue;
            }
            let begun = Begun { epoch: reservation.epoch(), provider: reservation.provider().to_owned(), at: now };
            writes.begun.extend(jobs.iter().map(|job| (job.id.clone(), begun.clone())));
            begun_inline.0.push((reservation, jobs));
        }
        Ok(begun_inline)
    }

    /// Those jobs that their recipients take now, each by itself. The others wait in the database until the time at which their
    /// recipient takes them, which is known already.
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
fn job(planned: &Planned, (event, trace): (&EventData, Option<TraceContext>), policy: &Policy, now: Timestamp) -> Option<Job> {
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
        trace,
        event: Arc::new(event.clone()),
        user_id: user.id,
        user_name: user.display_name(),
        locale: user.locale.clone(),
        timezone: user.timezone.clone(),
        target,
        collect: None,
        named_as: planned.named_as.clone(),
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
