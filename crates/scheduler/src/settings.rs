//! The choices that an operator has in planning.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use watchbell_core::Group;

/// Who without an alert rule gets one email.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FallbackEmail {
    #[default]
    All,
    /// For HIGH alerts only.
    High,
    Off,
}

/// What the operator leaves planning to go by: `[scheduler]`, `[schedules]` and `[escalations]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerSettings {
    pub fallback_email: FallbackEmail,
    /// Seconds after a shift began in which a late reminder of it still goes out.
    pub duty_grace_s: i64,
    /// Seconds after its due time in which a step of an alert, or a message about one, still matters.
    pub alert_expiry_s: i64,
    /// When a daily digest goes out, on each user's own clock.
    pub daily_digest_at: jiff::civil::Time,
    pub schedules: Schedules,
    /// By name.
    pub escalations: BTreeMap<String, Escalation>,
    /// Where events come from that are to be silent about what somebody has: intakes, by the `source` of their events.
    pub silences: BTreeMap<String, String>,
}

impl Default for SchedulerSettings {
    /// The design's figures; a grace of five minutes; daily digests at nine.
    fn default() -> Self {
        Self {
            fallback_email: FallbackEmail::All,
            duty_grace_s: 5 * 60,
            alert_expiry_s: 24 * 3_600,
            daily_digest_at: jiff::civil::time(9, 0, 0, 0),
            schedules: Schedules::default(),
            escalations: BTreeMap::new(),
            silences: BTreeMap::new(),
        }
    }
}

/// The `[schedules]` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedules {
    /// Who is told in the place of a group that nobody is in: responders, as events name them.
    pub fallback: Vec<String>,
    /// Whether whose shift begins while an alert is open is told of it.
    pub tell_new_on_duty: bool,
    /// What holds for one of them, by name.
    pub by_name: BTreeMap<String, Schedule>,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { fallback: Vec::new(), tell_new_on_duty: true, by_name: BTreeMap::new() }
    }
}

/// Every other key is a schedule's name. (Not a flattened map: what is wrong would be said of the whole section.)
impl<'de> Deserialize<'de> for Schedules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;

        impl<'de> Visitor<'de> for Section {
            type Value = Schedules;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a section")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Schedules, A::Error> {
                let mut schedules = Schedules::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "fallback" => schedules.fallback = map.next_value()?,
                        "tell_new_on_duty" => schedules.tell_new_on_duty = map.next_value()?,
                        _ => drop(schedules.by_name.insert(key, map.next_value()?)),
                    }
                }
                Ok(schedules)
            }
        }

        deserializer.deserialize_map(Section)
    }
}

/// A `[schedules.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Who is told when nobody is on duty by it.
    pub fallback: Vec<String>,
}

impl Schedules {
    /// Who is told in the place of a group that nobody is in.
    pub fn fallback_of(&self, group: &Group) -> &[String] {
        let own = match group {
            Group::Duty(schedule) => self.by_name.get(schedule),
            Group::Topic(_) | Group::Escalation(_) => None,
        };
        own.map_or(&self.fallback, |schedule| &schedule.fallback)
    }
}

/// An `[escalations.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// In order of time; the first one at once.
    pub steps: Vec<EscalationStep>,
    /// How often all of it is done again.
    #[serde(default)]
    pub repeat: u32,
    /// Minutes after the last step until it begins again; unless given, as long as between the last two steps.
    #[serde(default)]
    pub repeat_after_min: Option<u32>,
}

/// Whom an escalation list tells, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationStep {
    /// Minutes after the alert.
    pub after_min: u32,
    /// As events name them, but no escalation list.
    pub responders: Vec<String>,
}

impl Escalation {
    /// Steps of a list at most.
    pub const MOST_STEPS: usize = 20;
    /// Repetitions at most.
    pub const MOST_REPEATS: u32 = 20;
    /// Minutes after the alert in which the last step of one pass has to come: a week.
    pub const LAST_MIN: u32 = 7 * 24 * 60;

    /// The settings that cannot be used: which one, and what would be right.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: &str, right: String| Err((key.to_owned(), right));
        if self.steps.is_empty() || self.steps.len() > Self::MOST_STEPS {
            return wrong(
                "steps",
                format!("must be 1 to {} tables such as {{ after_min = 0, responders = [\"duty:primary\"] }}", Self::MOST_STEPS),
            );
        }
        if self.steps[0].after_min != 0 {
            return wrong("steps", "must begin with a step of after_min = 0: somebody is told at once".to_owned());
        }
        if !self.steps.is_sorted_by(|a, b| a.after_min < b.after_min) || self.steps.iter().any(|step| step.after_min > Self::LAST_MIN) {
            return wrong("steps", format!("must have a later after_min from step to step, {} at most", Self::LAST_MIN));
        }
        if self.steps.iter().any(|step| step.responders.iter().all(|name| name.trim().is_empty())) {
            return wrong("steps", "must each name at least one responder".to_owned());
        }
        let mut names = self.steps.iter().flat_map(|step| &step.responders);
        if names.any(|name| matches!(Group::parse(name), Some(Group::Escalation(_)))) {
            return wrong("steps", "must name users, topics and schedules: an escalation list is no step of another one".to_owned());
        }
        if self.repeat > Self::MOST_REPEATS {
            return wrong("repeat", format!("must be 0 to {}", Self::MOST_REPEATS));
        }
        if self.repeat > 0 && self.pause_min() == 0 {
            return wrong("repeat_after_min", "must be at least 1: minutes after the last step until the list begins again".to_owned());
        }
        Ok(())
    }

    /// Minutes from the last step until the list begins again.
    fn pause_min(&self) -> u32 {
        let gap = || match &self.steps[..] {
            [.., before, last] => last.after_min - before.after_min,
            _ => 0,
        };
        self.repeat_after_min.unwrap_or_else(gap)
    }

    /// The step of that number, from 0 on through all repetitions: seconds after the alert, whom it tells, and whether it is a
    /// repetition.
    pub fn step(&self, number: i64) -> Option<(i64, &EscalationStep, bool)> {
        let count = i64::try_from(self.steps.len()).ok()?;
        let (pass, at) = (number / count, number % count);
        let step = self.steps.get(usize::try_from(at).ok()?)?;
        let pass_min = i64::from(self.steps.last()?.after_min + self.pause_min());
        (number >= 0 && pass <= i64::from(self.repeat)).then(|| ((pass * pass_min + i64::from(step.after_min)) * 60, step, pass > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(minutes: &[u32], repeat: u32, repeat_after_min: Option<u32>) -> Escalation {
        let steps = minutes.iter().map(|after_min| EscalationStep { after_min: *after_min, responders: vec!["anna".to_owned()] });
        Escalation { steps: steps.collect(), repeat, repeat_after_min }
    }

    #[test]
    fn steps_go_on_through_repetitions() {
        let minutes = |list: &Escalation| -> Vec<i64> { (0..).map_while(|n| list.step(n)).map(|(after_s, ..)| after_s / 60).collect() };
        let table = [
            (vec![0], 0, None, vec![0]),
            (vec![0, 10], 0, None, vec![0, 10]),
            (vec![0, 10, 15], 2, None, vec![0, 10, 15, 20, 30, 35, 40, 50, 55]),
            (vec![0, 10], 1, Some(30), vec![0, 10, 40, 50]),
        ];
        for (steps, repeat, after, wanted) in table {
            assert_eq!(minutes(&list(&steps, repeat, after)), wanted, "{steps:?}");
        }
        let two = list(&[0, 10], 1, None);
        assert_eq!((two.step(1).map(|step| step.2), two.step(2).map(|step| step.2), two.step(-1)), (Some(false), Some(true), None));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let naming = |name: &str| {
            let mut list = list(&[0], 0, None);
            list.steps[0].responders = vec![name.to_owned()];
            list
        };
        let table = [
            (list(&[], 0, None), Some("steps")),
            (list(&[5], 0, None), Some("steps")),
            (list(&[0, 10, 10], 0, None), Some("steps")),
            (list(&[0, 20_000], 0, None), Some("steps")),
            (list(&[0, 10], 21, None), Some("repeat")),
            (list(&[0], 1, None), Some("repeat_after_min")),
            (naming(" "), Some("steps")),
            (naming("Escalation: other"), Some("steps")),
            (list(&[0], 1, Some(10)), None),
            (naming("duty:primary"), None),
        ];
        for (list, wrong) in table {
            assert_eq!(list.check().err().map(|(key, _)| key).as_deref(), wrong, "{list:?}");
        }
    }
}
