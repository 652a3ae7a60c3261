//! Whom an event names: users by name, and those in the groups that it names.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use watchbell_core::decode::RejectReason;
use watchbell_core::ids::other_readings;
use watchbell_core::{Group, NamedAs, UserId};
use watchbell_store::facts::{Facts, Members, Plan};

use crate::settings::SchedulerSettings;

/// Those whom an event names, each once.
#[derive(Clone, Debug, Default)]
pub struct Whom {
    pub users: Vec<UserId>,
    seen: HashSet<UserId>,
    /// As what those were named whom it does not name by name.
    pub named_as: BTreeMap<UserId, NamedAs>,
    /// The groups that are in it themselves, or by the first step of a list.
    pub groups: BTreeSet<Group>,
}

impl Whom {
    /// Who is named by name and by a group is named by name; of several groups, the first counts.
    fn add(&mut self, users: impl IntoIterator<Item = UserId>, named_as: Option<&NamedAs>) {
        for user in users {
            let is_new = self.seen.insert(user);
            if is_new {
                self.users.push(user);
            }
            match named_as {
                Some(named_as) if is_new => drop(self.named_as.insert(user, named_as.clone())),
                Some(_) => {}
                None => drop(self.named_as.remove(&user)),
            }
        }
    }

    /// Leaves out whoever is not to be told.
    pub fn retain(&mut self, keep: impl Fn(UserId) -> bool) {
        self.users.retain(|user| keep(*user));
        self.named_as.retain(|user, _| keep(*user));
    }

    /// Adds those who have just come on duty.
    pub fn add_new_on_duty(&mut self, users: &[UserId], schedule: &str) {
        self.add(users.iter().copied(), Some(&NamedAs::NewOnDuty { schedule: schedule.to_owned() }));
    }

    /// The users of each way of being named.
    pub fn by_way(&self) -> Vec<(NamedAs, Vec<UserId>)> {
        let mut ways: Vec<(NamedAs, Vec<UserId>)> = Vec::new();
        for (user, named_as) in &self.named_as {
            match ways.iter_mut().find(|(known, _)| known == named_as) {
                Some((_, users)) => users.push(*user),
                None => ways.push((named_as.clone(), vec![*user])),
            }
        }
        ways
    }
}

/// Names that stand behind those that an event uses: the first steps of lists, and fallbacks.
pub fn behind<'a>(names: impl IntoIterator<Item = &'a String>, settings: &SchedulerSettings) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut queue: Vec<(Group, bool)> = names.into_iter().filter_map(|name| Group::parse(name)).map(|group| (group, true)).collect();
    while let Some((group, has_fallback)) = queue.pop() {
        let steps = match &group {
            Group::Escalation(list) => {
                settings.escalations.get(list).and_then(|list| list.step(0)).map(|(_, step, _)| &step.responders[..])
            }
            Group::Topic(_) | Group::Duty(_) => None,
        };
        let fallback = if has_fallback { settings.schedules.fallback_of(&group) } else { &[] };
        for (names, has_fallback) in [(steps.unwrap_or_default(), true), (fallback, false)] {
            for name in names.iter().map(|name| name.trim()) {
                queue.extend(Group::parse(name).map(|group| (group, has_fallback)));
                found.insert(Group::parse(name).map_or_else(|| name.to_owned(), |group| group.to_string()));
            }
        }
    }
    found
}

/// Whom these names mean; names of nobody and of several, and groups that nobody is in, are noted.
pub fn responders(names: &[String], facts: &Facts, settings: &SchedulerSettings, plan: &mut Plan) -> Whom {
    let mut whom = Whom::default();
    let (groups, by_name): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| Group::parse(name).is_some());
    let by_name: Vec<String> = by_name.into_iter().cloned().collect();
    whom.add(users(&by_name, facts, plan), None);
    for group in groups.into_iter().filter_map(|name| Group::parse(name)).collect::<BTreeSet<_>>() {
        add_group(&mut whom, group, None, facts, settings, plan);
    }
    whom
}

/// `step` wraps what somebody is named as by a step of a list.
fn add_group(
    whom: &mut Whom,
    group: Group,
    step: Option<&dyn Fn(Option<NamedAs>) -> NamedAs>,
    facts: &Facts,
    settings: &SchedulerSettings,
    plan: &mut Plan,
) {
    if let Group::Escalation(name) = &group
        && let Some((_, first, _)) = settings.escalations.get(name).and_then(|list| list.step(0))
    {
        add_step(whom, name, 0, &first.responders, facts, settings, plan);
        whom.groups.insert(group);
        return;
    }
    let members = facts.groups.get(&group).cloned().unwrap_or_default();
    let as_member = match &group {
        Group::Topic(topic) => NamedAs::Member { topic: topic.clone() },
        Group::Duty(schedule) => NamedAs::OnDuty { schedule: schedule.clone() },
        Group::Escalation(_) => NamedAs::Fallback { of: group.to_string() },
    };
    let wrap = |named_as: NamedAs| step.map_or(named_as.clone(), |step| step(Some(named_as)));
    note_members(&group, &members, plan);
    if members.users.is_empty() {
        let fallback = settings.schedules.fallback_of(&group);
        if let (Group::Duty(schedule), true) = (&group, fallback.is_empty()) {
            whom.add(members.nearest.iter().copied(), Some(&wrap(NamedAs::Nearest { schedule: schedule.clone() })));
        }
        let told = wrap(NamedAs::Fallback { of: group.to_string() });
        for name in fallback {
            match Group::parse(name) {
                // A fallback has none itself, so that there is an end to it.
                Some(group) => {
                    whom.add(facts.groups.get(&group).into_iter().flat_map(|members| members.users.iter().copied()), Some(&told));
                }
                None => whom.add(users(&[name.trim().to_owned()], facts, plan), Some(&told)),
            }
        }
    }
    whom.add(members.users.iter().copied(), Some(&wrap(as_member)));
    whom.groups.insert(group);
}

/// Adds those whom a step of a list names.
pub fn add_step(
    whom: &mut Whom,
    list: &str,
    number: i64,
    responders: &[String],
    facts: &Facts,
    settings: &SchedulerSettings,
    plan: &mut Plan,
) {
    let step = |named_as: Option<NamedAs>| NamedAs::Step { list: list.to_owned(), step: number + 1, named_as: named_as.map(Box::new) };
    for name in responders {
        match Group::parse(name) {
            Some(group) => add_group(whom, group, Some(&step), facts, settings, plan),
            None => whom.add(users(&[name.trim().to_owned()], facts, plan), Some(&step(None))),
        }
    }
}

/// Notes what is wrong with a group.
fn note_members(group: &Group, members: &Members, plan: &mut Plan) {
    let problem = match (group, members.users.len()) {
        (Group::Escalation(list), _) => {
            (RejectReason::UnknownEscalation, format!("there is no escalation list {list}; see [escalations.NAME]"))
        }
        (Group::Duty(schedule), 0) => (RejectReason::NobodyOnDuty, format!("nobody is on duty by the schedule {schedule}")),
        (Group::Topic(topic), 0) => (RejectReason::BadTopic, format!("the topic {topic} has no members")),
        (_, told) if members.beyond > 0 => {
            (RejectReason::BadTopic, format!("{group} comes to {} more than the {told} with the lowest ids, who are told", members.beyond))
        }
        _ => return,
    };
    if !plan.rejected.contains(&problem) {
        plan.rejected.push(problem);
    }
}

/// The users that names mean which are no groups, each once; names of nobody and of several are noted.
pub fn users(names: &[String], facts: &Facts, plan: &mut Plan) -> Vec<UserId> {
    let mut users = Vec::with_capacity(names.len());
    let mut seen = HashSet::with_capacity(names.len());
    for name in names {
        let Some(ids) = facts.names.get(name) else {
            plan.unknown_users.push(name.clone());
            continue;
        };
        // Of several in one text some may be nobody.
        let several =
            other_readings(name).into_iter().find(|parts| parts.len() > 1 && parts.iter().any(|part| facts.names.contains_key(part)));
        plan.unknown_users.extend(several.into_iter().flatten().filter(|part| !facts.names.contains_key(part)));
        if ids.len() > 1 {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let note = format!("one name means the users {}: all of them are told", ids.join(" and "));
            if !plan.notes.contains(&note) {
                plan.notes.push(note);
            }
        }
        users.extend(ids.iter().copied().filter(|id| seen.insert(*id)));
    }
    users
}
