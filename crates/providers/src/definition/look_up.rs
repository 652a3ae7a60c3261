//! Whether the service has a message whose sending had no answer: its newest messages are asked for, and compared.

use minijinja::context;
use url::Url;
use watchbell_core::Timestamp;
use watchbell_core::delivery::ReceiptOutcome;
use watchbell_core::outcome::{Outcome, Report};

use super::codes::recorded;
use super::place::{Place, Pointer, Source};
use super::receipt::{self, Rule};
use super::sender::Sender;
use super::template::Template;
use crate::http::Http;
use crate::provider::{Found, Outgoing};

/// How far the service's clock may be behind ours, in seconds.
const SKEW_S: i64 = 60;

#[derive(Debug)]
pub struct LookUp {
    pub url: Template,
    pub each: Pointer,
    pub same: Vec<(Place, Template)>,
    pub created: Option<Place>,
    pub message_id: Place,
    pub code: Option<Place>,
    pub rules: Vec<Rule>,
}

impl LookUp {
    /// What the service has of a message; None where it does not say.
    pub async fn ask(&self, sender: &Sender, http: &Http, message: &Outgoing, since: Timestamp) -> Option<Vec<Found>> {
        let variables = sender.variables(message);
        let variables = context! { since => since.as_millis().div_euclid(1000), ..variables };
        let auth = &sender.definition.auth;
        let url = auth.on_url(self.url.url(&variables).ok()?, &variables).ok()?;
        let fill = auth.on_request(sender.signing_key.as_ref(), &variables).ok()?;
        let answer = http.call(fill(http.get(&Url::parse(&url).ok()?))).await.ok()?;
        let list = answer.json();
        let same = self.same.iter().map(|(place, template)| Some((place, template.text(&variables).ok()?)));
        let same: Vec<_> = same.collect::<Option<_>>()?;
        // What is no such list says nothing of the message; an empty list does.
        let entries = self.each.members(&list).filter(|_| answer.is_success())?;
        let found = entries.into_iter().filter_map(|entry| {
            let source = Source { status: None, headers: &answer.headers, query: &[], body: &[], data: entry };
            let is_same = same.iter().all(|(place, text)| place.first(&source).is_some_and(|found| found == *text));
            (is_same && self.is_young(&source, since)).then(|| self.found(&source)).flatten()
        });
        Some(found.collect())
    }

    fn is_young(&self, source: &Source<'_>, since: Timestamp) -> bool {
        let Some(place) = &self.created else { return true };
        place.first(source).and_then(|text| time(&text)).is_some_and(|at| at >= since.plus_s(-SKEW_S))
    }

    fn found(&self, source: &Source<'_>) -> Option<Found> {
        let message_id = self.message_id.first(source)?;
        let code = || self.code.as_ref().and_then(|place| recorded(&place.first(source)?));
        let report = match receipt::outcome(&self.rules, source, self.code.as_ref()) {
            None | Some(ReceiptOutcome::Delivered | ReceiptOutcome::Read) => Report::accepted(message_id.clone()),
            Some(ReceiptOutcome::BadAddress) => Report::new(Outcome::BadAddress, code()),
            Some(ReceiptOutcome::Undelivered) => Report::new(Outcome::BadMessage, code()),
            Some(ReceiptOutcome::NoRoute) => Report::new(Outcome::BadRoute, code()),
            Some(ReceiptOutcome::NotAnswered | ReceiptOutcome::TryAgain) => Report::retry(code()),
        };
        Some(Found { message_id, report })
    }
}

/// RFC 3339, an HTTP date, or seconds since 1970.
fn time(text: &str) -> Option<Timestamp> {
    let date = || Some(Timestamp::from_millis(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond()));
    let seconds = || Some(Timestamp::from_millis(text.parse::<i64>().ok()?.checked_mul(1000)?));
    Timestamp::parse_rfc3339(text).ok().or_else(date).or_else(seconds)
}

/// What a look-up's templates know beside a message's variables.
pub const VARIABLES: &[&str] = &["since"];
