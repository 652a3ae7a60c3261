//! What answers mean.

use watchbell_core::outcome::LimitScope;

use super::Compiler;
use crate::definition::answer::{Answers, Code, Rule, Verdict, Wait};
use crate::definition::codes;
use crate::definition::format::{self, AnswerOutcome, File, Scope};

impl Compiler {
    pub(super) fn answers(&mut self, file: &File) -> Answers {
        let rules = file.answer.iter().map(|rule| (&rule.conditions, rule.codes.is_none()));
        self.reachable("answer", rules);
        if !file.answer.iter().any(|rule| rule.outcome == Some(AnswerOutcome::Accepted)) {
            self.mistakes.add("answer", "has no rule with outcome = \"accepted\"");
        }
        let rules = file.answer.iter().enumerate();
        Answers(rules.filter_map(|(at, rule)| self.answer(&format!("answer[{at}]"), rule)).collect())
    }

    fn answer(&mut self, key: &str, given: &format::AnswerRule) -> Option<Rule> {
        let conditions = self.conditions(key, &given.conditions);
        let verdict = match (given.outcome, &given.codes) {
            (Some(AnswerOutcome::Accepted), None) => match given.message_id.as_deref() {
                None => {
                    self.mistakes
                        .add(key, "accepts a message without saying where its id is; give message_id, or \"none\" where there is none");
                    None
                }
                Some("none") => Some(Verdict::Accepted(None)),
                Some(place) => self.place(&format!("{key}.message_id"), place).map(|place| Verdict::Accepted(Some(place))),
            },
            (Some(outcome), None) => Some(Verdict::Outcome(outcome)),
            (None, Some(name)) => self.named_codes(&format!("{key}.codes"), name).map(Verdict::Codes),
            _ => {
                self.mistakes.add(key, "must have one of outcome and codes");
                None
            }
        };
        if given.message_id.is_some() && given.outcome != Some(AnswerOutcome::Accepted) {
            self.mistakes.add(&format!("{key}.message_id"), "is for outcome = \"accepted\" alone");
        }
        let may_retry = given.codes.is_some() || given.outcome == Some(AnswerOutcome::Retry);
        for (name, is_given) in [("after", given.after.is_some()), ("scope", given.scope.is_some())] {
            if is_given && !may_retry {
                self.mistakes.add(&format!("{key}.{name}"), "is for outcome = \"retry\" alone");
            }
        }
        let code = match (&given.code, &given.code_as) {
            (Some(_), Some(_)) => {
                self.mistakes.add(&format!("{key}.code_as"), "cannot be given with code; keep one of them");
                None
            }
            (Some(place), None) => self.place(&format!("{key}.code"), place).map(Code::At),
            (None, Some(code)) => {
                let recorded = codes::recorded(code).ok_or_else(|| "must be letters, digits, _, . and -".to_owned());
                self.right(&format!("{key}.code_as"), recorded).map(Code::Fixed)
            }
            (None, None) if given.codes.is_some() => {
                self.mistakes.add(key, "must say where the code is that its table is asked for: code = \"/…\"");
                None
            }
            (None, None) => Some(Code::Status),
        };
        let after = given.after.as_ref().and_then(|after| self.right(&format!("{key}.after"), Wait::parse(after)));
        let scope = given.scope.map(|scope| match scope {
            Scope::Message => LimitScope::Message,
            Scope::Recipient => LimitScope::Recipient,
            Scope::Provider => LimitScope::Provider,
        });
        Some(Rule { conditions, verdict: verdict?, code: code?, after, scope })
    }
}
