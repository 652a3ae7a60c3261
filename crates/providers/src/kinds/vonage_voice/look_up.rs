//! Whether Vonage has a call whose creation had no answer: the newest calls are asked for, and compared. Of what was said in one the
//! list tells nothing, nor of our ids.

use serde::Deserialize;
use url::Url;
use watchbell_core::Timestamp;
use watchbell_core::outcome::Report;

use crate::http::Answer;
use crate::provider::Found;

/// More calls than begin before the look-up.
const PAGE: usize = 100;
/// How far Vonage's clock may be behind ours.
const SKEW_S: i64 = 60;

#[derive(Deserialize)]
struct Page {
    count: usize,
    #[serde(rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Deserialize)]
struct Embedded {
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    uuid: String,
    status: String,
    to: Party,
    #[serde(default)]
    from: Party,
}

#[derive(Default, Deserialize)]
struct Party {
    #[serde(default)]
    number: Option<String>,
}

pub fn url(calls: &Url, since: Timestamp) -> Url {
    let mut url = calls.clone();
    let start = since.plus_s(-SKEW_S).to_string();
    url.query_pairs_mut().append_pair("date_start", &start).append_pair("order", "desc").append_pair("page_size", &PAGE.to_string());
    url
}

/// Calls to a number from ours, newest first; None where that cannot be said.
pub fn found(answer: &Answer, to: &str, from: &str) -> Option<Vec<Found>> {
    let page: Page = (answer.status == 200).then(|| serde_json::from_slice(&answer.body).ok())??;
    let is_same = |call: &Call| call.to.number.as_deref() == Some(to) && call.from.number.as_deref().is_none_or(|number| number == from);
    let found: Vec<_> =
        page.embedded.calls.into_iter().filter(is_same).map(|call| Found { report: report(&call), message_id: call.uuid }).collect();
    // There may be one among those that were not listed.
    (!found.is_empty() || page.count <= PAGE).then_some(found)
}

fn report(call: &Call) -> Report {
    match call.status.as_str() {
        // Nobody was reached by it.
        "busy" | "cancelled" | "failed" | "rejected" | "timeout" | "unanswered" => Report::retry(call.status.clone()),
        _ => Report::accepted(call.uuid.clone()),
    }
}
