//! Whether Twilio has a message or call whose creation had no answer.
//!
//! A list knows nothing of our ids (the callback's URL is not in it), so that what was sent is compared: to whom, from whom, what
//! it says, and that it was created after we began. Of a call the list does not tell what was said.

use serde::Deserialize;
use url::Url;
use watchbell_core::Timestamp;
use watchbell_core::outcome::{Outcome, Report};

use super::classify::by_code;
use super::request::Form;
use crate::http::{Answer, Http, Request};
use crate::provider::Found;

/// Of the newest messages to one number; more than one number gets before the look-up.
const PAGE: usize = 50;
/// How far Twilio's clock may be behind ours.
const SKEW_S: i64 = 60;
/// Texts of the form that a message's body holds, whatever a template or a trial account puts around them.
const TEXTS: [&str; 2] = ["Body", "ContentVariables"];

#[derive(Deserialize)]
struct Page {
    #[serde(alias = "calls")]
    messages: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sid: String,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    messaging_service_sid: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_code: Option<u32>,
    /// RFC 2822, in whole seconds; newer parts of Twilio's API write RFC 3339.
    #[serde(default)]
    date_created: Option<String>,
}

/// A list, and what is looked for in it.
pub struct Question<'a> {
    pub list: &'a Url,
    /// Messages have a body, and `DateSent`; calls have `StartTime`.
    pub is_call: bool,
    /// What was posted to create it.
    pub form: &'a Form,
    pub since: Timestamp,
    pub now: Timestamp,
}

impl Question<'_> {
    /// What Twilio has of it, newest first; None where it does not say. What is still queued has no date by which a list could be
    /// narrowed, so that is done only where there is too much without.
    pub async fn ask(&self, http: &Http, authorize: impl Fn(Request) -> Request) -> Option<Vec<Found>> {
        let ask = async |url: &Url| page(&http.call(authorize(http.get(url))).await.ok()?);
        for with_date in [false, true] {
            let page = ask(&self.url(with_date)).await?;
            let goes_on = page.len() >= PAGE && page.last().and_then(created_at).is_none_or(|oldest| oldest >= self.earliest());
            let found = self.found(page);
            if !found.is_empty() || !goes_on {
                return Some(found);
            }
        }
        // There is more than can be looked through.
        None
    }

    fn url(&self, with_date: bool) -> Url {
        let mut url = self.list.clone();
        let mut query = url.query_pairs_mut();
        for key in ["To", "From"] {
            if let Some(value) = self.field(key) {
                query.append_pair(key, value);
            }
        }
        if with_date {
            let day: String = self.since.to_string().chars().take(10).collect();
            query.append_pair(if self.is_call { "StartTime>" } else { "DateSent>" }, &day);
        }
        query.append_pair("PageSize", &PAGE.to_string());
        drop(query);
        url
    }

    fn earliest(&self) -> Timestamp {
        self.since.plus_s(-SKEW_S)
    }

    fn field(&self, key: &str) -> Option<&str> {
        self.form.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    fn found(&self, items: Vec<Item>) -> Vec<Found> {
        let found = |item: Item| Found { report: self.report(&item), message_id: item.sid };
        items.into_iter().filter(|item| self.fits(item)).map(found).collect()
    }

    fn fits(&self, item: &Item) -> bool {
        let is_same = |key, found: &Option<String>| self.field(key).is_none_or(|sent| found.as_deref().is_none_or(|found| found == sent));
        is_same("To", &item.to)
            && is_same("From", &item.from)
            && is_same("MessagingServiceSid", &item.messaging_service_sid)
            && created_at(item).is_some_and(|at| at >= self.earliest())
            && (self.is_call || item.body.as_deref().is_some_and(|body| self.says(body)))
    }

    fn says(&self, body: &str) -> bool {
        let sent = |key: &str| self.field(key).map(str::to_owned);
        TEXTS.iter().filter_map(|key| sent(key)).all(|sent| {
            match serde_json::from_str::<std::collections::BTreeMap<String, String>>(&sent) {
                Ok(variables) => variables.values().all(|text| body.contains(text.trim())),
                Err(_) => body.trim_end().ends_with(sent.trim()),
            }
        })
    }

    fn report(&self, item: &Item) -> Report {
        let status = item.status.as_deref().unwrap_or_default();
        match status {
            // Nobody was reached by it.
            "busy" | "no-answer" | "failed" | "canceled" if self.is_call => Report::retry(status.to_owned()),
            "failed" | "undelivered" | "canceled" => {
                let outcome = item.error_code.and_then(|code| by_code(code, self.now)).unwrap_or(Outcome::BadMessage);
                Report::new(outcome, item.error_code.map_or_else(|| status.to_owned(), |code| code.to_string()))
            }
            _ => Report::accepted(item.sid.clone()),
        }
    }
}

fn page(answer: &Answer) -> Option<Vec<Item>> {
    (answer.status == 200).then(|| serde_json::from_slice::<Page>(&answer.body).ok())?.map(|page| page.messages)
}

fn created_at(item: &Item) -> Option<Timestamp> {
    created_at_text(item.date_created.as_deref()?)
}

/// A time as Twilio's lists write it.
pub fn created_at_text(date: &str) -> Option<Timestamp> {
    let read = jiff::fmt::rfc2822::parse(date).ok().map(|date| Timestamp::from_millis(date.timestamp().as_millisecond()));
    read.or_else(|| Timestamp::parse_rfc3339(date).ok())
}
