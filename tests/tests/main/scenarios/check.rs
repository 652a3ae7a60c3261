//! Compares what a scenario expects with what happened.

use watchbell_core::{ContactId, Reason, Timestamp};
use watchbell_store::facts::Planned;
use watchbell_store::history::{Delivery, DeliveryFilter};
use watchbell_store::intake::Accepted;

use super::file::{Entry, Explain};
use super::provider::{Call, lock};
use super::stage::Stage;
use super::words::{BadPhrase, Read, SendPhrase, StatePhrase, Whom, bad, offset, time};

/// More deliveries than any scenario makes.
const ALL: i64 = 10_000;

/// What an entry says about events and states, right after it; each difference a sentence.
pub fn entry(stage: &Stage<'_>, entry: &Entry, accepted: &[Accepted]) -> Read<Vec<String>> {
    let mut differences = events(entry, accepted);
    let Some(server) = &stage.server else {
        return if entry.states.is_empty() && entry.attempts.is_empty() {
            Ok(differences)
        } else {
            Err(BadPhrase("states can only be seen while the server runs".to_owned()))
        };
    };
    let read = |error| BadPhrase(format!("reading deliveries: {}", watchbell_core::error_chain(&error)));
    let filter = DeliveryFilter { limit: ALL, ..DeliveryFilter::default() };
    let deliveries = server.with(server.store.deliveries(&filter)).map_err(read)?;
    for phrase in &entry.states {
        let wanted: StatePhrase = phrase.parse()?;
        let ready_at = wanted.ready_at.as_ref().map(|at| time(at, stage.start)).transpose()?;
        let of_them: Vec<&Delivery> = deliveries.iter().filter(|delivery| is(stage, delivery, &wanted.whom)).collect();
        let fits = |delivery: &&&Delivery| {
            delivery.state == wanted.state
                && ready_at.is_none_or(|at| at == delivery.ready_at)
                && reads(delivery.reason.as_ref(), wanted.reason.as_deref())
        };
        let count = of_them.iter().filter(fits).count();
        if wanted.count.map_or(count == 0, |wanted| wanted != count) {
            let found: Vec<String> = of_them.iter().map(|delivery| described(stage, delivery)).collect();
            let found = if found.is_empty() { "there is none".to_owned() } else { found.join("; ") };
            differences.push(format!("expected: {phrase}\n              found: {found}"));
        }
    }
    for phrase in &entry.attempts {
        let Some((whom, classes)) = phrase.split_once(": ") else { return bad(phrase, "must be such as `anna sms: Retry, Accepted`") };
        let whom: Whom = whom.parse()?;
        let mut found = Vec::new();
        for delivery in deliveries.iter().filter(|delivery| is(stage, delivery, &whom)) {
            let (_, attempts) =
                server.with(server.store.delivery(&delivery.id)).map_err(read)?.unwrap_or_else(|| (delivery.clone(), vec![]));
            found.push(attempts.iter().map(|attempt| attempt.class.to_string()).collect::<Vec<_>>().join(", "));
        }
        if !found.iter().any(|found| found == classes) {
            differences.push(format!("expected attempts: {phrase}\n              found: {}", found.join("; ")));
        }
    }
    Ok(differences)
}

/// Each step of an answer must be one that is expected, with its time and reason where those are.
pub fn explained(stage: &Stage<'_>, explain: &Explain, planned: &[Planned]) -> Read<Vec<String>> {
    let mut left: Vec<&Planned> = planned.iter().collect();
    let mut differences = Vec::new();
    for phrase in &explain.steps {
        let wanted: StatePhrase = phrase.parse()?;
        let ready_at = wanted.ready_at.as_ref().map(|at| time(at, stage.start)).transpose()?;
        let fits = |step: &&Planned| {
            wanted.whom.matches(&explain.user, step.channel, label(stage, step.contact_id))
                && step.state == wanted.state
                && ready_at.is_none_or(|at| at == step.ready_at)
                && reads(step.reason.as_ref(), wanted.reason.as_deref())
        };
        match left.iter().position(fits) {
            Some(found) => drop(left.remove(found)),
            None => differences.push(format!("expected to be explained: {phrase}")),
        }
    }
    let explained = |step: &Planned| {
        let reason = step.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("explained: {} {} is {} at {}{reason}", explain.user, step.channel, step.state, offset(step.ready_at, stage.start))
    };
    differences.extend(left.into_iter().map(explained));
    Ok(differences)
}

/// Whether a reason reads as a scenario wants it: its sentence holds what is wanted.
fn reads(reason: Option<&Reason>, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| reason.is_some_and(|reason| reason.to_string().contains(wanted)))
}

fn events(entry: &Entry, accepted: &[Accepted]) -> Vec<String> {
    let mut differences = Vec::new();
    let said: Vec<String> = accepted.iter().filter_map(|accepted| accepted.decision.as_ref().map(ToString::to_string)).collect();
    if let Some(wanted) = &entry.decision
        && !said.iter().any(|said| said.contains(wanted.as_str()))
    {
        differences.push(format!("expected the decision: {wanted}\n              found: {}", said.join("; ")));
    }
    let problems: Vec<&String> = accepted.iter().flat_map(|accepted| &accepted.problems).collect();
    if problems.len() != entry.problems.len()
        || !problems.iter().zip(&entry.problems).all(|(found, wanted)| found.contains(wanted.as_str()))
    {
        differences.push(format!("expected problems: {:?}\n              found: {problems:?}", entry.problems));
    }
    let duplicate = accepted.iter().any(|accepted| accepted.duplicate);
    if duplicate != entry.duplicate {
        differences.push(format!("the event was {}known already", if duplicate { "" } else { "not " }));
    }
    differences
}

fn name<'a>(stage: &'a Stage<'_>, delivery: &Delivery) -> &'a str {
    stage.users.iter().find(|(_, known)| known.id == delivery.user_id).map_or("somebody", |(name, _)| name)
}

fn label<'a>(stage: &'a Stage<'_>, contact: Option<ContactId>) -> &'a str {
    let contact =
        |known: &'a super::stage::Known| known.contacts.iter().find(|(_, id)| Some(**id) == contact).map(|(label, _)| label.as_str());
    stage.users.values().find_map(contact).unwrap_or("nothing")
}

fn is(stage: &Stage<'_>, delivery: &Delivery, whom: &Whom) -> bool {
    whom.matches(name(stage, delivery), delivery.channel, label(stage, delivery.contact_id))
}

fn described(stage: &Stage<'_>, delivery: &Delivery) -> String {
    let (user, channel, to, state) = (name(stage, delivery), delivery.channel, label(stage, delivery.contact_id), delivery.state);
    let at = offset(delivery.ready_at, stage.start);
    let reason = delivery.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{user} {channel} to {to} is {state} at {at}{reason}")
}

/// Who could not be reached so far must be just who the last entry that says so names.
pub fn unreachable(stage: &Stage<'_>, wanted: &[String]) -> Read<Vec<String>> {
    let Some(server) = &stage.server else { return Ok(Vec::new()) };
    let read = |error| BadPhrase(format!("reading who was unreachable: {}", watchbell_core::error_chain(&error)));
    let found = server.with(server.store.unreachable(ALL)).map_err(read)?;
    let name = |id| stage.users.iter().find(|(_, known)| known.id == id).map_or("somebody", |(name, _)| name.as_str());
    let mut found: Vec<&str> = found.iter().map(|(_, user, ..)| name(*user)).collect();
    let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    found.sort_unstable();
    wanted.sort_unstable();
    Ok(if found == wanted { vec![] } else { vec![format!("expected unreachable: {wanted:?}\n              found: {found:?}")] })
}

/// All calls of the scenario against all that its entries expect, as lines in the order of time: `-` was expected and did not
/// come, `+` came and was not expected. None when there is no difference.
pub fn sends(stage: &Stage<'_>, entries: &[Entry]) -> Read<Option<String>> {
    let mut calls: Vec<Option<Call>> = lock(&stage.world).calls.iter().cloned().map(Some).collect();
    let mut wanted: Vec<(Timestamp, SendPhrase, &String)> = Vec::new();
    for entry in entries {
        for phrase in &entry.sends {
            wanted.push((time(&entry.time, stage.start)?, phrase.parse()?, phrase));
        }
    }
    // The most particular ones choose first.
    wanted.sort_by_key(|(_, send, _)| (send.says.is_none(), send.whom.to.is_none()));
    let mut lines: Vec<(Timestamp, char, String)> = Vec::new();
    for (at, send, phrase) in wanted {
        let fits = |call: &&mut Option<Call>| {
            call.as_ref().is_some_and(|call| {
                call.at == at
                    && send.whom.matches(&call.user, call.channel, &call.label)
                    && send.answer == call.answer
                    && send.says.as_ref().is_none_or(|says| call.text.contains(says.as_str()))
            })
        };
        match calls.iter_mut().find(fits) {
            Some(call) => lines.push((at, ' ', call.take().map_or_else(String::new, |call| sent(&call, false)))),
            None => lines.push((at, '-', phrase.clone())),
        }
    }
    lines.extend(calls.into_iter().flatten().map(|call| (call.at, '+', sent(&call, true))));
    if lines.iter().all(|(_, mark, _)| *mark == ' ') {
        return Ok(None);
    }
    lines.sort();
    let line = |(at, mark, text): &(Timestamp, char, String)| format!("    {mark} {:<10} {text}", offset(*at, stage.start));
    Ok(Some(lines.iter().map(line).collect::<Vec<_>>().join("\n")))
}

fn sent(call: &Call, in_full: bool) -> String {
    let answer = if call.answer == "accepted" { String::new() } else { format!(" -> {}", call.answer) };
    let text = if in_full { format!(" says '{}'", call.text.replace('\n', " / ")) } else { String::new() };
    format!("{} {} to {}{text}{answer}", call.user, call.channel, call.label)
}
