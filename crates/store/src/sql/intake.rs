//! Accepting events: what is known of them is locked, planned from, and written with them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use watchbell_core::decode::RejectReason;
use watchbell_core::event::{Event, EventData};
use watchbell_core::{EventId, UserId};

use super::if_known::IfKnown;
use super::inline::BegunInline;
use super::known::{Used, conflict_free_batches, subscription_category};
use super::plan::Writes;
use super::rows::to_json;
use super::shifts::asks_for_shifts;
use super::{SqlStore, Tx, answers, sql};
use crate::StoreError;
use crate::facts::{Plan, Planned};
use crate::inline::InlineDispatch;
use crate::intake::{Accepted, Intake, Publisher, Rejected};
use crate::wake::Effects;

/// Of those whom an event names and who are nobody, so many are named in the reason.
const NAMED: usize = 20;

#[async_trait]
impl Intake for SqlStore {
    async fn accept(
        &self,
        events: &[Event],
        publisher: Option<Publisher>,
        inline: &dyn InlineDispatch,
    ) -> Result<Vec<Accepted>, StoreError> {
        // Nearly always all events are new, and the database need not be asked row by row whether they are.
        let (mut if_known, mut may_begin) = (IfKnown::GiveUp, true);
        loop {
            match super::retrying(|| self.accept_all(events, if_known, may_begin, publisher, inline)).await {
                Err(error) if error.is_known_already() && if_known == IfKnown::GiveUp => if_known = IfKnown::LeaveAlone,
                // The session of the worker that has kept room has ended.
                Err(StoreError::Lapsed) if may_begin => may_begin = false,
                done => return done,
            }
        }
    }

    async fn explain(&self, event: Event, user: UserId) -> Result<(Accepted, Vec<Planned>), StoreError> {
        self.explain_for(event, user).await
    }
}

/// How a conflict-free batch of events is accepted.
struct BatchOptions<'a> {
    if_known: IfKnown,
    inline: &'a dyn InlineDispatch,
    /// Takes what is begun inline, where anything may be.
    begun_inline: Option<&'a mut BegunInline>,
    is_first: bool,
    is_last: bool,
    /// Which of all events are to be planned, in this batch or another.
    fresh: &'a [bool],
}

impl SqlStore {
    fn unplanned(&self, event: &Event) -> Accepted {
        let accepted = unplanned(event);
        Accepted { trace: self.accept_span(event, &accepted.id), ..accepted }
    }

    async fn accept_all(
        &self,
        events: &[Event],
        if_known: IfKnown,
        may_begin: bool,
        publisher: Option<Publisher>,
        inline: &dyn InlineDispatch,
    ) -> Result<Vec<Accepted>, StoreError> {
        let mut tx = self.begin_tx().await?;
        let mut accepted: Vec<Accepted> = events.iter().map(|event| self.unplanned(event)).collect();
        let mut events = Cow::Borrowed(events);
        let fresh = self.insert_events(&mut tx, &mut events, &mut accepted, if_known).await?;
        let events = &*events;
        let mut effects = Effects::default();
        let mut fans_out = false;
        let mut begun_inline = BegunInline::default();
        let batches = conflict_free_batches(events, &fresh);
        // What is begun inline locks its recipients, and after that nothing but new rows may be written.
        let may_begin = may_begin && batches.len() == 1;
        let last = batches.len().saturating_sub(1);
        for (at, batch) in batches.into_iter().enumerate() {
            let options = BatchOptions {
                if_known,
                inline,
                begun_inline: may_begin.then_some(&mut begun_inline),
                is_first: at == 0,
                is_last: at == last,
                fresh: &fresh,
            };
            let (batch_effects, batch_fans_out) = self.accept_batch(&mut tx, events, &batch, &mut accepted, options).await?;
            effects.add(batch_effects);
            fans_out |= batch_fans_out;
        }
        let kept = events.iter().zip(&accepted).filter(|(event, accepted)| !accepted.duplicate && event.replay_of.is_none());
        let dead: Vec<Rejected> = kept
            .filter_map(|(event, accepted)| {
                let (reason, detail) = accepted.dead_letter()?;
                Some(Rejected { original: event.original.clone(), reason: reason.to_string(), detail })
            })
            .collect();
        self.insert_dead_letters(&mut tx, &dead).await?;
        self.mark_replayed(&mut tx, events, &accepted).await?;
        if let Some(Publisher { by, action }) = publisher {
            self.record_accepted(&mut tx, by, action, events, &accepted).await?;
        }
        tx.commit().await?;
        begun_inline.hand_over();
        self.note_growth(events.len());
        self.wakes.announce(effects);
        if events.iter().any(Event::is_answer) {
            self.wakes.announce_answer();
        }
        if fans_out {
            self.wakes.announce_fan_out();
        }
        Ok(accepted)
    }

    async fn accept_batch(
        &self,
        tx: &mut Tx,
        events: &[Event],
        batch: &[usize],
        accepted: &mut [Accepted],
        BatchOptions { if_known, inline, mut begun_inline, is_first, is_last, fresh }: BatchOptions<'_>,
    ) -> Result<(Effects, bool), StoreError> {
        let used: Vec<Used> = batch.iter().map(|at| Used::by(&events[*at], self.planner.behind(&events[*at]))).collect();
        let mut all_used = Used::default();
        for used in &used {
            all_used.add(used.clone());
        }
        let resolved = self.resolve(tx, &all_used.users).await?;
        let mut known = self.known(tx, events, batch, &resolved).await?;
        if is_first {
            self.lock_schedules(tx, events, fresh).await?;
        }
        let groups = self.members_of(tx, &all_used.groups, self.clock.now()).await?;
        let mut users: BTreeSet<UserId> = resolved.values().flatten().copied().collect();
        users.extend(groups.values().flat_map(|members| members.users.iter().chain(&members.nearest)));
        users.extend(known.users());
        let of_shifts = if is_first { self.lock_users_of_shifts(tx, events, fresh, &known, &users).await? } else { BTreeSet::new() };
        let policies = self.policies(tx, &users.union(&of_shifts).copied().collect()).await?;
        self.meant(&resolved, &policies)?;
        if policies.values().any(|policy| policy.asks_for_labels()) {
            self.read_labels(tx, events, batch, &mut known).await?;
        }
        // Every subject has an event in the first batch, so what is locked there is all that there is to lock.
        let locked = if is_first {
            let planned_anew = of_shifts.into_iter().filter(|user| asks_for_shifts(&policies, *user)).collect();
            self.lock_known(tx, &known, &planned_anew, events, fresh).await?
        } else {
            0
        };
        self.read_known(tx, &mut known).await?;
        let categories = batch.iter().filter_map(|at| subscription_category(&events[*at])).collect();
        let defaults = self.default_channels(tx, &categories).await?;

        let mut writes = Writes { if_known, ..Writes::default() };
        let mut annotations = Vec::new();
        let mut fan_outs = Vec::new();
        let mut answers = Vec::new();
        let mut shifts_changed = BTreeSet::new();
        for (at, used) in batch.iter().zip(&used) {
            let (event, id) = (&events[*at], accepted[*at].id.clone());
            let mut facts = known.facts(event, used, &resolved, &groups, &policies);
            facts.default_channels = subscription_category(event).and_then(|category| defaults.get(category)).cloned().unwrap_or_default();
            let plan = self.planner.plan(event, &facts, self.clock.now());
            let noted = accepted[*at].problems.len();
            note(&mut accepted[*at], &plan);
            let data = known_only(plan.data.as_ref().unwrap_or(&event.data), &plan.unknown_users);
            let data = data.as_ref().or(plan.data.as_ref());
            let problems = Some(&accepted[*at].problems).filter(|problems| problems.len() > noted);
            if data.is_some() || plan.decision.is_some() || problems.is_some() {
                let (data, problems) = (data.map(to_json), problems.map(to_json));
                annotations.push((id.clone(), data.transpose()?, plan.decision.as_ref().map(to_json).transpose()?, problems.transpose()?));
            }
            if let Some((content, events)) = &plan.content {
                let content = to_json(content)?;
                writes.contents.extend(events.iter().map(|event| (event.clone(), content.clone())));
            }
            answers.extend(answers::taken(event, &plan).map(|(alert, answer)| (id.clone(), alert, answer)));
            fan_outs.extend(plan.fan_out.clone().map(|topic| (id.clone(), topic)));
            let of_shift = plan.duty.iter().chain(plan.duty.as_ref().and(facts.duty.as_ref())).map(|duty| duty.user_id);
            shifts_changed.extend(of_shift.filter(|user| asks_for_shifts(&policies, *user)));
            writes.gather(plan, &id, facts.alert.is_some());
        }
        // A transaction that has locked deliveries must not wait for a recipient's lock: locks are taken in one order.
        if let Some(begun) = begun_inline.as_mut().filter(|_| locked == 0 && writes.only_makes_new() && shifts_changed.is_empty()) {
            let annotated: HashSet<&EventId> = annotations.iter().map(|(id, ..)| id).chain(writes.contents.keys()).collect();
            let plain = batch.iter().map(|at| (&accepted[*at].id, (&events[*at].data, accepted[*at].trace)));
            let plain = plain.filter(|(id, _)| !annotated.contains(id)).collect();
            **begun = self.begin_inline(tx, inline, &mut writes, &plain, &policies).await?;
        }
        if is_last {
            inline.planned();
        }
        let (mut effects, written) = self.write(tx, &writes).await?;
        effects.add(self.change_shifts(tx, &shifts_changed).await?);
        if let Some(begun) = begun_inline {
            begun.retain(&written);
        }
        self.annotate(tx, annotations).await?;
        self.note_answers(tx, answers).await?;
        let fans_out = !fan_outs.is_empty();
        for (event_id, topic) in fan_outs {
            sqlx::query(sql("INSERT INTO fanouts (event_id, topic, last_user_id) VALUES ($1, $2, 0) ON CONFLICT (event_id) DO NOTHING"))
                .bind(event_id.0)
                .bind(topic)
                .execute(&mut **tx)
                .await?;
        }
        Ok((effects, fans_out))
    }
}

pub(super) fn unplanned(event: &Event) -> Accepted {
    Accepted {
        id: event.id(),
        duplicate: false,
        planned: 0,
        problems: event.problems.clone(),
        rejected: Vec::new(),
        decision: None,
        trace: None,
    }
}

/// Notes a problem for which the event becomes a dead letter.
pub(super) fn reject(accepted: &mut Accepted, reason: RejectReason, problem: String) {
    accepted.problems.push(problem.clone());
    accepted.rejected.push((reason, problem));
}

pub(super) fn note(accepted: &mut Accepted, plan: &Plan) {
    accepted.planned = plan.insert.len();
    accepted.decision.clone_from(&plan.decision);
    accepted.problems.extend(plan.notes.iter().cloned());
    for (reason, problem) in &plan.rejected {
        reject(accepted, *reason, problem.clone());
    }
    let (named, more) = plan.unknown_users.split_at(plan.unknown_users.len().min(NAMED));
    if !named.is_empty() {
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        reject(accepted, RejectReason::UnknownUser, format!("nobody is called {}{more}", named.join(", ")));
    }
}

/// The event without the names of nobody, where there are many: they are in the dead letter, and need not be kept twice.
fn known_only(data: &EventData, unknown: &[String]) -> Option<EventData> {
    if unknown.len() <= NAMED {
        return None;
    }
    let unknown: HashSet<&String> = unknown.iter().collect();
    let mut data = data.clone();
    let lists: &mut [&mut Vec<String>] = match &mut data {
        EventData::Alert(alert) => &mut [&mut alert.responders],
        EventData::Update(update) => &mut [&mut update.responders, &mut update.notify],
        EventData::Subscription(news) => &mut [&mut news.users],
        EventData::Duty(_) | EventData::Verification(_) => &mut [],
    };
    for list in lists {
        list.retain(|name| !unknown.contains(name));
    }
    Some(data)
}
