//! What was decided about an event as a whole, where that is worth telling: a code with arguments, kept and shown as a
//! [`Reason`](crate::reason::Reason) is.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::AlertState;
use crate::reason::code_of;
use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    // Of an alert event.
    /// By an event that happened when this one did, or after it.
    AlreadyClosed {
        how: AlertState,
    },
    AlreadyAccepted,
    OpensRound {
        round: i64,
    },
    RaisesToHigh,
    NamesNobody,
    EverybodyToldAlready,

    // Of an update.
    RoundIsOver,
    ClosedLater {
        how: AlertState,
    },
    NothingToAccept,
    NobodyCalledIn,
    OpenedAgainLater,
    /// Of what Watchbell itself does while nobody has accepted.
    FollowUpNotNeeded,
    NobodyToCallIn,

    // Of a duty.
    UserUnknown,
    NewerEventKnown,
    ShiftHasBegun,
    NoRuleForShifts,
    HappenedAfterBegin,

    // What explains it to one user, for whom nothing was planned.
    NothingWouldBePlanned,
    NothingPlanned,
    /// Or nothing that the user has set asks for it.
    NotNamedOrNotAsked,
    AlertUnknown,
    ToldByAnotherEvent,
    AlertClosed {
        how: AlertState,
        at: Timestamp,
        is_named: bool,
    },
    NoRuleAndNoFallback,
    NotNamedByEvent,
    NotNamedByAlert,

    /// What a newer process wrote.
    #[serde(untagged)]
    Unknown(Value),
}

impl Decision {
    /// Reads what the store keeps; nothing is refused.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self::Unknown(Value::String(text.to_owned())))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyClosed { how } => {
                return write!(f, "nothing planned: the alert was {how} at or after the time of this event");
            }
            Self::AlreadyAccepted => "nothing planned: somebody has accepted the alert",
            Self::OpensRound { round } => return write!(f, "opens round {round} of an alert that had been resolved"),
            Self::RaisesToHigh => "raises the alert to HIGH: everybody who is told of it gets their steps for HIGH alerts",
            Self::NamesNobody => "nothing planned: it names nobody who exists",
            Self::EverybodyToldAlready => "nothing new is planned: everybody whom it names is told of the alert already",

            Self::RoundIsOver => "nothing to do: the round that this answers is over",
            Self::ClosedLater { how } => return write!(f, "nothing to do: the alert was {how} after the time of this event"),
            Self::NothingToAccept => "nothing to do: the alert is resolved",
            Self::NobodyCalledIn => "nobody is called in: the alert is resolved",
            Self::OpenedAgainLater => "changes nothing: the alert was opened again after the time of this event",

            Self::FollowUpNotNeeded => "nothing to do: nobody waits for the next step of the alert any more",
            Self::NobodyToCallIn => "nobody is called in: whoever it names is being told",

            Self::UserUnknown => "nothing planned: nobody has the name that it uses",
            Self::NewerEventKnown => "nothing planned: a newer event of this duty is known",
            Self::ShiftHasBegun => "nothing planned: the shift has begun",
            Self::NoRuleForShifts => "nothing planned: the user has no rule for shifts",
            Self::HappenedAfterBegin => "nothing planned: the event says that it happened after the shift began",

            Self::NothingWouldBePlanned => "nothing would be planned for this user",
            Self::NothingPlanned => "nothing was planned for this user",
            Self::NotNamedOrNotAsked => {
                "nothing was planned for this user: the event does not name them, or nothing that they have set asks for it"
            }
            Self::AlertUnknown => "nothing was planned for this user: no event of this alert is known",
            Self::ToldByAnotherEvent => {
                "nothing was planned for this user by this event: another event of the alert names them as well, and they are told once"
            }
            Self::AlertClosed { how, at, is_named } => {
                let whom = if *is_named { "" } else { ", and no event of it names them" };
                return write!(f, "nothing was planned for this user: the alert was {how} at {at}{whom}");
            }
            Self::NoRuleAndNoFallback => {
                "nothing was planned for this user: no rule of theirs asks for it, and there is no fallback email for them"
            }
            Self::NotNamedByEvent => "nothing was planned for this user: the event does not name them",
            Self::NotNamedByAlert => "nothing was planned for this user: no event of this alert names them",

            Self::Unknown(written) => code_of(written),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn a_decision_is_kept_as_a_code_with_arguments_and_shown_as_a_sentence() {
        let at = Timestamp::from_millis(1_000);
        let table = [
            (Decision::AlreadyAccepted, r#""already_accepted""#, "nothing planned: somebody has accepted the alert"),
            (
                Decision::AlertClosed { how: AlertState::Resolved, at, is_named: false },
                r#"{"alert_closed":{"how":"resolved","at":1000,"is_named":false}}"#,
                "nothing was planned for this user: the alert was resolved at 1970-01-01T00:00:01.000Z, and no event of it names them",
            ),
        ];
        for (decision, kept, shown) in table {
            assert_eq!((serde_json::to_string(&decision).unwrap().as_str(), decision.to_string().as_str()), (kept, shown));
            assert_eq!(Decision::read(kept), decision);
        }
        let newer = r#"{"opens_door":{"number":3}}"#;
        let read = Decision::read(newer);
        assert_eq!((serde_json::to_string(&read).unwrap().as_str(), read.to_string().as_str()), (newer, "opens_door"));
    }
}
