//! What events are planned from: which of them wait for one another, whom they name, and what is known of their subjects.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use watchbell_core::event::{AlertData, Event, EventData};
use watchbell_core::ids::other_readings;
use watchbell_core::{EventId, Group, UserId};

use super::rows::{AlertRow, DutyRow, PlannedRow, all, json, readable, to_json};
use super::{SqlStore, Tx, array, sql};
use crate::StoreError;
use crate::facts::history::Happened;
use crate::facts::{Alert, Duty, Facts, Members, Planned, Scope};

/// What an event is about: events of one subject are planned one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject<'a> {
    Alert(&'a str),
    Duty(&'a str),
}

fn subject(event: &Event) -> Option<Subject<'_>> {
    match &event.data {
        EventData::Alert(data) => Some(Subject::Alert(&data.alert_id)),
        EventData::Update(data) => Some(Subject::Alert(&data.alert_id)),
        EventData::Duty(data) => Some(Subject::Duty(&data.duty_id)),
        EventData::Subscription(_) | EventData::Verification(_) => None,
    }
}

/// As events are kept with it: see [`Scope::subject`].
pub(super) fn subject_key(event: &Event) -> String {
    match subject(event) {
        Some(Subject::Alert(id)) => Scope::subject_of_alert(id),
        Some(Subject::Duty(id)) => Scope::subject_of_duty(id),
        None => Scope::Event(event.id()).subject(),
    }
}

/// Indexes of fresh events, so that no two of one subject are in the same batch and their order is kept.
pub(super) fn conflict_free_batches(events: &[Event], fresh: &[bool]) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut seen: HashMap<Subject<'_>, usize> = HashMap::new();
    for (at, event) in events.iter().enumerate().filter(|(at, _)| fresh[*at]) {
        let batch = subject(event).map_or(0, |subject| {
            let count = seen.entry(subject).or_default();
            *count += 1;
            *count - 1
        });
        if batches.len() <= batch {
            batches.resize_with(batch + 1, Vec::new);
        }
        batches[batch].push(at);
    }
    batches
}

/// Every name of a user, or of a group, that an event uses.
pub(super) fn names(event: &Event) -> Vec<&String> {
    match &event.data {
        EventData::Alert(data) => data.responders.iter().collect(),
        EventData::Update(data) => data.responders.iter().chain(&data.notify).chain(&data.actor).collect(),
        EventData::Duty(data) => vec![&data.user_id],
        EventData::Subscription(data) => data.users.iter().collect(),
        EventData::Verification(_) => Vec::new(),
    }
}

/// The names that events use, and those that stand behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Used {
    pub users: BTreeSet<String>,
    pub groups: BTreeSet<Group>,
}

impl Used {
    /// Names that only stand behind others are `behind`.
    pub fn by(event: &Event, behind: BTreeSet<String>) -> Self {
        let mut used = Self::default();
        let is_list = |data: &EventData| matches!(data, EventData::Alert(_) | EventData::Update(_));
        for name in names(event).into_iter().cloned().chain(behind) {
            match Group::parse(&name).filter(|_| is_list(&event.data)) {
                Some(group) => drop(used.groups.insert(group)),
                None => drop(used.users.insert(name)),
            }
        }
        used
    }

    pub fn add(&mut self, other: Self) {
        self.users.extend(other.users);
        self.groups.extend(other.groups);
    }
}

/// Whom they mean, and whom the parts of those that name several mean.
pub(super) fn named(used: &Used, resolved: &HashMap<String, Vec<UserId>>) -> HashMap<String, Vec<UserId>> {
    let parts = |name: &String| std::iter::once(name.clone()).chain(other_readings(name).into_iter().flatten()).collect::<Vec<_>>();
    let names = used.users.iter().flat_map(parts);
    names.filter_map(|name| resolved.get(&name).cloned().map(|users| (name, users))).collect()
}

/// The category whose default channels a subscription event goes to.
pub(super) fn subscription_category(event: &Event) -> Option<&str> {
    match &event.data {
        EventData::Subscription(data) => data.category.as_deref(),
        _ => None,
    }
}

/// What the events of one conflict-free batch are planned from.
#[derive(Default)]
pub(super) struct Known {
    alerts: HashMap<String, Alert>,
    duties: HashMap<String, Duty>,
    /// What alerts' first events say, by event: of those that another one may say more about, and where conditions ask for labels.
    described: HashMap<EventId, AlertData>,
    /// Alerts of which the batch's event may stop some of a round, or move others; anything else only ends whole rounds.
    unsettled: HashSet<String>,
    /// Alerts of which the batch's event only asks what is still to come.
    followed: HashSet<String>,
    /// By what they are about.
    alert_deliveries: HashMap<String, Vec<Planned>>,
    duty_deliveries: HashMap<String, Vec<Planned>>,
}

impl SqlStore {
    /// Locks what the batch's events are about and reads it, except for deliveries, which are locked after the users. Duties that are new
    /// are made here, so that there is a row to lock. Alerts that are new are made when their plan is written: where another transition
    /// has made the same one meanwhile, this one is done again.
    pub(super) async fn known(
        &self,
        tx: &mut Tx,
        events: &[Event],
        batch: &[usize],
        resolved: &HashMap<String, Vec<UserId>>,
    ) -> Result<Known, StoreError> {
        let mut known = Known::default();
        let mut alerts: BTreeMap<&str, &Event> = BTreeMap::new();
        let mut duties: BTreeMap<&str, &Event> = BTreeMap::new();
        for event in batch.iter().map(|at| &events[*at]) {
            match subject(event) {
                Some(Subject::Alert(id)) => drop(alerts.insert(id, event)),
                Some(Subject::Duty(id)) => drop(duties.insert(id, event)),
                None => {}
            }
        }
        if !alerts.is_empty() {
            self.lock_alerts(tx, &alerts, &mut known).await?;
        }
        for (id, event) in duties {
            let EventData::Duty(data) = &event.data else { continue };
            if let Some(user) = resolved.get(&data.user_id).and_then(|users| users.first()) {
                self.lock_duty(tx, id, *user, event, &mut known).await?;
            }
        }
        Ok(known)
    }

    async fn lock_alerts(&self, tx: &mut Tx, alerts: &BTreeMap<&str, &Event>, known: &mut Known) -> Result<(), StoreError> {
        let ids: Vec<&str> = alerts.keys().copied().collect();
        let rows: Vec<AlertRow> = sqlx::query_as(sql(
            "SELECT id, state, priority, summary, url, category, round, since_round, event_id, content, history FROM alerts \
             WHERE id {in $1 text} ORDER BY id {lock}",
        ))
        .bind(array(&ids)?)
        .fetch_all(&mut **tx)
        .await?;
        for alert in all::<_, Alert>(rows)? {
            let event = alerts.get(alert.id.as_str());
            if event.is_some_and(|event| !alert.is_settled_before(event)) {
                known.unsettled.insert(alert.id.clone());
            } else if event.is_some_and(|event| event.is_follow_up()) {
                known.followed.insert(alert.id.clone());
            }
            known.alerts.insert(alert.id.clone(), alert);
        }
        self.read_descriptions(tx, alerts, known).await
    }

    /// Locks the pending deliveries that the events may change, those of later batches included: locking some and then others would
    /// be out of order. All of those who are planned anew are among them. How many these are.
    pub(super) async fn lock_known(
        &self,
        tx: &mut Tx,
        known: &Known,
        planned_anew: &BTreeSet<UserId>,
        events: &[Event],
        fresh: &[bool],
    ) -> Result<u64, StoreError> {
        let mut events_of: HashMap<&str, (usize, bool)> = HashMap::new();
        for event in events.iter().zip(fresh).filter_map(|(event, fresh)| fresh.then_some(event)) {
            if let Some(Subject::Alert(id)) = subject(event) {
                let (count, is_update) = events_of.entry(id).or_default();
                *count += 1;
                *is_update |= matches!(event.data, EventData::Update(_));
            }
        }
        let may_change = |alert: &&Alert| {
            known.unsettled.contains(&alert.id)
                || events_of.get(alert.id.as_str()).is_some_and(|(count, is_update)| *count > 1 || *is_update)
        };
        let alerts = known.alerts.values().filter(may_change).map(|alert| Scope::subject_of_alert(&alert.id));
        let duties = known.duties.keys().map(|id| Scope::subject_of_duty(id));
        let subjects: Vec<String> = alerts.chain(duties).collect();
        if planned_anew.is_empty() { self.lock_subjects(tx, &subjects).await } else { self.lock_plans(tx, &subjects, planned_anew).await }
    }

    /// Reads the deliveries that the batch's events may change.
    pub(super) async fn read_known(&self, tx: &mut Tx, known: &mut Known) -> Result<(), StoreError> {
        for id in known.duties.keys() {
            known.duty_deliveries.insert(id.clone(), self.duty_deliveries(tx, id).await?);
        }
        let (mut subjects, mut scopes) = (Vec::new(), Vec::new());
        for alert in known.unsettled.iter().chain(&known.followed).filter_map(|id| known.alerts.get(id)) {
            let rounds: BTreeSet<i64> = alert.history.iter().flat_map(Happened::rounds).collect();
            subjects.push(Scope::subject_of_alert(&alert.id));
            scopes.extend(rounds.into_iter().map(|round| Scope::Alert { id: alert.id.clone(), round }.key()));
        }
        if scopes.is_empty() {
            return Ok(());
        }
        let rows: Vec<PlannedRow> = sqlx::query_as(sql(
            "SELECT id, scope, event_id, alert_id, category, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             due_at, ready_at, expires_at, state, reason, expedited, attempts, collect, named_as, repetition FROM deliveries WHERE subject {in $1 text} AND scope {in $2 text}",
        ))
        .bind(array(&subjects)?)
        .bind(array(&scopes)?)
        .fetch_all(&mut **tx)
        .await?;
        for planned in planned(rows) {
            if let Scope::Alert { id, .. } = &planned.scope {
                known.alert_deliveries.entry(id.clone()).or_default().push(planned);
            }
        }
        Ok(())
    }

    /// Reads what is said of alerts that only one event has described, where there is another one now.
    async fn read_descriptions(&self, tx: &mut Tx, alerts: &BTreeMap<&str, &Event>, known: &mut Known) -> Result<(), StoreError> {
        let is_told_more = |alert: &&Alert| alerts.get(alert.id.as_str()).is_some_and(|event| matches!(event.data, EventData::Alert(_)));
        known.described = self.descriptions_of(tx, known.alerts.values().filter(is_told_more)).await?;
        Ok(())
    }

    /// Reads what conditions on labels are judged by: what all alerts say, and for which of them an event changes that.
    pub(super) async fn read_labels(&self, tx: &mut Tx, events: &[Event], batch: &[usize], known: &mut Known) -> Result<(), StoreError> {
        let unread = known.alerts.values().filter(|alert| !known.described.contains_key(&alert.event_id));
        let described = self.descriptions_of(tx, unread).await?;
        known.described.extend(described);
        for event in batch.iter().map(|at| &events[*at]) {
            let Some(Subject::Alert(id)) = subject(event) else { continue };
            let Some(alert) = known.alerts.get(id) else { continue };
            if alert.is_relabelled_by(event, known.described.get(&alert.event_id)) {
                known.unsettled.insert(id.to_owned());
            }
        }
        Ok(())
    }

    /// What the events say that alone describe these alerts, by event.
    pub(super) async fn descriptions_of(
        &self,
        tx: &mut Tx,
        alerts: impl Iterator<Item = &Alert>,
    ) -> Result<HashMap<EventId, AlertData>, StoreError> {
        let events: Vec<&EventId> = alerts.filter(|alert| alert.content.is_none()).map(|alert| &alert.event_id).collect();
        if events.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(String, String)> = sqlx::query_as(sql("SELECT id, data FROM events WHERE id {in $1 text} AND kind = 'alert'"))
            .bind(array(events)?)
            .fetch_all(&mut **tx)
            .await?;
        rows.into_iter().map(|(id, data)| Ok((EventId(id), json(&data)?))).collect()
    }

    async fn lock_duty(&self, tx: &mut Tx, id: &str, user: UserId, event: &Event, known: &mut Known) -> Result<(), StoreError> {
        let new: Option<String> =
            sqlx::query_scalar(sql("INSERT INTO duties (id, user_id, starts_at, ends_at, schedule, status, occurrence, event_id) \
             VALUES ($1, $2, 0, 0, '', 'CANCELLED', $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id"))
            .bind(id.to_owned())
            .bind(user.0)
            .bind(to_json(&event.occurrence)?)
            .bind(event.id().0)
            .fetch_optional(&mut **tx)
            .await?;
        if new.is_some() {
            return Ok(());
        }
        let row: DutyRow = sqlx::query_as(sql(
            "SELECT id, user_id, starts_at, ends_at, schedule, status, occurrence, event_id FROM duties WHERE id = $1 {lock}",
        ))
        .bind(id.to_owned())
        .fetch_one(&mut **tx)
        .await?;
        let duty: Duty = row.try_into()?;
        known.duties.insert(id.to_owned(), duty);
        Ok(())
    }

    /// All deliveries of a duty, for whatever start they were planned. A bundle that its reminder began is not the duty's.
    async fn duty_deliveries(&self, tx: &mut Tx, duty: &str) -> Result<Vec<Planned>, StoreError> {
        let rows: Vec<PlannedRow> = sqlx::query_as(sql(
            "SELECT id, scope, event_id, alert_id, category, user_id, purpose, cause, channel, contact_id, device_id, address, rules, critical, \
             due_at, ready_at, expires_at, state, reason, expedited, attempts, collect, named_as, repetition FROM deliveries WHERE subject = $1 \
             AND purpose NOT {purposes collective}",
        ))
        .bind(Scope::subject_of_duty(duty))
        .fetch_all(&mut **tx)
        .await?;
        Ok(planned(rows))
    }
}

/// Those that can be read: the worker sets the others aside when they are due, and no event waits until then.
fn planned(rows: Vec<PlannedRow>) -> Vec<Planned> {
    rows.into_iter().filter_map(|row| readable("delivery", row.id.clone(), row)).collect()
}

impl Known {
    /// Whoever is told of what is known, whether or not an event names them.
    pub(super) fn users(&self) -> impl Iterator<Item = UserId> {
        let history = self.alerts.values().flat_map(|alert| &alert.history);
        let named = history.flat_map(|happened| &happened.named).map(|named| named.user_id);
        named.chain(self.users_of_duties())
    }

    /// Whose the known duties are.
    pub(super) fn users_of_duties(&self) -> impl Iterator<Item = UserId> {
        self.duties.values().map(|duty| duty.user_id)
    }

    pub(super) fn facts(
        &mut self,
        event: &Event,
        used: &Used,
        resolved: &HashMap<String, Vec<UserId>>,
        groups: &HashMap<Group, Members>,
        policies: &HashMap<UserId, std::sync::Arc<crate::Policy>>,
    ) -> Facts {
        let mut facts = Facts::default();
        match subject(event) {
            Some(Subject::Alert(id)) => {
                facts.alert = self.alerts.remove(id);
                facts.described = facts.alert.as_ref().and_then(|alert| self.described.remove(&alert.event_id));
                facts.deliveries = self.alert_deliveries.remove(id).unwrap_or_default();
            }
            Some(Subject::Duty(id)) => {
                facts.duty = self.duties.remove(id);
                facts.deliveries = self.duty_deliveries.remove(id).unwrap_or_default();
            }
            None => {}
        }
        facts.names = named(used, resolved);
        facts.groups = used.groups.iter().filter_map(|group| Some((group.clone(), groups.get(group)?.clone()))).collect();
        let mut users: BTreeSet<UserId> = facts.names.values().flatten().copied().collect();
        users.extend(facts.groups.values().flat_map(|members| members.users.iter().chain(&members.nearest)));
        let history = facts.alert.iter().flat_map(|alert| &alert.history);
        users.extend(history.flat_map(|happened| &happened.named).map(|named| named.user_id));
        users.extend(facts.duty.iter().map(|duty| duty.user_id));
        facts.policies = users.into_iter().filter_map(|id| Some((id, policies.get(&id)?.clone()))).collect();
        facts
    }
}
