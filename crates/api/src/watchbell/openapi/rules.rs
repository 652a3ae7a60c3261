//! Rules.

use watchbell_core::Channel;
use watchbell_core::rule::Trigger;
use watchbell_core::rule::conditions::{Conditions, LabelCondition, LabelWants, OnDuty};
use watchbell_wire::Items;
use watchbell_wire::rules::{Rule, RuleBody, RuleTerms};

use super::{of_user, with_id};
use crate::openapi::{Operation, Part};

const RULES: &str = "Rules";

pub(super) fn describe(part: &mut Part) {
    const ALL: &str = "/users/{user}/rules";
    const PATH: &str = "/users/{user}/rules/{id}";
    part.tag(RULES, "When and how users are told, with all that rules can say; those of the other surfaces among them");
    let of_rule = |operation: Operation| operation.of(RULES).with(of_user).with(|operation| with_id(operation, "rule"));
    part.add(
        Operation::get(ALL, "List a user's rules")
            .of(RULES)
            .says("Of all surfaces, in order of id. A step of an OnCall chain has the time at which it tells, and is changed on its own surface.")
            .with(of_user)
            .returns::<Items<Rule>>(200, "All of them"),
    );
    part.add(
        Operation::post(ALL, "Make a rule")
            .of(RULES)
            .says("It counts at once, for what was not sent yet of open alerts too. Other surfaces show it if they can say all of it.")
            .with(of_user)
            .accepts(&example())
            .returns::<Rule>(201, "The rule"),
    );
    part.add(Operation::get(PATH, "Get a rule").with(of_rule).returns::<Rule>(200, "The rule"));
    part.add(
        Operation::put(PATH, "Replace a rule")
            .with(of_rule)
            .says("The whole of it: what is left out is not said any more. A step of a chain is a 409.")
            .accepts(&example())
            .returns::<Rule>(200, "The rule")
            .fails(&[409]),
    );
    part.add(Operation::delete(PATH, "Delete a rule").with(of_rule).answers_nothing("It is gone"));
}

/// Tells of the team's alerts again and again, while the user is on duty.
fn example() -> RuleBody {
    let label = LabelCondition { label: "team".to_owned(), wants: LabelWants::Equals("db".to_owned()) };
    let when = Conditions { labels: vec![label], on_duty: Some(OnDuty::default()), ..Conditions::default() };
    RuleBody {
        trigger: Trigger::AlertHigh.into(),
        channel: Channel::Push.into(),
        contact_id: None,
        terms: RuleTerms { delay_min: Some(0), when: Some(when), repeat_every_min: Some(5), repeat_times: Some(3), ..RuleTerms::default() },
    }
}
