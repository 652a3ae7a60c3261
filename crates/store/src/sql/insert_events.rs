//! Writing events: those that are new, and those that claim the identity of another one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use watchbell_core::EventId;
use watchbell_core::decode::RejectReason;
use watchbell_core::event::{Event, EventData, digest};

use super::if_known::IfKnown;
use super::intake::reject;
use super::known::subject_key;
use super::rows::{at, to_json};
use super::{BindAll, SqlStore, Tx, array, columns, sql};
use crate::StoreError;
use crate::columns::row;
use crate::intake::Accepted;

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
        trace: Option<String>,
    }
}

macro_rules! insert_events {
    () => {
        "INSERT INTO events (id, identity, kind, base_at, received_at, subject, data, digest, problems, trace) \
         SELECT id, identity, kind, base_at, received_at, subject, data, digest, problems, trace FROM {rows $1: id text, identity text, kind text, \
         base_at bigint, received_at bigint, subject text, data text, digest text, problems text, trace text} WHERE true "
    };
}
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
            trace: accepted.trace.map(|trace| trace.to_string()),
        })
    };
    let mut rows = which.iter().map(row).collect::<Result<Vec<_>, StoreError>>()?;
    // One order for everybody who inserts, so that two of them never wait for each other.
    rows.sort_by(|a, b| a.identity.cmp(b.identity));
    Ok(rows)
}

impl SqlStore {
    /// Writes the events that are new; tells which ones are to be planned. One whose identity another event has is known, unless it
    /// says something else: then an alert is told under an identity of its own, as is what is replayed.
    pub(super) async fn insert_events(
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
                accepted.trace = self.accept_span(event, &accepted.id);
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
            reject(accepted, RejectReason::Conflict, format!("another event has this identity and says something else{ending}"));
            if is_told {
                let event = &mut events.to_mut()[index];
                *event = event.clone().told_apart();
                accepted.id = event.id();
                accepted.trace = self.accept_span(event, &accepted.id);
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

    pub(super) async fn annotate(&self, tx: &mut Tx, annotations: Vec<Annotation>) -> Result<(), StoreError> {
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
}

/// An event's id, and what is written of it once it is planned: data, decision and problems, where there are any.
pub(super) type Annotation = (EventId, Option<String>, Option<String>, Option<String>);
