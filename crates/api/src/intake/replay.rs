//! Payloads that could not be read, kept as they came and read again once what was wrong is mended.

use watchbell_core::Timestamp;
use watchbell_core::event::Original;
use watchbell_intake::{Intake, Reading, Request};
use watchbell_store::intake::Accepted;

use super::Offered;
use crate::auth::Authenticated;
use crate::problem::{Kind, Problem};
use crate::state::Api;

/// What a dead letter's subject begins with, for a payload that was no event at all; the intake's name follows.
const SUBJECT: &str = "watchbell.intake.";

const CONTENT_TYPE: &str = "content-type";
const METHOD: &str = ":method";
const PATH: &str = ":path";
const QUERY: &str = ":query";

/// A request as it is kept: without any key.
pub(super) fn original(intake: &Intake, request: &Request<'_>, received_at: Timestamp) -> Original {
    let fields = request.query.iter().filter(|(name, _)| name != "key");
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [(CONTENT_TYPE, request.media_type), (METHOD, request.method), (PATH, request.path), (QUERY, &query)];
    let headers = headers.into_iter().filter(|(_, value)| !value.is_empty());
    Original {
        subject: format!("{SUBJECT}{}", intake.name),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        payload: match intake.dialect.key_in_body(request.body) {
            Some(key) => without(request.body, key.as_bytes()),
            None => request.body.to_vec(),
        },
        received_at,
    }
}

/// The bytes with a letter x in the place of each letter of the key: who may read dead letters may not publish.
fn without(body: &[u8], key: &[u8]) -> Vec<u8> {
    let mut kept = body.to_vec();
    let mut at = 0;
    while !key.is_empty() && at + key.len() <= kept.len() {
        if kept[at..].starts_with(key) {
            kept[at..at + key.len()].fill(b'x');
        }
        at += 1;
    }
    kept
}

/// Whether a dead letter is such a payload.
pub(crate) fn is_of_intake(original: &Original) -> bool {
    original.subject.starts_with(SUBJECT)
}

/// Reads such a payload by today's configuration, and accepts what it comes to.
///
/// # Errors
/// `Conflict`: it still cannot be read, or its intake is no more.
pub(crate) async fn replay(api: &Api, caller: &Authenticated, letter: i64, original: &Original) -> Result<Vec<Accepted>, Problem> {
    let unusable = |why: String| Problem::new(Kind::Conflict, why);
    let name = original.subject.strip_prefix(SUBJECT).unwrap_or_default();
    let intake = api.settings.intakes.get(name).ok_or_else(|| unusable(format!("there is no [intake.{name}] any more")))?;
    let header = |name| original.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let query: Vec<(String, String)> = url::form_urlencoded::parse(header(QUERY).as_bytes()).into_owned().collect();
    let id = format!("dead-letter-{letter}");
    let request = Request {
        method: header(METHOD),
        path: header(PATH),
        query: &query,
        media_type: header(CONTENT_TYPE),
        body: &original.payload,
        id: &id,
    };
    let Reading::Reports { reports, payload, .. } = intake.read(&request).map_err(|why| unusable(why.detail))? else {
        return Err(unusable("it tells of no alert".to_owned()));
    };
    let mut events = intake.mapping.events(&reports, &payload, &id).events;
    super::complete(api, &reports, &mut events).await?;
    let offered = Offered { intake, events: &events, received_at: original.received_at, replay_of: Some(letter) };
    Ok(offered.accept(api, caller).await?.into_iter().map(|(_, accepted)| accepted).collect())
}
