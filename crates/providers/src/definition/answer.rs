//! What the service's answer to a message means.

use watchbell_core::Timestamp;
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use super::codes::{Codes, recorded};
use super::condition::Condition;
use super::format::{After, AnswerOutcome};
use super::place::{Place, Source};
use crate::http::{self, Answer};

/// No rule holds a message up for longer.
const LONGEST_WAIT_S: f64 = 24.0 * 60.0 * 60.0;

/// The rules, in order.
#[derive(Debug)]
pub struct Answers(pub Vec<Rule>);

#[derive(Debug)]
pub struct Rule {
    pub conditions: Vec<Condition>,
    pub verdict: Verdict,
    pub code: Code,
    pub after: Option<Wait>,
    pub scope: Option<LimitScope>,
}

#[derive(Debug)]
pub enum Verdict {
    /// With the place of the message's id, where the service names one.
    Accepted(Option<Place>),
    Outcome(AnswerOutcome),
    /// What the code means, if the table knows it.
    Codes(std::sync::Arc<Codes>),
}

/// What is kept as the service's code.
#[derive(Debug)]
pub enum Code {
    Status,
    At(Place),
    Fixed(String),
}

/// How long to wait.
#[derive(Debug)]
pub enum Wait {
    Seconds(f64),
    /// A number at a place, in so many seconds each.
    At(Place, f64),
    Epoch(Place),
    Date(Place),
    MidnightUtc,
}

impl Wait {
    pub fn parse(given: &After) -> Result<Self, String> {
        Ok(match given {
            After::Seconds(seconds) => Self::Seconds(f64::from(*seconds)),
            After::SecondsAt(place) => Self::At(Place::parse(place)?, 1.0),
            After::MillisecondsAt(place) => Self::At(Place::parse(place)?, 0.001),
            After::EpochAt(place) => Self::Epoch(Place::parse(place)?),
            After::DateAt(place) => Self::Date(Place::parse(place)?),
            After::MidnightUtc => Self::MidnightUtc,
        })
    }

    /// None where the answer does not say it, or that it is over.
    fn until(&self, source: &Source<'_>, now: Timestamp) -> Option<Timestamp> {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        let number = |place: &Place| place.first(source)?.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
        let now_s = now.as_millis() as f64 / 1000.0;
        let seconds = match self {
            Self::Seconds(seconds) => *seconds,
            Self::At(place, each) => number(place)? * each,
            Self::Epoch(place) => number(place)? - now_s,
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
            Self::Date(place) => {
                jiff::fmt::rfc2822::parse(place.first(source)?.trim()).ok()?.timestamp().as_millisecond() as f64 / 1000.0 - now_s
            }
            Self::MidnightUtc => return Some(Timestamp::from_millis((now.as_millis().div_euclid(DAY_MS) + 1) * DAY_MS)),
        };
        #[expect(clippy::cast_possible_truncation, reason = "at most a day's milliseconds")]
        (seconds > 0.0).then(|| now.plus_ms((seconds.min(LONGEST_WAIT_S) * 1000.0).ceil() as i64))
    }
}

impl Answers {
    pub fn report(&self, answer: &Answer, now: Timestamp) -> Report {
        let data = answer.json();
        let source = Source { status: Some(answer.status), headers: &answer.headers, query: &[], body: &answer.body, data: &data };
        let known = self.0.iter().find_map(|rule| rule.report(answer, &source, now));
        known.unwrap_or_else(|| match http::by_status(answer, now) {
            // A success that says nothing of what was asked: somebody else answered, or half of it is missing.
            report if answer.is_success() => Report { code: Some("broken_answer".to_owned()), ..report },
            report => report,
        })
    }
}

impl Rule {
    /// None where it does not apply.
    fn report(&self, answer: &Answer, source: &Source<'_>, now: Timestamp) -> Option<Report> {
        if !self.conditions.iter().all(|condition| condition.holds(source)) {
            return None;
        }
        let retry = || Outcome::Retry { after: None, scope: LimitScope::Message };
        let (outcome, code) = match &self.verdict {
            Verdict::Accepted(None) => return Some(Report::accepted(None)),
            Verdict::Accepted(Some(place)) => {
                return Some(match place.first(source) {
                    Some(id) => Report::accepted(id),
                    None => Report::new(Outcome::Unknown, "no_message_id".to_owned()),
                });
            }
            Verdict::Outcome(outcome) => (outcome_of(*outcome), self.code(source)),
            Verdict::Codes(codes) => {
                let Code::At(place) = &self.code else { return None };
                let (code, meaning) = place.all(source).into_iter().find_map(|code| Some((code.clone(), codes.meaning(&code)?)))?;
                let outcome = meaning.outcome();
                // A status that passes is never made permanent by a code.
                let outcome = if http::is_passing(answer.status) { retry() } else { outcome };
                (outcome, recorded(&code))
            }
        };
        let outcome = match outcome {
            Outcome::Retry { .. } => {
                let own = self.after.as_ref().and_then(|wait| wait.until(source, now));
                let usual = if answer.status == 429 { LimitScope::Provider } else { LimitScope::Message };
                Outcome::Retry { after: own.max(answer.retry_after(now)), scope: self.scope.unwrap_or(usual) }
            }
            other => other,
        };
        Some(Report::new(outcome, code.unwrap_or_else(|| format!("http_{}", answer.status))))
    }

    fn code(&self, source: &Source<'_>) -> Option<String> {
        match &self.code {
            Code::Status => None,
            Code::At(place) => place.all(source).iter().find_map(|code| recorded(code)),
            Code::Fixed(code) => Some(code.clone()),
        }
    }
}

fn outcome_of(outcome: AnswerOutcome) -> Outcome {
    match outcome {
        AnswerOutcome::Accepted => Outcome::Accepted { message_id: None },
        AnswerOutcome::Retry => Outcome::Retry { after: None, scope: LimitScope::Message },
        AnswerOutcome::BadAddress => Outcome::BadAddress,
        AnswerOutcome::BadMessage => Outcome::BadMessage,
        AnswerOutcome::BadRoute => Outcome::BadRoute,
        AnswerOutcome::ProviderDown => Outcome::ProviderDown,
        AnswerOutcome::Unknown => Outcome::Unknown,
    }
}
