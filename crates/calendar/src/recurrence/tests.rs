use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use serde::Deserialize;

use super::{Budget, Rule, occurrences};
use crate::value::Written;

/// Rules that were drawn at random, and when they recur by another program (python-dateutil 2.9), which reads them in a wholly different way.
const BY_ANOTHER_PROGRAM: &str = include_str!("rules.json");

#[derive(Deserialize)]
struct Case {
    rule: String,
    first: String,
    from: String,
    to: String,
    times: Vec<String>,
}

fn at(text: &str) -> DateTime {
    match Written::read(text) {
        Some(Written::Local(at)) => at,
        other => panic!("{text} is {other:?}"),
    }
}

fn written(times: &[DateTime]) -> Vec<String> {
    times.iter().map(|at| at.strftime("%Y%m%dT%H%M%S").to_string()).collect()
}

fn recur(rule: &str, first: &str, from: &str, to: &str) -> Vec<String> {
    let rule = Rule::read(rule).unwrap_or_else(|why| panic!("{rule} {why}"));
    let found = occurrences(&rule, at(first), at(from), at(to), &mut Budget::new(1_000_000));
    written(&found.unwrap_or_else(|| panic!("{rule:?} costs too much")))
}

#[test]
fn rules_recur_as_another_program_says() {
    let cases: Vec<Case> = serde_json::from_str(BY_ANOTHER_PROGRAM).unwrap_or_default();
    assert!(cases.len() > 200);
    for Case { rule, first, from, to, times } in cases {
        assert_eq!(recur(&rule, &first, &from, &to), times, "{rule} from {first}, between {from} and {to}");
    }
}

#[test]
fn the_first_time_counts_whether_or_not_the_rule_wants_it() {
    // A Tuesday.
    let first = "20261201T080000";
    let found = recur("FREQ=WEEKLY;BYDAY=MO;COUNT=3", first, first, "20270201T000000");
    assert_eq!(found, ["20261201T080000", "20261207T080000", "20261214T080000"]);
    assert_eq!(recur("FREQ=WEEKLY;BYDAY=MO;COUNT=1", first, first, "20270201T000000"), [first]);
}

#[test]
fn what_never_recurs_ends() {
    let first = "20261201T080000";
    for rule in ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=300"]
    {
        assert_eq!(recur(rule, first, first, "20361201T000000"), [first], "{rule}");
    }
}

#[test]
fn a_rule_that_recurs_too_often_for_too_long_is_given_up() {
    let (first, from, to) = (date(1, 1, 1).at(0, 0, 0, 0), date(2026, 12, 1).at(0, 0, 0, 0), date(2027, 1, 1).at(0, 0, 0, 0));
    let costs = |rule: &str, most: u32| {
        let rule = Rule::read(rule).unwrap_or_else(|why| panic!("{rule} {why}"));
        occurrences(&rule, first, from, to, &mut Budget::new(most)).map(|times| times.len())
    };
    assert_eq!(costs("FREQ=HOURLY;COUNT=4000000000", u32::MAX), None);
    // Without a count it does not matter how long ago it began.
    assert_eq!(costs("FREQ=HOURLY", 2_000), Some(744));
    assert_eq!(costs("FREQ=HOURLY", 100), None, "what all rules of a calendar may cost counts as well");
}

fn any_rule() -> impl Strategy<Value = String> {
    let frequency = prop::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]);
    let part = prop::sample::select(vec![
        "",
        "BYDAY=MO,FR",
        "BYDAY=1MO,-1SU",
        "BYMONTH=1,2,12",
        "BYMONTHDAY=1,31,-1",
        "BYYEARDAY=1,-1",
        "BYWEEKNO=1,53,-1",
        "BYHOUR=0,23",
        "BYMINUTE=0,30",
        "BYSETPOS=1,-1",
        "WKST=SU",
    ]);
    (frequency, 1..40_i64, prop::collection::vec(part, 0..4), prop::option::of(1..200_u32)).prop_map(
        |(frequency, interval, parts, count)| {
            let count = count.map_or_else(String::new, |count| format!(";COUNT={count}"));
            format!("FREQ={frequency};INTERVAL={interval};{}{count}", parts.join(";"))
        },
    )
}

proptest! {
    /// A rule that is followed from its beginning on and one that is entered shortly before the window find the same times, in order.
    #[test]
    fn where_a_rule_is_entered_does_not_matter(rule in any_rule(), year in 2001..2026_i16, month in 1..=12_i8, days in 1..400_i64) {
        let rule = Rule::read(&rule).map_err(TestCaseError::fail)?;
        let first = date(year, month, 15).at(8, 0, 0, 0);
        let from = date(2026, 6, 1).at(0, 0, 0, 0);
        let to = from.checked_add(jiff::Span::new().days(days)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let find = |from| occurrences(&rule, first, from, to, &mut Budget::new(u32::MAX));
        let (Some(all), Some(some)) = (find(first), find(from)) else { return Ok(()) };
        prop_assert!(all.is_sorted());
        prop_assert_eq!(all.into_iter().filter(|at| *at >= from).collect::<Vec<_>>(), some);
    }

    /// Whatever a rule says, it is read or refused.
    #[test]
    fn whatever_is_written_is_read_or_refused(text in "[A-Z=;,0-9+-]{0,60}") {
        let _ = Rule::read(&text);
        let _ = Rule::read(&format!("FREQ=DAILY;{text}"));
    }
}
