//! Which of the messages that somebody was told a text answers. Pure: it goes by what was read and what was told.

use serde::{Deserialize, Serialize};
use watchbell_core::DeliveryId;
use watchbell_core::answer_code;
use watchbell_core::event::{Action, AlertState};
use watchbell_store::intake::Told;

use super::words::Reading;

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning<'t> {
    Answer(Answered),
    /// It could be about any of these: whoever wrote it is asked which.
    Which(Vec<Alert<'t>>),
    /// It is no answer, or there is nothing to answer.
    Nothing,
}

/// What is done with which messages; kept as it is, so that a text that comes again does the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub action: Action,
    pub deliveries: Vec<DeliveryId>,
}

/// One round of an alert that somebody was told of, by the newest message about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert<'t> {
    pub told: &'t Told,
    /// The whole code.
    pub code: String,
}

/// What `reading` means to whoever was told these, the newest first. `replies_to` is the message that it is a reply to.
pub fn of<'t>(reading: &Reading, told: &'t [Told], replies_to: Option<&str>) -> Meaning<'t> {
    let all = alerts(told);
    let replied: Vec<Alert<'t>> = match replies_to {
        Some(id) => alerts(told)
            .into_iter()
            .filter(|alert| told.iter().any(|one| is_of(one, alert.told) && one.message_id.as_deref() == Some(id)))
            .collect(),
        None => Vec::new(),
    };
    let Some(action) = reading.action else {
        // A code by itself, or "all", and nothing that is to be done.
        let is_answer = reading.code.is_some() || reading.is_all;
        let open = answerable(&all, None);
        return if is_answer && !open.is_empty() { Meaning::Which(open) } else { Meaning::Nothing };
    };
    let answer = |alerts: &[Alert<'t>]| {
        Meaning::Answer(Answered { action, deliveries: alerts.iter().map(|alert| alert.told.delivery.clone()).collect() })
    };
    if let [alert] = &replied[..] {
        return answer(std::slice::from_ref(alert));
    }
    // A message may have told several in one.
    let among = if replied.is_empty() { all } else { replied };
    if let Some(code) = &reading.code {
        let named: Vec<Alert<'t>> = among.iter().filter(|alert| is_called(alert.told, told, code)).cloned().collect();
        return match (&named[..], answerable(&named, Some(action))) {
            ([one], _) => answer(std::slice::from_ref(one)),
            ([], _) => which(answerable(&among, Some(action))),
            (_, open) if open.len() == 1 => answer(&open),
            (_, open) => which(if open.is_empty() { named } else { open }),
        };
    }
    let open = answerable(&among, Some(action));
    match &open[..] {
        // It is answered all the same: so whoever wrote it learns who has it.
        [] => among.first().map_or(Meaning::Nothing, |newest| answer(std::slice::from_ref(newest))),
        [_] => answer(&open),
        _ if reading.is_all => answer(&open),
        _ => which(open),
    }
}

fn which(alerts: Vec<Alert<'_>>) -> Meaning<'_> {
    if alerts.is_empty() { Meaning::Nothing } else { Meaning::Which(alerts) }
}

/// Each round of an alert once, by the newest message that told it.
fn alerts(told: &[Told]) -> Vec<Alert<'_>> {
    let mut alerts: Vec<Alert<'_>> = Vec::new();
    for one in told {
        if !alerts.iter().any(|known| is_of(known.told, one)) {
            alerts.push(Alert { told: one, code: answer_code::code(&one.alert, one.round, one.user) });
        }
    }
    alerts
}

fn is_of(one: &Told, other: &Told) -> bool {
    one.alert == other.alert && one.round == other.round
}

/// Whether a code begins that of this alert, for anybody who was told of it there: one phone may be several users'.
fn is_called(alert: &Told, told: &[Told], code: &str) -> bool {
    let users = told.iter().filter(|one| is_of(one, alert)).map(|one| one.user);
    users.into_iter().any(|user| answer_code::code(&alert.alert, alert.round, user).starts_with(code))
}

/// Those that are open; where there are none, and that is what is to be resolved, those that somebody has accepted.
fn answerable<'t>(alerts: &[Alert<'t>], action: Option<Action>) -> Vec<Alert<'t>> {
    let those = |counts: &dyn Fn(&Told) -> bool| alerts.iter().filter(|alert| counts(alert.told)).cloned().collect::<Vec<_>>();
    let open = those(&|told| told.is_paged);
    if open.is_empty() && action == Some(Action::Resolve) { those(&|told| told.state == AlertState::Accepted) } else { open }
}

#[cfg(test)]
mod tests {
    use watchbell_core::{Channel, UserId};

    use super::*;
    use crate::callbacks::text::words::read;

    fn told(alert: &str, round: i64, user: i64, is_paged: bool, state: AlertState) -> Told {
        Told {
            delivery: DeliveryId(format!("{alert}:{round}:{user}")),
            channel: Channel::Sms,
            user: UserId(user),
            alert: alert.to_owned(),
            round,
            summary: format!("Summary of {alert}"),
            state,
            is_paged,
            message_id: Some(format!("SM-{alert}-{round}")),
        }
    }

    fn open(alert: &str) -> Told {
        told(alert, 1, 7, true, AlertState::Open)
    }

    fn code(alert: &str, length: usize) -> String {
        answer_code::code(alert, 1, UserId(7))[..length].to_owned()
    }

    /// What comes of a text: the deliveries that are answered, or `?` and how many it could be about, or nothing.
    fn said(text: &str, told: &[Told], replies_to: Option<&str>) -> String {
        match of(&read(text), told, replies_to) {
            Meaning::Answer(answered) => {
                let ids: Vec<&str> = answered.deliveries.iter().map(DeliveryId::as_str).collect();
                format!("{} {}", answered.action, ids.join(","))
            }
            Meaning::Which(alerts) => format!("? {}", alerts.len()),
            Meaning::Nothing => String::new(),
        }
    }

    #[test]
    fn one_open_alert_needs_no_code() {
        let one = [open("A")];
        let table = [
            ("1", "accept A:1:7"),
            ("ja", "accept A:1:7"),
            ("fixed", "resolve A:1:7"),
            ("no", "decline A:1:7"),
            ("what", ""),
            ("all", "? 1"),
        ];
        for (text, meaning) in table {
            assert_eq!(said(text, &one, None), meaning, "{text}");
        }
        assert_eq!(said("1", &[], None), "");
    }

    #[test]
    fn several_need_a_code_or_all() {
        let three = [open("A"), open("B"), open("C")];
        assert_eq!(said("1", &three, None), "? 3");
        assert_eq!(said(&format!("1 {}", code("B", 8)), &three, None), "accept B:1:7");
        assert_eq!(said(&format!("{} ack", code("C", 8).to_lowercase()), &three, None), "accept C:1:7");
        assert_eq!(said("1 all", &three, None), "accept A:1:7,B:1:7,C:1:7");
        assert_eq!(said(&code("B", 8), &three, None), "? 3");
        // A code that nobody has.
        let nobodys =
            ["A2", "C2", "D2", "E2"].into_iter().find(|code| !three.iter().any(|one| self::code(&one.alert, 2) == *code)).unwrap_or("A2");
        assert_eq!(said(&format!("1 {nobodys}"), &three, None), "? 3");
    }

    #[test]
    fn a_reply_to_a_message_says_which() {
        let two = [open("A"), open("B")];
        assert_eq!(said("1", &two, Some("SM-B-1")), "accept B:1:7");
        assert_eq!(said(&format!("1 {}", code("A", 8)), &two, Some("SM-B-1")), "accept B:1:7");
        assert_eq!(said("1", &two, Some("SM-other")), "? 2");
        // One message told both.
        let bundle = two.map(|one| Told { message_id: Some("SM-both".to_owned()), ..one });
        assert_eq!(said("1", &bundle, Some("SM-both")), "? 2");
        assert_eq!(said("1 all", &bundle, Some("SM-both")), "accept A:1:7,B:1:7");
    }

    #[test]
    fn what_is_over_is_answered_so_that_it_is_told_by_whom() {
        let over = [told("A", 1, 7, false, AlertState::Accepted), told("B", 1, 7, false, AlertState::Resolved)];
        assert_eq!(said("1", &over, None), "accept A:1:7");
        assert_eq!(said("2", &over, None), "resolve A:1:7");
        let with_open = [over[0].clone(), over[1].clone(), open("C")];
        assert_eq!(said("1", &with_open, None), "accept C:1:7");
        assert_eq!(said("2", &with_open, None), "resolve C:1:7");
        assert_eq!(said(&format!("2 {}", code("A", 8)), &with_open, None), "resolve A:1:7");
    }

    #[test]
    fn a_phone_of_two_users_answers_each_alert_once() {
        let shared = [told("A", 1, 7, true, AlertState::Open), told("A", 1, 8, true, AlertState::Open)];
        assert_eq!(said("1", &shared, None), "accept A:1:7");
        let code = answer_code::code("A", 1, UserId(8));
        assert_eq!(said(&format!("1 {code}"), &shared, None), "accept A:1:7");
    }
}
