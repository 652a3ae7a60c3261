//! The facts that the planner decides from, and the plan that it answers with.

pub mod content;
pub mod history;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};
use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::decode::RejectReason;
use watchbell_core::delivery::{Purpose, State};
use watchbell_core::device::Device;
pub use watchbell_core::event::AlertState;
use watchbell_core::event::{AlertData, DutyStatus, Event, EventData, Occurrence, Priority, SubscriptionData};
use watchbell_core::preference::{Preference, Switches};
use watchbell_core::rule::conditions::Shift;
use watchbell_core::rule::{Rule, Trigger};
use watchbell_core::user::User;
use watchbell_core::{
    Channel, ContactId, Decision, DeliveryId, DeviceId, EventId, FollowUp, Group, NamedAs, Reason, RuleId, Timestamp, UserId,
};

use crate::silences::Silence;

/// Decides what becomes of events and changes. Pure: the same facts at the same time give the same plan.
pub trait Planner: Send + Sync + std::fmt::Debug {
    /// Names that an event stands for beside those that it uses: what is behind the groups that it names.
    fn behind(&self, event: &Event) -> BTreeSet<String>;

    /// What one event changes.
    fn plan(&self, event: &Event, facts: &Facts, now: Timestamp) -> Plan;

    /// What a subscription event changes for a chunk of its topic's members.
    fn plan_members(
        &self,
        event_id: &EventId,
        data: &SubscriptionData,
        base_at: Timestamp,
        members: &HashMap<UserId, Arc<Policy>>,
        default_channels: &[Channel],
        now: Timestamp,
    ) -> Plan;

    /// What a change of the user's rules, contacts, devices or settings changes in the deliveries that were not sent yet.
    fn replan(&self, facts: &UserFacts, now: Timestamp) -> Plan;

    /// How old an alert of which nothing is pending may be for a change of this user to matter for it.
    fn reach(&self, policy: &Policy) -> Reach;

    /// The event by which something is done about an alert; None where its list is not configured any more.
    fn follow_up(&self, what: &FollowUp, now: Timestamp) -> Option<Event>;

    /// What is to be done after that, if anything.
    fn next(&self, done: &FollowUp) -> Option<FollowUp>;

    /// What becomes of an open alert of which nothing has been heard for very long.
    fn close(&self, alert: &Alert, now: Timestamp) -> Plan;
}

/// How far back a change of a user can matter for an open alert, by its base time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Seconds: the longest delay of a rule. The time of every step of an older alert has passed.
    pub steps_s: i64,
    /// Seconds within which a user whom the alert did not reach may still be told of it.
    pub unreached_s: i64,
}

/// What one event is planned from. It is read, and locked, in the transaction that writes the plan.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The alert that the event is about, if it is known.
    pub alert: Option<Alert>,
    /// The duty that the event is about, if it is known.
    pub duty: Option<Duty>,
    /// For a duty: its deliveries, whatever their state. For an alert that is not settled before the event: those of
    /// the rounds that its history knows.
    pub deliveries: Vec<Planned>,
    /// The users whom the event names, by the name that it uses. A name that is missing here is nobody's. A name can be one user's
    /// external id and another one's number or `U…` id; then it means both.
    pub names: HashMap<String, Vec<UserId>>,
    /// Who is in the groups that the event names, or that stand behind those.
    pub groups: HashMap<Group, Members>,
    /// What the first event of the alert says, as long as that is all that its messages are rendered from. It is there for an alert
    /// event, and wherever a policy has conditions on labels.
    pub described: Option<AlertData>,
    /// The policies of those users and of everybody in the alert's history.
    pub policies: HashMap<UserId, Arc<Policy>>,
    /// Where events of the event's category go without any rule.
    pub default_channels: Vec<Channel>,
}

impl Facts {
    /// The policy of the first user whom the name means.
    pub fn policy(&self, named: &str) -> Option<&Arc<Policy>> {
        self.names.get(named)?.first().and_then(|id| self.policies.get(id))
    }
}

/// Who is in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// In order of id, as many as an event tells.
    pub users: Vec<UserId>,
    /// How many more there are.
    pub beyond: i64,
    /// Of a schedule by which nobody is on duty: whose shift begins next, or else who had the last one.
    pub nearest: Vec<UserId>,
    /// Of a schedule: when the next of its shifts begins.
    pub next_at: Option<Timestamp>,
}

/// What of a user has changed, so that they are planned anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// What they have said: it counts from now on.
    Settings,
    /// The shifts that their rules ask for: what is known of these may come late.
    Shifts,
}

/// What a user's deliveries that were not sent yet are planned anew from.
#[derive(Clone, Debug)]
pub struct UserFacts {
    pub changed: Changed,
    pub policy: Arc<Policy>,
    /// Open alerts that the user is a responder of and for which the change may matter, with what they are planned from.
    pub responders: Vec<(Alert, Responder)>,
    /// The user's shifts that have not ended.
    pub duties: Vec<Duty>,
    /// Deliveries of those alerts' rounds and duties, whatever their state, and all others that are pending.
    pub deliveries: Vec<Planned>,
    /// Where events of those deliveries' categories go without any rule.
    pub default_channels: HashMap<String, Vec<Channel>>,
    /// What the events of those alerts say that only one event describes, if the policy has conditions on labels.
    pub described: HashMap<EventId, AlertData>,
}

/// Everything that a user has said about how to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub user: User,
    /// In order of id.
    pub contacts: Vec<Contact>,
    pub devices: Vec<Device>,
    pub rules: Vec<Rule>,
    /// What is explicitly set; the default first.
    pub preferences: Vec<Preference>,
    pub switches: Switches,
    /// The user's shifts that have not ended long ago, if a rule asks for them.
    pub shifts: Vec<Shift>,
}

impl Policy {
    /// The policy of a user who has set nothing.
    pub fn of(user: User) -> Self {
        Self {
            user,
            contacts: Vec::new(),
            devices: Vec::new(),
            rules: Vec::new(),
            preferences: Vec::new(),
            switches: Switches::default(),
            shifts: Vec::new(),
        }
    }

    /// The contact that a rule means: the one it names, else the primary one, else the first OK one, else the first.
    ///
    /// A Telegram rule may name a phone contact, but a bot can only write to a chat that the user opened, so the rule means that chat.
    pub fn contact_for(&self, kind: ContactKind, named: Option<ContactId>) -> Option<&Contact> {
        let of_kind = || self.contacts.iter().filter(move |contact| contact.kind == kind);
        let named = named.and_then(|id| of_kind().find(|contact| contact.id == id));
        let usable = |contact: &&Contact| contact.status == ContactStatus::Ok;
        named
            .or_else(|| of_kind().find(|contact| contact.primary && usable(contact)))
            .or_else(|| of_kind().find(usable))
            .or_else(|| of_kind().next())
    }

    /// Whether a rule has conditions on an alert's labels.
    pub fn asks_for_labels(&self) -> bool {
        self.rules.iter().any(|rule| !rule.when.labels.is_empty())
    }

    /// Whether a rule counts only while the user is on duty.
    pub fn asks_for_shifts(&self) -> bool {
        self.rules.iter().any(|rule| rule.when.on_duty.is_some())
    }
}

/// An alert as it is known. It is known from its first event on, even if that is an update.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub id: String,
    pub state: AlertState,
    pub priority: Priority,
    pub summary: String,
    pub url: Option<String>,
    pub category: Option<String>,
    /// The last round in which somebody was told; 0 before the first.
    pub round: i64,
    /// The first round that a new responder may join: of the rounds before it the responders may have been dropped from the history.
    pub since_round: i64,
    /// The event that the messages are rendered from.
    pub event_id: EventId,
    /// What its events say since it was last resolved, where more than one event says something.
    pub content: Option<content::Content>,
    /// Its events in the order in which they happened, as far as they still matter.
    pub history: Vec<history::Happened>,
}

impl Alert {
    /// Whether the event can change existing deliveries only by closing whole rounds, so that they need not be read one by one. That is
    /// so if everything known happened before the event, an alert event has said what the alert is about, and the event cannot raise
    /// it from LOW to HIGH.
    pub fn is_settled_before(&self, event: &Event) -> bool {
        use history::What::Alert;
        let occurrence = &event.occurrence;
        let may_raise = matches!(&event.data, EventData::Alert(data) if data.priority != Some(Priority::Low));
        let is_raised = |happened: &history::Happened| matches!(happened.what, Alert { priority: Priority::Low, .. });
        if may_raise && self.history.iter().any(is_raised) {
            return false;
        }
        let is_described = self.history.iter().any(|happened| matches!(happened.what, Alert { .. }));
        let is_before = |known: &history::Happened| known.place() < occurrence.place() && !occurrence.is_surely_before(&known.at);
        is_described && self.history.iter().all(is_before)
    }

    /// The labels that its events have said; `described` is what its first one says, as long as no other says anything. None where that
    /// cannot be read any more.
    pub fn labels(&self, described: Option<&AlertData>) -> Option<Map<String, Value>> {
        match &self.content {
            Some(content) => Some(content.labels().cloned().unwrap_or_default()),
            None => described.map(|data| data.labels.clone()),
        }
    }

    /// Whether an event says other labels than are known, so that conditions may hold that did not, or the other way round.
    pub fn is_relabelled_by(&self, event: &Event, described: Option<&AlertData>) -> bool {
        let EventData::Alert(data) = &event.data else { return false };
        !data.labels.is_empty() && self.labels(described).as_ref() != Some(&data.labels)
    }
}

/// A user who is told of an open alert, in one round of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Responder {
    pub alert_id: String,
    pub round: i64,
    pub user_id: UserId,
    /// From here delays count.
    pub base_at: Timestamp,
    /// The event whose plan the responder's deliveries are.
    pub event_id: EventId,
}

impl Responder {
    /// What the responder's deliveries belong to.
    pub fn scope(&self) -> Scope {
        Scope::Alert { id: self.alert_id.clone(), round: self.round }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Duty {
    pub id: String,
    pub user_id: UserId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub schedule: String,
    pub status: DutyStatus,
    /// When the event happened that last said so.
    pub occurrence: Occurrence,
    pub event_id: EventId,
}

/// A delivery as the planner sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub id: DeliveryId,
    pub scope: Scope,
    pub event_id: EventId,
    /// The alert that it is about.
    pub alert_id: Option<String>,
    /// The category of what it tells of.
    pub category: Option<String>,
    pub user_id: UserId,
    pub purpose: Purpose,
    pub trigger: Trigger,
    pub channel: Channel,
    pub contact_id: Option<ContactId>,
    pub device_id: Option<DeviceId>,
    /// Masked.
    pub address: String,
    pub rules: Vec<RuleId>,
    pub critical: bool,
    pub due_at: Timestamp,
    /// When a delivery that is held becomes ready, or one that failed is tried again.
    pub ready_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub state: State,
    pub reason: Option<Reason>,
    /// Made due sooner than its rule says, because an earlier step failed.
    pub expedited: bool,
    pub attempts: i64,
    /// The period of the digest that it is held for: [`HOURLY`] or [`DAILY`].
    pub collect: Option<String>,
    /// As what its user was named, where that was not by name.
    pub named_as: Option<NamedAs>,
    /// How often its step was to be told before, because nobody accepted.
    pub repetition: i64,
}

/// Collected into one mail an hour.
pub const HOURLY: &str = "hourly";
/// Collected into one mail a day.
pub const DAILY: &str = "daily";

impl Planned {
    /// What the store finds it by: see [`Scope::subject`]. A message about an alert's update belongs to its event, but is found with the
    /// alert.
    pub fn subject(&self) -> String {
        self.alert_id.as_ref().map_or_else(|| self.scope.subject(), |id| Scope::subject_of_alert(id))
    }

    /// Whether it is not sent because a condition of its rule does not hold: it stands there to say so, and for nothing else.
    pub fn is_unmet(&self) -> bool {
        self.state == State::Suppressed && matches!(self.reason, Some(Reason::RuleWants { .. }))
    }
}

/// What a delivery belongs to. Within one scope each rule has one delivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Alert { id: String, round: i64 },
    Duty { id: String, starts_at: Timestamp },
    Event(EventId),
}

impl Scope {
    /// The text that the store keeps, and that delivery ids are derived from.
    pub fn key(&self) -> String {
        match self {
            Self::Alert { id, round } => format!("alert:{round}:{id}"),
            Self::Duty { id, starts_at } => format!("duty:{}:{id}", starts_at.as_millis()),
            Self::Event(id) => format!("event:{id}"),
        }
    }

    /// What it is about, whatever the round or the start: `alert:ID`, `duty:ID`, or `event:ID` for what is about nothing else.
    pub fn subject(&self) -> String {
        match self {
            Self::Alert { id, .. } => Self::subject_of_alert(id),
            Self::Duty { id, .. } => Self::subject_of_duty(id),
            Self::Event(id) => format!("event:{id}"),
        }
    }

    pub(crate) fn subject_of_alert(id: &str) -> String {
        format!("alert:{id}")
    }

    /// The alert that a subject is about.
    pub(crate) fn alert_of_subject(subject: &str) -> Option<&str> {
        subject.strip_prefix("alert:")
    }

    pub(crate) fn subject_of_duty(id: &str) -> String {
        format!("duty:{id}")
    }

    /// Reads what [`Scope::key`] wrote.
    pub fn parse(key: &str) -> Option<Self> {
        let (kind, rest) = key.split_once(':')?;
        if kind == "event" {
            return Some(Self::Event(EventId(rest.to_owned())));
        }
        let (number, id) = rest.split_once(':')?;
        let number: i64 = number.parse().ok()?;
        match kind {
            "alert" => Some(Self::Alert { id: id.to_owned(), round: number }),
            "duty" => Some(Self::Duty { id: id.to_owned(), starts_at: Timestamp::from_millis(number) }),
            _ => None,
        }
    }
}

/// What the planner wants written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The alert as it is from now on.
    pub alert: Option<Alert>,
    /// Responders to be added, or written anew (same alert, round and user).
    pub responders: Vec<Responder>,
    /// Responders who are not paged any more.
    pub released: Vec<Responder>,
    /// Cancel all that is pending in these scopes.
    pub close: Vec<(Scope, Reason)>,
    pub duty: Option<Duty>,
    pub insert: Vec<Planned>,
    /// Pending deliveries that change: everything but id, scope, user and state history is written.
    pub update: Vec<Planned>,
    pub cancel: Vec<(DeliveryId, Reason)>,
    /// Whose earliest step of that scope that waits is due now, and why.
    pub expedite: Option<(Scope, UserId, Reason)>,
    /// Users whom nothing that was planned can reach, by scope.
    pub unreachable: Vec<(Scope, UserId)>,
    /// The event's data as it shall be kept for rendering, where the plan adds to it.
    pub data: Option<watchbell_core::event::EventData>,
    /// What is to be done next about the alert, in the place of what was to be done for the same group.
    pub follow: Vec<FollowUp>,
    /// Groups of the alert for which nothing is to be done any more.
    pub unfollow: Vec<(String, Group)>,
    /// What the messages of an alert say from now on, and the events whose messages these are.
    pub content: Option<(content::Content, BTreeSet<EventId>)>,
    /// What becomes of the tool that the alert came from, where it is to be silent while somebody has the alert.
    pub silence: Option<Silence>,
    /// The topic whose members are planned in chunks after the event is committed.
    pub fan_out: Option<String>,
    /// What was decided about the event as a whole, where that is worth telling.
    pub decision: Option<Decision>,
    /// Names that the event uses and nobody has.
    pub unknown_users: Vec<String>,
    /// For what the event is kept as a dead letter as well, each with a sentence.
    pub rejected: Vec<(RejectReason, String)>,
    /// What else is to be noted on the event; each is a sentence.
    pub notes: Vec<String>,
}
