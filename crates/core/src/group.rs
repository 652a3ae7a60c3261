//! Responders that stand for several people, and why somebody was named who was named through one.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::EventId;
use crate::reason::code_of;
use crate::time::Timestamp;

/// A responder that stands for several people. What begins with one of these prefixes names no user, whatever users are called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Group {
    /// The members of a topic.
    Topic(String),
    /// Whoever is on duty by a schedule.
    Duty(String),
    /// A list of the configuration, step by step until somebody accepts.
    Escalation(String),
}

impl Group {
    /// Reads `topic:NAME`, `duty:SCHEDULE` or `escalation:NAME`, the prefix in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let (prefix, rest) = name.trim_start().split_once(':')?;
        let rest = rest.trim();
        let make = match prefix.to_ascii_lowercase().as_str() {
            "topic" => Self::Topic,
            "duty" => Self::Duty,
            "escalation" => Self::Escalation,
            _ => return None,
        };
        (!rest.is_empty()).then(|| make(rest.to_owned()))
    }
}

/// How many of these names are groups.
pub fn how_many(names: &[String]) -> usize {
    names.iter().filter(|name| Group::parse(name).is_some()).count()
}

/// A text that names no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no group: it must begin with topic:, duty: or escalation:")]
pub struct NoGroup;

impl TryFrom<String> for Group {
    type Error = NoGroup;

    fn try_from(name: String) -> Result<Self, NoGroup> {
        Self::parse(&name).ok_or(NoGroup)
    }
}

impl From<Group> for String {
    fn from(group: Group) -> Self {
        group.to_string()
    }
}

/// As events name it.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic:{name}"),
            Self::Duty(name) => write!(f, "duty:{name}"),
            Self::Escalation(name) => write!(f, "escalation:{name}"),
        }
    }
}

/// What Watchbell itself does next about an open alert, because one of its events names a group that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowUp {
    pub alert_id: String,
    /// A schedule, to be looked at when its shifts change, or an escalation list.
    pub group: Group,
    /// The event that names it.
    pub event_id: EventId,
    /// From here the steps of a list count.
    pub base_at: Timestamp,
    /// Which one it is, from 1 on: of a list the steps after its first, of a schedule the looks.
    pub number: i64,
    pub due_at: Timestamp,
}

/// As what somebody was named who was not named by name: kept with each of their deliveries, as a [`Reason`](crate::reason::Reason)
/// is, and put into English where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedAs {
    /// A member of a topic.
    Member {
        topic: String,
    },
    OnDuty {
        schedule: String,
    },
    /// Whose shift began while the alert was open.
    NewOnDuty {
        schedule: String,
    },
    /// As nobody is on duty: whose shift begins next, or else who had the last one.
    Nearest {
        schedule: String,
    },
    /// In the place of a group that nobody is in.
    Fallback {
        of: String,
    },
    /// By a step of an escalation list, counted from 1 on through all its repetitions.
    Step {
        list: String,
        step: i64,
        named_as: Option<Box<NamedAs>>,
    },
    /// What a newer process wrote.
    #[serde(untagged)]
    Unknown(Value),
}

impl NamedAs {
    /// Reads what the store keeps; nothing is refused.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self::Unknown(Value::String(text.to_owned())))
    }
}

/// As it stands behind a reason: `as schedule primary`.
impl fmt::Display for NamedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { topic } => write!(f, "as member of topic {topic}"),
            Self::OnDuty { schedule } => write!(f, "as schedule {schedule}"),
            Self::NewOnDuty { schedule } => write!(f, "as schedule {schedule}, whose shift changed while the alert was open"),
            Self::Nearest { schedule } => write!(f, "as next or last of schedule {schedule}, by which nobody is on duty"),
            Self::Fallback { of } => write!(f, "as fallback of {of}"),
            Self::Step { list, step, named_as } => {
                write!(f, "by step {step} of escalation {list}")?;
                named_as.as_ref().map_or(Ok(()), |named_as| write!(f, ", {named_as}"))
            }
            Self::Unknown(written) => f.write_str(code_of(written)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn a_prefix_says_what_stands_for_several_people() {
        let table = [
            ("duty:primary", Some("duty:primary")),
            (" Duty: Primary EU ", Some("duty:Primary EU")),
            ("TOPIC:ops:eu", Some("topic:ops:eu")),
            ("escalation:db", Some("escalation:db")),
            ("duty:", None),
            ("duty", None),
            ("user:7", None),
            ("team:ops", None),
            ("cn:duty:primary", None),
        ];
        for (name, read) in table {
            assert_eq!(Group::parse(name).map(|group| group.to_string()).as_deref(), read, "{name}");
        }
    }

    #[test]
    fn why_somebody_was_named_is_kept_as_data_and_shown_as_words() {
        let on_duty = NamedAs::OnDuty { schedule: "primary".to_owned() };
        let step = NamedAs::Step { list: "db".to_owned(), step: 2, named_as: Some(Box::new(on_duty.clone())) };
        let table = [
            (on_duty, r#"{"on_duty":{"schedule":"primary"}}"#, "as schedule primary"),
            (
                step,
                r#"{"step":{"list":"db","step":2,"named_as":{"on_duty":{"schedule":"primary"}}}}"#,
                "by step 2 of escalation db, as schedule primary",
            ),
            (NamedAs::Unknown(serde_json::json!({"as_moon": {}})), r#"{"as_moon":{}}"#, "as_moon"),
        ];
        for (named_as, kept, shown) in table {
            assert_eq!((serde_json::to_string(&named_as).unwrap().as_str(), named_as.to_string().as_str()), (kept, shown));
            assert_eq!(NamedAs::read(kept), named_as);
        }
    }
}
