//! What a receipt means, and what the state of a message that was looked up does.

use std::sync::Arc;

use watchbell_core::delivery::ReceiptOutcome;

use super::codes::{Codes, Meaning};
use super::condition::Condition;
use super::format;
use super::place::{Place, Source};

/// Where receipts stand in an event, and what they say.
#[derive(Debug)]
pub struct Receipt {
    pub each: Option<super::place::Pointer>,
    pub conditions: Vec<Condition>,
    pub delivery: Place,
    pub message_id: Option<Place>,
    pub code: Option<Place>,
    pub rules: Vec<Rule>,
}

#[derive(Debug)]
pub struct Rule {
    pub conditions: Vec<Condition>,
    pub verdict: Verdict,
}

#[derive(Debug)]
pub enum Verdict {
    Outcome(format::ReceiptOutcome),
    /// What the code means, if the table knows it.
    Codes(Arc<Codes>),
}

/// What the first rule that holds says; None where the message is still on its way, or no rule knows.
pub fn outcome(rules: &[Rule], source: &Source<'_>, code: Option<&Place>) -> Option<ReceiptOutcome> {
    match rules.iter().find_map(|rule| rule.outcome(source, code))? {
        format::ReceiptOutcome::Nothing => None,
        format::ReceiptOutcome::Delivered => Some(ReceiptOutcome::Delivered),
        format::ReceiptOutcome::Read => Some(ReceiptOutcome::Read),
        format::ReceiptOutcome::Undelivered => Some(ReceiptOutcome::Undelivered),
        format::ReceiptOutcome::TryAgain => Some(ReceiptOutcome::TryAgain),
        format::ReceiptOutcome::NoRoute => Some(ReceiptOutcome::NoRoute),
        format::ReceiptOutcome::BadAddress => Some(ReceiptOutcome::BadAddress),
        format::ReceiptOutcome::NotAnswered => Some(ReceiptOutcome::NotAnswered),
    }
}

impl Rule {
    /// None where it does not apply.
    fn outcome(&self, source: &Source<'_>, code: Option<&Place>) -> Option<format::ReceiptOutcome> {
        if !self.conditions.iter().all(|condition| condition.holds(source)) {
            return None;
        }
        match &self.verdict {
            Verdict::Outcome(outcome) => Some(*outcome),
            Verdict::Codes(codes) => Some(match code?.all(source).iter().find_map(|code| codes.meaning(code))? {
                Meaning::BadAddress => format::ReceiptOutcome::BadAddress,
                Meaning::Retry | Meaning::ProviderDown => format::ReceiptOutcome::TryAgain,
                Meaning::BadRoute => format::ReceiptOutcome::NoRoute,
                Meaning::BadMessage => format::ReceiptOutcome::Undelivered,
            }),
        }
    }
}
