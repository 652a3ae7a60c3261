//! Accepting events: what is known of them is locked, planned from, and written with them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::PoisonError;

use async_trait::async_trait;
use watchbell_core::decode::Reason;
use watchbell_core::event::{Event, EventData, Original, digest};
use watchbell_core::{Decision, EventId, Timestamp, UserId};

use super::if_known::IfKnown;
use super::inline::BegunInline;
use super::known::{conflict_free_batches, names, subject_key, subscription_category};
use super::plan::Writes;
use super::rows::{AlertRow, all, at, json, name, to_json};
use super::{BindAll, SqlStore, Tx, answers, array, columns, sql};
use crate::access::Actor;
use crate::columns::row;
use crate::facts::{Alert, Plan, Planned};
use crate::inline::InlineDispatch;
use crate::intake::{Accepted, Answered, DeadLetter, DeadLetterFilter, EventRecord, Intake, Publisher, Rejected};
use crate::wake::Effects;
use crate::{StoreError, facts::Scope};

/// Of those whom an event names and who are nobody, so many are named in the reason.
const NAMED: usize = 20;

/// How many members of a topic are planned in one transaction: some 20 ms of work, in which an alert of one of them waits.
const FAN_OUT_CHUNK: i64 = 200;

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

    async fn fan_out(&self) -> Result<bool, StoreError> {
        let mut tx = self.begin_tx().await?;
        let passed_over = || self.fan_out_passed_over.lock().unwrap_or_else(PoisonError::into_inner);
        let after = passed_over().clone();
        let next: Option<(String, String, i64)> =
            sqlx::query_as(sql("SELECT event_id, topic, last_user_id FROM fanouts WHERE event_id > $1 ORDER BY event_id LIMIT 1 {skip}"))
                .bind(after.clone())
                .fetch_optional(&mut *tx)
                .await?;
        // What fails is passed over, so that it holds up no other one, until all those behind it are done.
        *passed_over() = next.as_ref().map(|(event_id, ..)| event_id.clone()).unwrap_or_default();
        let Some((event_id, topic, last)) = next else { return Ok(!after.is_empty()) };
        let (data, base_at): (String, i64) =
            sqlx::query_as(sql("SELECT data, base_at FROM events WHERE id = $1")).bind(event_id.clone()).fetch_one(&mut *tx).await?;
        let members: Vec<i64> =
            sqlx::query_scalar(sql("SELECT user_id FROM topic_members WHERE topic = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"))
                .bind(topic)
                .bind(last)
                .bind(FAN_OUT_CHUNK)
                .fetch_all(&mut *tx)
                .await?;
        let users: BTreeSet<UserId> = members.iter().map(|id| UserId(*id)).collect();
        let policies = self.policies(&mut tx, &users).await?;
        let data: watchbell_core::event::SubscriptionData = super::rows::json(&data)?;
        let defaults = self.default_channels(&mut tx, &data.category.as_deref().into_iter().collect()).await?;
        let defaults = defaults.into_values().next().unwrap_or_default();
        let plan = self.planner.plan_members(&EventId(event_id.clone()), &data, at(base_at), &policies, &defaults, self.clock.now());
        let writes = Writes { insert: plan.insert, ..Writes::default() };
        let (due, _) = self.write(&mut tx, &writes).await?;
        match members.last() {
            Some(last) if i64::try_from(members.len()) == Ok(FAN_OUT_CHUNK) => {
                sqlx::query(sql("UPDATE fanouts SET last_user_id = $2 WHERE event_id = $1"))
                    .bind(event_id)
                    .bind(*last)
                    .execute(&mut *tx)
                    .await?;
            }
            _ => {
                sqlx::query(sql("DELETE FROM fanouts WHERE event_id = $1")).bind(event_id).execute(&mut *tx).await?;
            }
        }
        tx.commit().await?;
        *passed_over() = after;
        self.wakes.announce(due);
        Ok(true)
    }

    async fn close_unresolved(&self, before: Timestamp, most: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin_tx().await?;
        let rows: Vec<AlertRow> = sqlx::query_as(sql(
            "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts \
             WHERE updated_at < $1 AND state = 'open' AND NOT EXISTS (SELECT 1 FROM deliveries \
             WHERE subject = 'alert:' || alerts.id AND state IN ('scheduled', 'sending')) ORDER BY updated_at LIMIT $2 {skip}",
        ))
        .bind(before.as_millis())
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        let alerts: Vec<Alert> = all(rows)?;
        if alerts.is_empty() {
            return Ok(false);
        }
        let named = alerts.iter().flat_map(|alert| &alert.history).flat_map(|happened| &happened.named).map(|named| named.user_id);
        // For their locks: no change of theirs is planned meanwhile.
        self.policies(&mut tx, &named.collect()).await?;
        self.lock_subjects(&mut tx, &alerts.iter().map(|alert| Scope::subject_of_alert(&alert.id)).collect::<Vec<_>>()).await?;
        let mut writes = Writes::default();
        for alert in &alerts {
            gather(&mut writes, self.planner.close(alert, self.clock.now()), &alert.event_id, true);
        }
        let (effects, _) = self.write(&mut tx, &writes).await?;
        tx.commit().await?;
        self.wakes.announce(effects);
        Ok(i64::try_from(alerts.len()) == Ok(most))
    }

    async fn reject(&self, rejected: Vec<Rejected>) -> Result<(), StoreError> {
        let mut tx = self.begin_tx().await?;
        self.insert_dead_letters(&mut tx, &rejected).await?;
        Ok(tx.commit().await?)
    }

    async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, StoreError> {
        self.list_dead_letters(filter).await
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<(DeadLetter, Original)>, StoreError> {
        self.get_dead_letter(id).await
    }

    async fn purge_dead_letters(&self, by: Actor, filter: &DeadLetterFilter) -> Result<u64, StoreError> {
        self.purge(by, filter).await
    }

    async fn event(&self, id: &EventId) -> Result<Option<EventRecord>, StoreError> {
        Ok(self.events(std::slice::from_ref(id)).await?.pop())
    }

    async fn events(&self, ids: &[EventId]) -> Result<Vec<EventRecord>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(sql(
            "SELECT id, kind, base_at, received_at, subject, problems, decision FROM events WHERE id {in $1 text} ORDER BY id",
        ))
        .bind(array(ids)?)
        .fetch_all(&self.read)
        .await?;
        all(rows)
    }

    async fn alert(&self, id: &str) -> Result<Option<Alert>, StoreError> {
        let row: Option<AlertRow> = sqlx::query_as(sql(
            "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts WHERE id = $1",
        ))
        .bind(id.to_owned())
        .fetch_optional(&self.read)
        .await?;
        row.map(Alert::try_from).transpose()
    }

    async fn unreachable_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(sql("SELECT COUNT(*) FROM unreachable")).fetch_one(&self.read).await?)
    }

    async fn take_answers(&self, most: i64, until: Timestamp) -> Result<Vec<Answered>, StoreError> {
        self.take_some_answers(most, until).await
    }

    async fn answers_told(&self, answers: &[EventId]) -> Result<(), StoreError> {
        self.forget_answers(answers).await
    }

    async fn event_by_identity(&self, identity: &str) -> Result<Option<(EventId, EventData)>, StoreError> {
        let row: Option<(String, String, String)> = sqlx::query_as(sql("SELECT id, kind, data FROM events WHERE identity = $1"))
            .bind(identity.to_owned())
            .fetch_optional(&self.read)
            .await?;
        let Some((id, kind, data)) = row else { return Ok(None) };
        let data = EventData::from_json(name(&kind)?, &data).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Some((EventId(id), data)))
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
    async fn accept_all(
        &self,
        events: &[Event],
        if_known: IfKnown,
        may_begin: bool,
        publisher: Option<Publisher>,
        inline: &dyn InlineDispatch,
    ) -> Result<Vec<Accepted>, StoreError> {
        let mut tx = self.begin_tx().await?;
        let mut accepted: Vec<Accepted> = events.iter().map(unplanned).collect();
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

    /// Writes the events that are new; tells which ones are to be planned. One whose identity another event has is known, unless it
    /// says something else: then an alert is told under an identity of its own, as is what is replayed.
    async fn insert_events(
        &self,
        tx: &mut Tx,
        events: &mut Cow<'_, [Event]>,
        accepted: &mut [Accepted],
        if_known: IfKnown,
    ) -> Result<Vec<bool>, StoreError> {
        let every: Vec<usize> = (0..events.len()).collect();
        if if_known == IfKnown::GiveUp {
            sqlx::query(sql(insert_events!())).bind_all(columns(&event_rows(events, accepted, &every)?)?).execute(&mut **tx).await?;
            return Ok(vec![true; events.len()]);
        }
        let mut fresh = self.insert_unless_known(tx, events, accepted, &every).await?;
        let identities: Vec<&str> = every.iter().filter(|at| !fresh[**at]).map(|at| events[*at].identity.as_str()).collect();
        if identities.is_empty() {
            return Ok(fresh);
        }
        let known: Vec<(String, String, String, i64, i64)> =
            sqlx::query_as(sql("SELECT identity, id, digest, base_at, received_at FROM events WHERE identity {in $1 text}"))
                .bind(array(identities)?)
                .fetch_all(&mut **tx)
                .await?;
        let known: HashMap<String, _> =
            known.into_iter().map(|(identity, id, digest, base, received)| (identity, (id, digest, base, received))).collect();
        let mut apart = Vec::new();
        for index in every.into_iter().filter(|index| !fresh[*index]).collect::<Vec<_>>() {
            let (event, accepted) = (&events[index], &mut accepted[index]);
            let Some((id, said, base_at, received_at)) = known.get(&event.identity) else { continue };
            let is_replay = event.replay_of.is_some();
            if said.is_empty() || *said == event.digest() {
                accepted.id = EventId(id.clone());
                accepted.duplicate = !is_replay;
                fresh[index] = is_replay;
                if event.id().0 != *id {
                    // It is what it was then, whatever the settings are now.
                    let occurrence = &mut events.to_mut()[index].occurrence;
                    (occurrence.time, occurrence.received_at) = (Some(at(*base_at)), at(*received_at));
                }
                continue;
            }
            let is_told = is_replay || matches!(event.data, EventData::Alert(_));
            let ending = if is_told { "; this one is told all the same" } else { "; this one changes nothing" };
            reject(accepted, Reason::Conflict, format!("another event has this identity and says something else{ending}"));
            if is_told {
                let event = &mut events.to_mut()[index];
                *event = event.clone().told_apart();
                accepted.id = event.id();
                apart.push(index);
            }
        }
        let new = self.insert_unless_known(tx, events, accepted, &apart).await?;
        for (index, is_new) in apart.into_iter().zip(new) {
            let is_replay = events[index].replay_of.is_some();
            accepted[index].duplicate = !is_new && !is_replay;
            fresh[index] = is_new || is_replay;
        }
        Ok(fresh)
    }

    /// Writes those of some events that are new; which ones are.
    async fn insert_unless_known(
        &self,
        tx: &mut Tx,
        events: &[Event],
        accepted: &[Accepted],
        which: &[usize],
    ) -> Result<Vec<bool>, StoreError> {
        if which.is_empty() {
            return Ok(Vec::new());
        }
        let new: Vec<String> = sqlx::query_scalar(sql(concat!(insert_events!(), "ON CONFLICT DO NOTHING RETURNING identity")))
            .bind_all(columns(&event_rows(events, accepted, which)?)?)
            .fetch_all(&mut **tx)
            .await?;
        let mut new: HashSet<String> = new.into_iter().collect();
        Ok(which.iter().map(|at| new.remove(&events[*at].identity)).collect())
    }

    async fn accept_batch(
        &self,
        tx: &mut Tx,
        events: &[Event],
        batch: &[usize],
        accepted: &mut [Accepted],
        BatchOptions { if_known, inline, mut begun_inline, is_first, is_last, fresh }: BatchOptions<'_>,
    ) -> Result<(Effects, bool), StoreError> {
        let used: BTreeSet<String> = batch.iter().flat_map(|at| names(&events[*at])).cloned().collect();
        let resolved = self.resolve(tx, &used).await?;
        let mut known = self.known(tx, events, batch, &resolved).await?;
        let mut users: BTreeSet<UserId> = resolved.values().flatten().copied().collect();
        users.extend(known.users());
        let policies = self.policies(tx, &users).await?;
        self.meant(&resolved, &policies)?;
        // Every subject has an event in the first batch, so that all locks are taken there.
        let locked = if is_first { self.lock_known(tx, &known, events, fresh).await? } else { 0 };
        self.read_known(tx, &mut known).await?;
        let categories = batch.iter().filter_map(|at| subscription_category(&events[*at])).collect();
        let defaults = self.default_channels(tx, &categories).await?;

        let mut writes = Writes { if_known, ..Writes::default() };
        let mut annotations = Vec::new();
        let mut fan_outs = Vec::new();
        let mut answers = Vec::new();
        for at in batch {
            let (event, id) = (&events[*at], accepted[*at].id.clone());
            let mut facts = known.facts(event, &resolved, &policies);
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
            gather(&mut writes, plan, &id, facts.alert.is_some());
        }
        // A transaction that has locked deliveries must not wait for a recipient's lock: locks are taken in one order.
        if let Some(begun) = begun_inline.as_mut().filter(|_| locked == 0 && writes.only_makes_new()) {
            let annotated: HashSet<&EventId> = annotations.iter().map(|(id, ..)| id).chain(writes.contents.keys()).collect();
            let plain = batch.iter().map(|at| (&accepted[*at].id, &events[*at].data)).filter(|(id, _)| !annotated.contains(id)).collect();
            **begun = self.begin_inline(tx, inline, &mut writes, &plain, &policies).await?;
        }
        if is_last {
            inline.planned();
        }
        let (effects, written) = self.write(tx, &writes).await?;
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

    async fn annotate(&self, tx: &mut Tx, annotations: Vec<Annotation>) -> Result<(), StoreError> {
        row! {
            struct Row {
                id: EventId,
                data: Option<String>,
                decision: Option<String>,
                problems: Option<String>,
            }
        }
        if annotations.is_empty() {
            return Ok(());
        }
        let rows: Vec<Row> = annotations.into_iter().map(|(id, data, decision, problems)| Row { id, data, decision, problems }).collect();
        sqlx::query(sql("UPDATE events SET data = COALESCE(r.data, events.data), decision = r.decision, \
             problems = COALESCE(r.problems, events.problems) \
             FROM {rows $1: id text, data text, decision text, problems text} WHERE events.id = r.id"))
        .bind_all(columns(&rows)?)
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// A dead letter of which still not all can be used stays open.
    async fn mark_replayed(&self, tx: &mut Tx, events: &[Event], accepted: &[Accepted]) -> Result<(), StoreError> {
        let used = events.iter().zip(accepted).filter(|(_, accepted)| !accepted.is_rejected_for(Reason::UnknownUser));
        let replayed: Vec<i64> = used.filter_map(|(event, _)| event.replay_of).collect();
        if replayed.is_empty() {
            return Ok(());
        }
        sqlx::query(sql("UPDATE dead_letters SET replayed_at = $2 WHERE id {in $1 bigint}"))
            .bind(array(&replayed)?)
            .bind(self.clock.now().as_millis())
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}

/// An event's id, and what is written of it once it is planned: data, decision and problems, where there are any.
type Annotation = (EventId, Option<String>, Option<String>, Option<String>);

row! {
    struct NewEventRow<'a> {
        id: &'a EventId,
        identity: &'a str,
        kind: &'static str,
        base_at: i64,
        received_at: i64,
        subject: String,
        data: String,
        digest: String,
        problems: Option<String>,
    }
}

macro_rules! insert_events {
    () => {
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data, digest, problems) \
         SELECT id, identity, kind, base_at, received_at, subject, data, digest, problems FROM {rows $1: id text, identity text, kind text, \
         base_at bigint, received_at bigint, subject text, data text, digest text, problems text} WHERE true "
    };
}
use insert_events;

fn event_rows<'a>(events: &'a [Event], accepted: &'a [Accepted], which: &[usize]) -> Result<Vec<NewEventRow<'a>>, StoreError> {
    let row = |at: &usize| {
        let (event, accepted) = (&events[*at], &accepted[*at]);
        let (kind, data) = (event.data.kind(), to_json(&event.data)?);
        Ok(NewEventRow {
            id: &accepted.id,
            identity: &event.identity,
            kind: kind.as_str(),
            base_at: event.occurrence.base_at().as_millis(),
            received_at: event.occurrence.received_at.as_millis(),
            subject: subject_key(event),
            digest: digest(kind, &data),
            data,
            problems: Some(&accepted.problems).filter(|problems| !problems.is_empty()).map(to_json).transpose()?,
        })
    };
    let mut rows = which.iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
    // One order for everybody who inserts, so that two of them never wait for each other.
    rows.sort_by(|a, b| a.identity.cmp(b.identity));
    Ok(rows)
}

#[derive(sqlx_macros::FromRow)]
struct EventRow {
    id: String,
    kind: String,
    base_at: i64,
    received_at: i64,
    subject: String,
    problems: Option<String>,
    decision: Option<String>,
}

impl TryFrom<EventRow> for EventRecord {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: EventId(row.id),
            kind: name(&row.kind)?,
            base_at: at(row.base_at),
            received_at: at(row.received_at),
            alert_id: Scope::alert_of_subject(&row.subject).map(str::to_owned),
            problems: row.problems.as_deref().map(json).transpose()?.unwrap_or_default(),
            decision: row.decision.as_deref().map(Decision::read),
        })
    }
}

pub(super) fn unplanned(event: &Event) -> Accepted {
    Accepted { id: event.id(), duplicate: false, planned: 0, problems: event.problems.clone(), rejected: Vec::new(), decision: None }
}

/// Notes a problem for which the event becomes a dead letter.
fn reject(accepted: &mut Accepted, reason: Reason, problem: String) {
    accepted.problems.push(problem.clone());
    accepted.rejected.push((reason, problem));
}

pub(super) fn note(accepted: &mut Accepted, plan: &Plan) {
    accepted.planned = plan.insert.len();
    accepted.decision.clone_from(&plan.decision);
    accepted.problems.extend(plan.notes.iter().cloned());
    let (named, more) = plan.unknown_users.split_at(plan.unknown_users.len().min(NAMED));
    if !named.is_empty() {
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        reject(accepted, Reason::UnknownUser, format!("nobody is called {}{more}", named.join(", ")));
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

fn gather(writes: &mut Writes, plan: Plan, event_id: &EventId, is_known: bool) {
    if is_known {
        writes.alerts.extend(plan.alert);
    } else {
        writes.new_alerts.extend(plan.alert);
    }
    writes.responders.extend(plan.responders);
    writes.released.extend(plan.released);
    writes.close.extend(plan.close);
    writes.duties.extend(plan.duty);
    writes.insert.extend(plan.insert);
    writes.update.extend(plan.update);
    writes.cancel.extend(plan.cancel);
    let of_event = |(scope, user): (Scope, UserId)| (scope, user, event_id.clone());
    writes.unreachable.extend(plan.unreachable.into_iter().map(of_event));
}
