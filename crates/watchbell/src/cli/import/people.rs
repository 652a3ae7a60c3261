//! People of another system in an import's words, and what cannot be said in them.

use std::fmt::{self, Display};

use watchbell_core::Channel;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::user::parse_timezone;
use watchbell_wire::transfer::{RuleKind, TransferAddress, TransferContact, TransferRule, TransferStep, TransferUser};

/// Everybody who was read so far.
#[derive(Debug, Default)]
pub struct People {
    pub users: Vec<TransferUser>,
    /// A line each.
    pub problems: Vec<String>,
}

impl People {
    pub fn not_taken(&mut self, what: impl Display) {
        self.problems.push(format!("not taken over: {what}"));
    }

    /// Somebody who is known there by `id`; they are among the users as soon as they are finished.
    pub fn person(&mut self, id: &str, username: &str) -> Person<'_> {
        let user = TransferUser { external_id: id.to_owned(), username: Some(username.to_owned()), ..TransferUser::default() };
        Person { all: self, user, contacts: Vec::new(), rules: Vec::new(), name: username.to_owned() }
    }
}

/// Where a contact leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub kind: ContactKind,
    pub target: String,
}

/// One of them, while they are read.
#[derive(Debug)]
pub struct Person<'p> {
    all: &'p mut People,
    user: TransferUser,
    contacts: Vec<(Address, ContactStatus)>,
    rules: Vec<TransferRule>,
    name: String,
}

impl Person<'_> {
    pub fn not_taken(&mut self, what: impl Display) {
        self.all.problems.push(format!("{}: not taken over: {what}", self.name));
    }

    /// A zone that is none is named; then it is UTC.
    pub fn timezone(&mut self, zone: Option<&str>) {
        let Some(zone) = zone.filter(|zone| !zone.is_empty()) else { return };
        if parse_timezone(zone).is_ok() {
            self.user.timezone = Some(zone.to_owned());
        } else {
            self.not_taken(format_args!("the time zone {zone}, which is none; it is UTC"));
        }
    }

    /// A number that stands there twice, for calls and for messages, is one contact, and the stricter status counts.
    pub fn contact(&mut self, address: Address, status: ContactStatus) {
        let strictness = |status: ContactStatus| ContactStatus::ALL.iter().position(|known| *known == status);
        match self.contacts.iter_mut().find(|(there, _)| *there == address) {
            Some((_, before)) if strictness(*before) < strictness(status) => *before = status,
            Some(_) => {}
            None => self.contacts.push((address, status)),
        }
    }

    pub fn rule(&mut self, what: What, channel: Channel, address: Address) {
        let (delay_min, before_min) = match what {
            What::Alert { delay_min, .. } => (Some(delay_min), None),
            What::Duty { before_min } => (None, Some(before_min)),
            What::Update(_) => (None, None),
        };
        let (kind, trigger) = match what {
            What::Alert { is_high: true, .. } => (RuleKind::Alerts, "HIGH_PRIORITY"),
            What::Alert { is_high: false, .. } => (RuleKind::Alerts, "LOW_PRIORITY"),
            What::Duty { .. } => (RuleKind::Duties, "ON_CALL"),
            What::Update(Update::Accepted) => (RuleKind::Updates, "ALERT_ACCEPTED"),
            What::Update(Update::Resolved) => (RuleKind::Updates, "ALERT_RESOLVED"),
        };
        self.rules.push(TransferRule {
            kind: kind.into(),
            method: channel.as_str().to_uppercase(),
            trigger: Some(trigger.to_owned()),
            delay_min,
            before_min,
            contact: Some(TransferAddress { kind: address.kind.into(), target: address.target }),
        });
    }

    /// A step of an `OnCall` chain.
    pub fn step(&mut self, step: TransferStep) {
        self.user.chains.get_or_insert_default().push(step);
    }

    pub fn finish(self) {
        let contacts = self.contacts.into_iter().map(|(Address { kind, target }, status)| TransferContact {
            kind: kind.into(),
            target,
            region_code: None,
            primary: None,
            status: (status != ContactStatus::Ok).then(|| status.into()),
        });
        let contacts = Some(contacts.collect());
        self.all.users.push(TransferUser { contacts, rules: (!self.rules.is_empty()).then_some(self.rules), ..self.user });
    }
}

/// What a rule is about.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Alert { is_high: bool, delay_min: i64 },
    Duty { before_min: i64 },
    Update(Update),
}

#[derive(Clone, Copy, Debug)]
pub enum Update {
    Accepted,
    Resolved,
}

impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alert { is_high: true, delay_min } => write!(f, "HIGH, after {delay_min} min"),
            Self::Alert { is_high: false, delay_min } => write!(f, "LOW, after {delay_min} min"),
            Self::Duty { before_min } => write!(f, "{before_min} min before a shift"),
            Self::Update(Update::Accepted) => f.write_str("an alert is accepted"),
            Self::Update(Update::Resolved) => f.write_str("an alert is resolved"),
        }
    }
}
