//! What the store does with plans, in memory: the facts that the planner gets, and what its answers change.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::decode::RejectReason;
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::device::{Device, DeviceKind};
use watchbell_core::event::{AlertData, DutyData, DutyStatus, Event, EventData, Occurrence, Original, Priority, UpdateData, UpdateStatus};
use watchbell_core::rule::conditions::Shift;
use watchbell_core::rule::{Conditions, Rule, Surface, Trigger};
use watchbell_core::user::User;
use watchbell_core::{Channel, ContactId, DeliveryId, DeviceId, EventId, FollowUp, Group, RuleId, Timestamp, UserId};
use watchbell_scheduler::{RulePlanner, SchedulerSettings};
use watchbell_store::Planner;
use watchbell_store::facts::content::Content;
use watchbell_store::facts::{Alert, AlertState, Changed, Duty, Facts, Members, Plan, Planned, Policy, Responder, Scope, UserFacts};

/// Seconds from the beginning of every test.
pub fn s(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_161_600_000).plus_s(seconds)
}

/// A user `u1` with an email address and a phone, and no rules.
pub fn user(id: i64) -> Policy {
    let contact = |at: i64, kind, target: String| Contact {
        id: ContactId(id * 10 + at),
        user_id: UserId(id),
        kind,
        target,
        region: None,
        primary: false,
        status: ContactStatus::Ok,
    };
    let mut policy = Policy::of(User {
        id: UserId(id),
        public_id: format!("U{id}"),
        external_id: Some(format!("u{id}")),
        username: format!("u{id}"),
        first_name: String::new(),
        last_name: String::new(),
        timezone: "UTC".to_owned(),
        locale: "en".to_owned(),
        quiet_hours: None,
        custom_fields: serde_json::Map::new(),
        profile: watchbell_core::user::Profile::default(),
        version: 1,
        created_at: s(0),
        updated_at: s(0),
    });
    policy.contacts =
        vec![contact(1, ContactKind::Email, format!("u{id}@example.org")), contact(2, ContactKind::Phone, format!("+4915112345{id:03}"))];
    policy
}

pub fn rule(id: i64, trigger: Trigger, channel: Channel, offset_s: i64) -> Rule {
    Rule {
        id: RuleId(id),
        public_id: None,
        user_id: UserId(0),
        surface: Surface::Ilert,
        trigger,
        channel: Some(channel),
        contact_id: None,
        offset_s,
        position: None,
        critical: false,
        when: Conditions::default(),
        repeat: None,
    }
}

pub fn device(user: i64, id: i64) -> Device {
    Device { id: DeviceId(id), user_id: UserId(user), kind: DeviceKind::Fcm, token: format!("token-{id}"), keys: None, created_at: s(0) }
}

/// When the event happened by its source's clock, and when the broker took it.
pub fn event(id: &str, happened_s: i64, received_s: i64, data: EventData) -> Event {
    Event {
        identity: id.to_owned(),
        occurrence: Occurrence {
            source: "monitoring".to_owned(),
            time: Some(s(happened_s)),
            received_at: s(received_s),
            sequence: id.parse().unwrap_or_default(),
        },
        data,
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original::default(),
    }
}

pub fn alert(responders: &[&str]) -> EventData {
    EventData::Alert(AlertData {
        alert_id: "A".to_owned(),
        priority: Some(Priority::High),
        summary: "Database down".to_owned(),
        responders: responders.iter().map(ToString::to_string).collect(),
        ..AlertData::default()
    })
}

/// One that says of which team it is.
pub fn labelled(responders: &[&str], team: &str) -> EventData {
    let EventData::Alert(mut data) = alert(responders) else { unreachable!("it is an alert") };
    data.labels.insert("team".to_owned(), team.into());
    EventData::Alert(data)
}

pub fn update(status: UpdateStatus, responders: &[&str]) -> EventData {
    EventData::Update(UpdateData {
        alert_id: "A".to_owned(),
        status,
        actor: None,
        responders: responders.iter().map(ToString::to_string).collect(),
        notify: Vec::new(),
        summary: None,
        actor_name: None,
        answer: None,
        follow_up: None,
        url: None,
    })
}

/// Everything that is known, as the store would have it.
#[derive(Debug, Default)]
pub struct World {
    planner: RulePlanner,
    pub users: BTreeMap<UserId, Policy>,
    pub alerts: BTreeMap<String, Alert>,
    pub responders: Vec<Responder>,
    pub duties: BTreeMap<String, Duty>,
    pub deliveries: BTreeMap<DeliveryId, Planned>,
    pub unreachable: BTreeSet<(Scope, UserId)>,
    /// What alert events say.
    pub said: BTreeMap<EventId, AlertData>,
    /// What their messages say instead.
    pub contents: BTreeMap<EventId, Content>,
    seen: BTreeSet<String>,
    /// The members of topics.
    pub topics: BTreeMap<String, Vec<UserId>>,
    pub follow_ups: BTreeMap<(String, Group), FollowUp>,
    /// For what events were kept as dead letters.
    pub rejected: Vec<RejectReason>,
    /// Moves of a state that the state machine does not allow.
    pub backward: Vec<String>,
}

impl World {
    pub fn new(users: impl IntoIterator<Item = Policy>) -> Self {
        Self::with(users, SchedulerSettings::default())
    }

    pub fn with(users: impl IntoIterator<Item = Policy>, settings: SchedulerSettings) -> Self {
        let users = users.into_iter().map(|policy| (policy.user.id, policy)).collect();
        Self { planner: RulePlanner::new(settings), users, ..Self::default() }
    }

    /// Accepts an event; None for one that is known.
    pub fn accept(&mut self, event: &Event, now: Timestamp) -> Option<Plan> {
        self.seen.insert(event.identity.clone()).then(|| {
            let plan = self.planner.plan(event, &self.facts(event, now), now);
            if let EventData::Alert(data) = &event.data {
                self.said.insert(event.id(), data.clone());
            }
            let before = plan.duty.as_ref().and_then(|duty| self.duties.get(&duty.id)).map(|duty| duty.user_id);
            self.write(&plan);
            for user in plan.duty.iter().map(|duty| duty.user_id).chain(before).collect::<BTreeSet<_>>() {
                if self.users.get(&user).is_some_and(Policy::asks_for_shifts) {
                    self.replan(user, Changed::Shifts, now);
                }
            }
            plan
        })
    }

    /// Does what is due about open alerts, as the store does; how often something was done.
    pub fn follow_up(&mut self, now: Timestamp) -> usize {
        let mut done = 0;
        while let Some(what) = self.follow_ups.values().filter(|what| what.due_at <= now).min_by_key(|what| what.due_at).cloned() {
            done += 1;
            let event = self.planner.follow_up(&what, now).unwrap();
            self.accept(&event, now);
            let key = (what.alert_id.clone(), what.group.clone());
            if self.follow_ups.get(&key).is_some_and(|next| next.number == what.number) {
                self.advance(key, self.planner.next(&what));
            }
        }
        done
    }

    fn advance(&mut self, key: (String, Group), next: Option<FollowUp>) {
        match next {
            Some(next) => drop(self.follow_ups.insert(key, next)),
            None => drop(self.follow_ups.remove(&key)),
        }
    }

    /// Changes a user and plans anew.
    pub fn change(&mut self, user: UserId, now: Timestamp, change: impl FnOnce(&mut Policy)) -> Plan {
        change(self.users.get_mut(&user).unwrap());
        self.replan(user, Changed::Settings, now)
    }

    fn replan(&mut self, user: UserId, changed: Changed, now: Timestamp) -> Plan {
        let shifts = self.shifts_of(user);
        let policy = self.users.get_mut(&user).unwrap();
        policy.shifts = shifts;
        let policy = Arc::new(policy.clone());
        let open = |responder: &&Responder| responder.user_id == user;
        let responders: Vec<(Alert, Responder)> = self
            .responders
            .iter()
            .filter(open)
            .filter_map(|responder| Some((self.alerts.get(&responder.alert_id)?.clone(), responder.clone())))
            .collect();
        let duties: Vec<Duty> = self.duties.values().filter(|duty| duty.user_id == user && duty.ends_at >= now).cloned().collect();
        let mut scopes: BTreeSet<Scope> = responders.iter().map(|(_, responder)| responder.scope()).collect();
        scopes.extend(duties.iter().map(|duty| Scope::Duty { id: duty.id.clone(), starts_at: duty.starts_at }));
        let mine = self.deliveries.values().filter(|delivery| delivery.user_id == user);
        let deliveries = mine.filter(|delivery| delivery.state.is_pending() || scopes.contains(&delivery.scope)).cloned().collect();
        let described = self.said.clone().into_iter().collect();
        let facts = UserFacts { changed, policy, responders, duties, deliveries, default_channels: HashMap::new(), described };
        let plan = self.planner.replan(&facts, now);
        self.write(&plan);
        plan
    }

    /// Sends all that is ready; `reaches` says which channels work.
    pub fn send(&mut self, now: Timestamp, reaches: impl Fn(Channel) -> bool) {
        for delivery in self.deliveries.values_mut().filter(|delivery| delivery.state.is_pending() && delivery.ready_at <= now) {
            delivery.state = if reaches(delivery.channel) { State::Sent } else { State::Failed };
            delivery.attempts += 1;
        }
    }

    /// The deliveries that will still go out: channel, seconds from the beginning.
    pub fn pending(&self, user: i64) -> Vec<(Channel, i64)> {
        let mine = self.deliveries.values().filter(|delivery| delivery.user_id == UserId(user) && delivery.state.is_pending());
        let mut pending: Vec<(Channel, i64)> = mine.map(|d| (d.channel, d.ready_at.ms_since(s(0)) / 1000)).collect();
        pending.sort_by_key(|(channel, at)| (*at, *channel));
        pending
    }

    /// What the messages that are still to go out say, by user.
    pub fn texts(&self, user: i64) -> BTreeSet<(String, Option<String>, String)> {
        let mine = self.deliveries.values().filter(|delivery| delivery.user_id == UserId(user) && delivery.state.is_pending());
        // Who was called in for what is not known yet is told nothing of it.
        mine.filter_map(|delivery| Some((delivery, self.said.get(&delivery.event_id)?.clone())))
            .map(|(delivery, mut data)| {
                if let Some(content) = self.contents.get(&delivery.event_id) {
                    content.complete(&mut data);
                }
                (data.summary, data.url, serde_json::to_string(&data.labels).unwrap())
            })
            .collect()
    }

    fn shifts_of(&self, user: UserId) -> Vec<Shift> {
        let shifts = self.duties.values().filter(|duty| duty.user_id == user && duty.status == DutyStatus::Scheduled);
        shifts.map(|duty| Shift { schedule: duty.schedule.clone(), starts_at: duty.starts_at, ends_at: duty.ends_at }).collect()
    }

    fn members(&self, group: &Group, now: Timestamp) -> Members {
        match group {
            Group::Topic(topic) => Members { users: self.topics.get(topic).cloned().unwrap_or_default(), ..Members::default() },
            Group::Duty(schedule) => {
                let shifts = || self.duties.values().filter(|duty| duty.schedule == *schedule && duty.status == DutyStatus::Scheduled);
                let users: BTreeSet<UserId> =
                    shifts().filter(|duty| duty.starts_at <= now && now < duty.ends_at).map(|duty| duty.user_id).collect();
                let next_at = shifts().map(|duty| duty.starts_at).filter(|starts_at| *starts_at > now).min();
                Members { users: users.into_iter().collect(), next_at, ..Members::default() }
            }
            Group::Escalation(_) => Members::default(),
        }
    }

    fn facts(&self, event: &Event, now: Timestamp) -> Facts {
        let behind = self.planner.behind(event);
        let names: Vec<&String> = match &event.data {
            EventData::Alert(data) => data.responders.iter().collect(),
            EventData::Update(data) => data.responders.iter().chain(&data.notify).chain(&data.actor).collect(),
            EventData::Duty(data) => vec![&data.user_id],
            EventData::Subscription(data) => data.users.iter().collect(),
            EventData::Verification(_) => Vec::new(),
        };
        let names: Vec<&String> = names.into_iter().chain(&behind).collect();
        let groups: BTreeSet<Group> = names.iter().filter_map(|name| Group::parse(name)).collect();
        let find = |name: &String| self.users.values().find(|policy| policy.user.external_id.as_ref() == Some(name));
        let mut facts = Facts {
            names: names.into_iter().filter_map(|name| Some((name.clone(), vec![find(name)?.user.id]))).collect(),
            groups: groups.into_iter().map(|group| (group.clone(), self.members(&group, now))).collect(),
            policies: self.users.iter().map(|(id, policy)| (*id, Arc::new(policy.clone()))).collect(),
            ..Facts::default()
        };
        match &event.data {
            EventData::Alert(AlertData { alert_id, .. }) | EventData::Update(UpdateData { alert_id, .. }) => {
                facts.alert = self.alerts.get(alert_id).cloned();
                facts.described = facts.alert.as_ref().and_then(|alert| self.said.get(&alert.event_id)).cloned();
                if facts.alert.as_ref().is_some_and(|alert| is_changed(alert, event, facts.described.as_ref())) {
                    let of_alert = |delivery: &&Planned| matches!(&delivery.scope, Scope::Alert { id, .. } if id == alert_id);
                    facts.deliveries = self.deliveries.values().filter(of_alert).cloned().collect();
                }
            }
            EventData::Duty(DutyData { duty_id, .. }) => {
                facts.duty = self.duties.get(duty_id).cloned();
                let of_duty = |delivery: &&Planned| matches!(&delivery.scope, Scope::Duty { id, .. } if id == duty_id);
                facts.deliveries = self.deliveries.values().filter(of_duty).cloned().collect();
            }
            EventData::Subscription(_) | EventData::Verification(_) => {}
        }
        facts
    }

    fn write(&mut self, plan: &Plan) {
        self.rejected.extend(plan.rejected.iter().map(|(reason, _)| *reason));
        for (alert_id, group) in &plan.unfollow {
            self.advance((alert_id.clone(), group.clone()), None);
        }
        for what in &plan.follow {
            self.advance((what.alert_id.clone(), what.group.clone()), Some(what.clone()));
        }
        if let Some(alert) = &plan.alert {
            self.alerts.insert(alert.id.clone(), alert.clone());
        }
        for (scope, _) in &plan.close {
            self.deliveries.values_mut().filter(|d| d.scope == *scope && d.state.is_pending()).for_each(|d| d.state = State::Cancelled);
        }
        let key = |r: &Responder| (r.alert_id.clone(), r.round, r.user_id);
        self.responders.retain(|known| !plan.released.iter().any(|released| key(released) == key(known)));
        for new in &plan.responders {
            match self.responders.iter_mut().find(|known| key(known) == key(new)) {
                Some(known) => known.clone_from(new),
                None => self.responders.push(new.clone()),
            }
        }
        for event in plan.content.iter().flat_map(|(_, events)| events) {
            self.contents.insert(event.clone(), plan.content.as_ref().unwrap().0.clone());
        }
        if let Some(duty) = &plan.duty {
            self.duties.insert(duty.id.clone(), duty.clone());
            let group = Group::Duty(duty.schedule.clone());
            self.follow_ups.values_mut().filter(|what| what.group == group).for_each(|what| what.due_at = s(0));
        }
        for (id, _) in &plan.cancel {
            if let Some(delivery) = self.deliveries.get_mut(id).filter(|delivery| delivery.state.is_pending()) {
                delivery.state = State::Cancelled;
            }
        }
        for new in &plan.update {
            let old = self.deliveries.get_mut(&new.id).filter(|delivery| delivery.state.is_pending());
            let Some(old) = old else { continue };
            if old.state != new.state && !old.state.may_become(new.state) {
                self.backward.push(format!("{} -> {}", old.state, new.state));
            }
            *old = Planned { scope: old.scope.clone(), user_id: old.user_id, purpose: old.purpose, ..new.clone() };
        }
        for new in &plan.insert {
            self.deliveries.entry(new.id.clone()).or_insert_with(|| new.clone());
        }
        self.unreachable.extend(plan.unreachable.iter().cloned());
    }

    /// What must hold after every step; the first thing that does not.
    pub fn broken(&self) -> Result<(), String> {
        if let Some(moved) = self.backward.first() {
            return Err(format!("a state moved backward: {moved}"));
        }
        for delivery in self.deliveries.values().filter(|delivery| delivery.state.is_pending()) {
            let Scope::Alert { id, round } = &delivery.scope else { continue };
            let open = self.responders.iter().any(|r| r.alert_id == *id && r.round == *round && r.user_id == delivery.user_id);
            let alert = self.alerts.get(id).ok_or_else(|| format!("a delivery of the alert {id}, which is not known"))?;
            if !open || alert.state != AlertState::Open {
                return Err(format!("pending after its alert was closed: {delivery:?}"));
            }
        }
        for what in self.follow_ups.values() {
            if self.alerts.get(&what.alert_id).is_none_or(|alert| alert.state != AlertState::Open) {
                return Err(format!("to be done about an alert that is closed: {what:?}"));
            }
        }
        let mut told = BTreeSet::new();
        let alive = self.deliveries.values().filter(|d| d.state != State::Cancelled && !d.is_unmet() && d.purpose == Purpose::Rule);
        for delivery in alive {
            for rule in &delivery.rules {
                if !told.insert((delivery.scope.clone(), delivery.user_id, *rule, delivery.repetition, delivery.device_id)) {
                    return Err(format!("rule {rule} is told twice, the second time by {delivery:?}"));
                }
            }
        }
        for responder in &self.responders {
            let scope = responder.scope();
            let mine = self.deliveries.values().filter(|d| d.scope == scope && d.user_id == responder.user_id);
            let hope = mine.into_iter().any(|d| d.state != State::Cancelled && !d.is_unmet());
            if !hope && !self.unreachable.contains(&(scope, responder.user_id)) {
                return Err(format!("user {} is silently unreachable", responder.user_id));
            }
        }
        Ok(())
    }
}

/// Whether the store reads what was planned for the alert.
fn is_changed(alert: &Alert, event: &Event, described: Option<&AlertData>) -> bool {
    event.is_follow_up() || !alert.is_settled_before(event) || alert.is_relabelled_by(event, described)
}
