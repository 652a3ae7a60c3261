//! When operators are told, and of what: bundled, with hysteresis, and never about the telling itself. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use watchbell_core::Timestamp;

use super::signs::Ill;

/// What is ill for so long is told; a provider that has a hiccup is not.
const BEGINS_AFTER: Duration = Duration::from_mins(1);
/// What is well for so long is over.
const OVER_AFTER: Duration = Duration::from_mins(3);
/// Between two messages, however much happens meanwhile.
const GAP: Duration = Duration::from_mins(5);

/// What is known of each ill.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// Since when it has been as it is now.
    since: Timestamp,
    is_ill: bool,
    /// How much of it was told; None where its end was, or nothing yet.
    told: Option<i64>,
}

/// Which ills operators know of.
#[derive(Debug, Default)]
pub struct Alarm {
    courses: BTreeMap<Ill, Course>,
    told_at: Option<Timestamp>,
}

/// One message's worth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// That began, or became more, each with how much.
    pub ill: BTreeMap<Ill, i64>,
    pub over: Vec<Ill>,
}

impl Alarm {
    /// Notes how things stand; what is to be told now, if anything.
    pub fn look(&mut self, ills: &BTreeMap<Ill, i64>, now: Timestamp) -> Option<News> {
        for ill in ills.keys() {
            let course = self.courses.entry(*ill).or_insert(Course { since: now, is_ill: true, told: None });
            if !course.is_ill {
                (course.is_ill, course.since) = (true, now);
            }
        }
        for (ill, course) in &mut self.courses {
            if course.is_ill && !ills.contains_key(ill) {
                (course.is_ill, course.since) = (false, now);
            }
        }
        // What was never told of and has passed is nobody's concern.
        self.courses.retain(|_, course| course.is_ill || course.told.is_some());
        if self.told_at.is_some_and(|at| now - at < GAP) {
            return None;
        }
        let mut news = News::default();
        for (ill, course) in &self.courses {
            let lasts = now - course.since;
            match (course.is_ill, course.told) {
                (true, None) if lasts >= BEGINS_AFTER => drop(news.ill.insert(*ill, ills[ill])),
                // More users are not reached: those are others.
                (true, Some(told)) if *ill == Ill::UsersUnreachable && ills[ill] > told => drop(news.ill.insert(*ill, ills[ill])),
                (false, Some(_)) if lasts >= OVER_AFTER => news.over.push(*ill),
                _ => {}
            }
        }
        let is_news = !news.ill.is_empty() || !news.over.is_empty();
        is_news.then_some(news)
    }

    /// It was tried to tell: whether somebody was reached decides whether it is told again, no sooner than after the gap.
    pub fn tried(&mut self, news: &News, was_told: bool, now: Timestamp) {
        self.told_at = Some(now);
        if !was_told {
            return;
        }
        for (ill, amount) in &news.ill {
            if let Some(course) = self.courses.get_mut(ill) {
                course.told = Some(*amount);
            }
        }
        for ill in &news.over {
            self.courses.remove(ill);
        }
    }
}

#[cfg(test)]
mod tests {
    use watchbell_core::Channel;

    use super::*;

    const SMS: Ill = Ill::ChannelDown(Channel::Sms);
    const EMAIL: Ill = Ill::ChannelDown(Channel::Email);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(0).plus_s(seconds)
    }

    /// What is told at which second, looking every ten.
    fn told(ills: impl Fn(i64) -> Vec<(Ill, i64)>, reached: impl Fn(i64) -> bool) -> Vec<(i64, News)> {
        let mut alarm = Alarm::default();
        let mut all = Vec::new();
        for second in (0..1_200).step_by(10) {
            if let Some(news) = alarm.look(&ills(second).into_iter().collect(), at(second)) {
                alarm.tried(&news, reached(second), at(second));
                all.push((second, news));
            }
        }
        all
    }

    fn news(ill: &[(Ill, i64)], over: &[Ill]) -> News {
        News { ill: ill.iter().copied().collect(), over: over.to_vec() }
    }

    #[test]
    fn a_hiccup_is_not_told_and_what_flutters_is_told_once() {
        assert_eq!(told(|second| if second < 50 { vec![(SMS, 1)] } else { vec![] }, |_| true), []);
        // Ill for a minute, well for one, and so on: it began, and is not over before the end.
        let flutters = |second: i64| if second < 70 || (second < 600 && second % 120 < 60) { vec![(SMS, 1)] } else { vec![] };
        assert_eq!(told(flutters, |_| true), [(60, news(&[(SMS, 1)], &[])), (720, news(&[], &[SMS]))]);
    }

    #[test]
    fn what_happens_soon_after_is_told_together() {
        let ills = |second: i64| {
            let mut ills = vec![(SMS, 1)];
            if second >= 100 {
                ills.push((EMAIL, 1));
            }
            if second >= 200 {
                ills.push((Ill::UsersUnreachable, if second < 500 { 2 } else { 3 }));
            }
            ills
        };
        let expected = [
            (60, news(&[(SMS, 1)], &[])),
            (360, news(&[(EMAIL, 1), (Ill::UsersUnreachable, 2)], &[])),
            (660, news(&[(Ill::UsersUnreachable, 3)], &[])),
        ];
        assert_eq!(told(ills, |_| true), expected);
    }

    #[test]
    fn what_reached_nobody_is_told_again_and_a_failure_to_tell_is_no_news() {
        let expected = [(60, news(&[(SMS, 1)], &[])), (360, news(&[(SMS, 1)], &[])), (660, news(&[(SMS, 1)], &[]))];
        assert_eq!(told(|_| vec![(SMS, 1)], |second| second >= 600), expected);
    }
}
