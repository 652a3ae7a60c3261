//! What a rule says, as our own surface and imports write it: the trigger, the way, the time, and the conditions.

use std::slice;

use serde_json::Value;
use watchbell_core::contact::ContactKind;
use watchbell_core::event::Priority;
use watchbell_core::rule::conditions::{Conditions, LabelCondition, LabelWants, OnDuty};
use watchbell_core::rule::pattern::Pattern;
use watchbell_core::rule::{Repeat, Rule, Surface, Trigger};
use watchbell_core::{Channel, ContactId};
use watchbell_store::directory::NewRule;
use watchbell_wire::rules::RuleTerms;

use super::Fields;
use super::person::{self, NAME};
use crate::problem::Problem;

/// Minutes after an alert until which a rule may tell, repetitions included: steps of alerts matter for a day.
const MOST_DELAY_MIN: i64 = 1_440;

/// Minutes before a shift at which a rule may tell.
const MOST_BEFORE_MIN: i64 = 10_080;

const MOST_TIMES: i64 = 20;

/// Conditions on labels that one rule may have, and other entries of one condition.
const MOST_LABELS: usize = 10;
const MOST_ENTRIES: usize = 50;

/// Characters of a label's value.
const VALUE: std::ops::RangeInclusive<usize> = 0..=1_024;

/// What a rule says, but for its contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub trigger: Trigger,
    pub channel: Channel,
    pub offset_s: i64,
    pub critical: bool,
    pub when: Conditions,
    pub repeat: Option<Repeat>,
}

impl Said {
    /// Whether a rule says just this, by whatever surface it was made.
    pub fn is_said_by(&self, rule: &Rule) -> bool {
        let said = |rule: &Rule| (rule.trigger, rule.channel, rule.offset_s, rule.critical, rule.repeat);
        said(rule) == (self.trigger, Some(self.channel), self.offset_s, self.critical, self.repeat) && rule.when == self.when
    }

    /// As a rule of our own surface.
    pub fn into_rule(self, contact_id: Option<ContactId>, contact_kinds: &'static [ContactKind]) -> NewRule {
        NewRule {
            surface: Surface::Watchbell,
            trigger: self.trigger,
            channel: Some(self.channel),
            contact_id,
            contact_kinds,
            offset_s: self.offset_s,
            position: None,
            critical: self.critical,
            public_id: None,
            when: self.when,
            repeat: self.repeat,
        }
    }
}

pub(crate) fn read(fields: &mut Fields) -> Result<Said, Problem> {
    fields.refuse_null(&["delayMin", "beforeMin", "when", "repeatEveryMin", "repeatTimes"])?;
    let triggers: Vec<(&str, Trigger)> = Trigger::ALL.iter().map(|trigger| (trigger.as_str(), *trigger)).collect();
    let channels: Vec<(&str, Channel)> = Channel::ALL.iter().map(|channel| (channel.as_str(), *channel)).collect();
    let trigger = fields.required_choice("trigger", &triggers)?;
    let channel = fields.required_choice("channel", &channels)?;
    let critical = fields.boolean("critical")?.unwrap_or(false);
    let offset_min = match trigger {
        Trigger::AlertHigh | Trigger::AlertLow => fields.integer("delayMin", &(0..=MOST_DELAY_MIN))?.unwrap_or(0),
        Trigger::Duty => fields.integer("beforeMin", &(0..=MOST_BEFORE_MIN))?.unwrap_or(0),
        Trigger::Accepted | Trigger::Resolved | Trigger::Escalated | Trigger::Subscription => 0,
    };
    let repeat = if is_alerts(trigger) { repeat(fields, offset_min)? } else { None };
    let own: &[&str] = if is_alerts(trigger) { &["delayMin", "repeatEveryMin", "repeatTimes"] } else { &[] };
    let own = if trigger == Trigger::Duty { &["beforeMin"] } else { own };
    for field in ["delayMin", "beforeMin", "repeatEveryMin", "repeatTimes"].iter().filter(|field| !own.contains(field)) {
        if fields.is_given(field) {
            let right = format!("rules for {trigger} tell once, at their own time; leave it out");
            return Err(fields.invalid(field, "is given", &right));
        }
    }
    let when = match fields.object("when")? {
        Some(when) => conditions(when, trigger)?,
        None => Conditions::default(),
    };
    Ok(Said { trigger, channel, offset_s: offset_min * 60, critical, when, repeat })
}

fn is_alerts(trigger: Trigger) -> bool {
    matches!(trigger, Trigger::AlertHigh | Trigger::AlertLow)
}

fn repeat(fields: &mut Fields, delay_min: i64) -> Result<Option<Repeat>, Problem> {
    let every_min = fields.integer("repeatEveryMin", &(1..=MOST_DELAY_MIN))?;
    let times = fields.integer("repeatTimes", &(1..=MOST_TIMES))?;
    let (every_min, times) = match (every_min, times) {
        (None, None) => return Ok(None),
        (Some(every_min), Some(times)) => (every_min, times),
        (None, Some(_)) => return Err(fields.invalid("repeatEveryMin", "is missing", "it must say after how many minutes to tell again")),
        (Some(_), None) => {
            return Err(fields.invalid(
                "repeatTimes",
                "is missing",
                &format!("it must say how often to tell again: 1 to {MOST_TIMES} times"),
            ));
        }
    };
    let last_min = delay_min + every_min * times;
    if last_min > MOST_DELAY_MIN {
        let wrong = format!("is {times}, so that it would still tell {last_min} minutes after the alert");
        return Err(fields.invalid(
            "repeatTimes",
            &wrong,
            &format!("delayMin + repeatEveryMin × repeatTimes must be at most {MOST_DELAY_MIN}"),
        ));
    }
    Ok(Some(Repeat { every_s: every_min * 60, times }))
}

fn conditions(mut fields: Fields, trigger: Trigger) -> Result<Conditions, Problem> {
    let knows: &[&str] = match trigger {
        Trigger::AlertHigh | Trigger::AlertLow => &["labels", "categories", "hours", "onDuty"],
        Trigger::Accepted | Trigger::Resolved | Trigger::Escalated => &["labels", "categories", "priority", "hours", "onDuty"],
        Trigger::Subscription => &["categories", "hours", "onDuty"],
        Trigger::Duty => &["hours"],
    };
    for field in ["labels", "categories", "priority", "hours", "onDuty"].iter().filter(|field| !knows.contains(field)) {
        if fields.take(field).is_some() {
            let right = format!("conditions of rules for {trigger} are {}", knows.join(", "));
            return Err(fields.invalid(field, "is no condition here", &right));
        }
    }
    let priorities: Vec<(&str, Priority)> = Priority::ALL.iter().map(|priority| (priority.as_str(), *priority)).collect();
    let conditions = Conditions {
        labels: labels(&mut fields)?,
        categories: texts(&mut fields, "categories", &NAME)?.unwrap_or_default(),
        priority: fields.choice("priority", &priorities)?,
        hours: person::hours(&mut fields, "hours")?,
        on_duty: match fields.object("onDuty")? {
            None => None,
            Some(mut on_duty) => {
                let schedule = on_duty.text("schedule", &NAME)?;
                on_duty.finish()?;
                Some(OnDuty { schedule })
            }
        },
    };
    fields.finish()?;
    Ok(conditions)
}

fn labels(fields: &mut Fields) -> Result<Vec<LabelCondition>, Problem> {
    let mut labels: Vec<LabelCondition> = Vec::new();
    for (at, entry) in fields.array("labels", MOST_LABELS)?.unwrap_or_default().into_iter().enumerate() {
        let place = fields.name(&format!("labels[{at}]"));
        let Value::Object(members) = entry else {
            return Err(Problem::invalid(&place, "is no object", r#"it must be such as {"label":"team","equals":"db"}"#));
        };
        let mut entry = Fields::within(&place, members);
        let label = entry.required_text("label", &NAME)?;
        if labels.iter().any(|known| known.label == label) {
            return Err(entry.invalid(
                "label",
                "names a label for the second time",
                "one condition a label is taken; oneOf has several values",
            ));
        }
        let wants = wants(&mut entry)?;
        entry.finish()?;
        labels.push(LabelCondition { label, wants });
    }
    Ok(labels)
}

fn wants(entry: &mut Fields) -> Result<LabelWants, Problem> {
    const RIGHT: &str = "it must have one of equals, oneOf and matches beside label";
    let equals = entry.text("equals", &VALUE)?.map(LabelWants::Equals);
    let one_of = texts(entry, "oneOf", &VALUE)?;
    if one_of.as_ref().is_some_and(Vec::is_empty) {
        return Err(entry.invalid("oneOf", "is empty", "it must have the values that will do"));
    }
    let matches = match entry.text("matches", &(0..=usize::MAX))? {
        None => None,
        Some(text) => Some(Pattern::parse(&text).map_err(|error| entry.invalid("matches", "cannot be used", &error.to_string()))?),
    };
    let mut given = [equals, one_of.map(LabelWants::OneOf), matches.map(LabelWants::Matches)].into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(wants), None) => Ok(wants),
        (None, _) => Err(entry.invalid("equals", "is missing", RIGHT)),
        (Some(_), Some(_)) => Err(entry.invalid("equals", "is not the only one", RIGHT)),
    }
}

fn texts(fields: &mut Fields, field: &str, chars: &std::ops::RangeInclusive<usize>) -> Result<Option<Vec<String>>, Problem> {
    let Some(entries) = fields.array(field, MOST_ENTRIES)? else { return Ok(None) };
    let read = |entry: Value| match entry {
        Value::String(text) if chars.contains(&text.chars().count()) && !text.chars().any(char::is_control) => Ok(text),
        _ => {
            let right = format!("each must be a text of {} to {} characters without control characters", chars.start(), chars.end());
            Err(fields.invalid(field, "has an entry that cannot be used", &right))
        }
    };
    entries.into_iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// The kinds of contact that rules may name. A Telegram rule may name the phone, as ilert's do, and goes to the linked chat.
pub(crate) fn contact_kinds(channel: Channel) -> &'static [ContactKind] {
    if channel == Channel::Telegram {
        return &[ContactKind::Telegram, ContactKind::Phone];
    }
    let kind = ContactKind::for_channel(channel);
    ContactKind::ALL.iter().find(|known| Some(**known) == kind).map(slice::from_ref).unwrap_or_default()
}

/// When a rule tells, and if, as it is written. `offset_s` is the one at which it fires.
pub(crate) fn terms(rule: &Rule, offset_s: i64) -> RuleTerms {
    let minutes = Some(offset_s / 60);
    RuleTerms {
        delay_min: minutes.filter(|_| is_alerts(rule.trigger)),
        before_min: minutes.filter(|_| rule.trigger == Trigger::Duty),
        critical: Some(rule.critical).filter(|critical| *critical),
        when: Some(rule.when.clone()).filter(|when| !when.is_empty()),
        repeat_every_min: rule.repeat.map(|repeat| repeat.every_s / 60),
        repeat_times: rule.repeat.map(|repeat| repeat.times),
    }
}
