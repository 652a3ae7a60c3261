//! `/dead-letters`: events, or parts of them, that could not be used; kept with the reason until somebody mends what was
//! wrong (makes the missing user, say) and plays them again.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use watchbell_core::decode::{self, RejectReason};
use watchbell_core::event::Original;
use watchbell_store::intake::{Accepted, DeadLetter, DeadLetterFilter, Publisher};
use watchbell_wire::Name;
use watchbell_wire::dead_letters::{self as wire, DeadLetterWithOriginal, DeletedDeadLetters, ReplayedDeadLetters, UnusableDeadLetter};
use watchbell_wire::events::AcceptedEvents;

use super::{events, page};
use crate::auth::Authenticated;
use crate::intake;
use crate::problem::{Kind, Problem};
use crate::request::Params;
use crate::state::Api;
use crate::surface;

/// How many one call plays again; the answer's cursor goes on from there.
const REPLAYED_AT_ONCE: i64 = 200;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let filter = DeadLetterFilter { before: page::numeric_cursor(&params)?, limit: limit + 1, ..filter(&params)? };
    let found = api.store.dead_letters(&filter).await?;
    page::write(found, limit, |letter| letter.id.to_string(), write)
}

/// One dead letter with what came over the wire.
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let (letter, original) = found(&api, params.id("id")?).await?;
    let (payload, payload_base64) = match String::from_utf8(original.payload) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    let headers = original.headers.into_iter().map(|(name, value)| [name, value]).collect();
    Ok(surface::json(StatusCode::OK, &DeadLetterWithOriginal { letter: write(&letter), headers, payload, payload_base64 }))
}

/// Plays one again: plans what of it is still missing, and nothing twice.
pub(super) async fn replay(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let accepted = play(&api, &caller, params.id("id")?).await?;
    Ok(surface::json(StatusCode::ACCEPTED, &AcceptedEvents { events: accepted.iter().map(events::write).collect() }))
}

/// Plays all again that the filter finds and that were not yet, newest first. One that still cannot be used stops none of the
/// others.
pub(super) async fn replay_all(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let before = page::numeric_cursor(&params)?;
    let filter = DeadLetterFilter { replayed: Some(false), before, limit: REPLAYED_AT_ONCE + 1, ..filter(&params)? };
    let letters = api.store.dead_letters(&filter).await?;
    let has_more = letters.len() > usize::try_from(REPLAYED_AT_ONCE).unwrap_or(usize::MAX);
    let (mut replayed, mut failed, mut last) = (0, Vec::new(), None);
    for letter in letters.into_iter().take(usize::try_from(REPLAYED_AT_ONCE).unwrap_or(usize::MAX)) {
        let id = letter.id;
        last = Some(id);
        match play(&api, &caller, id).await {
            // What still cannot be used keeps its letter open.
            Ok(accepted) => {
                match accepted.iter().flat_map(|accepted| &accepted.rejected).find(|(why, _)| *why == RejectReason::UnknownUser) {
                    None => replayed += 1,
                    Some((_, problem)) => failed.push(UnusableDeadLetter { id, message: problem.clone() }),
                }
            }
            // The database is away for all of them.
            Err(problem) if matches!(problem.kind, Kind::Unavailable) => return Err(problem),
            Err(problem) => failed.push(UnusableDeadLetter { id, message: problem.message.into_owned() }),
        }
    }
    let next_cursor = last.filter(|_| has_more).map(|last| last.to_string());
    Ok(surface::json(StatusCode::ACCEPTED, &ReplayedDeadLetters { replayed, failed, next_cursor }))
}

pub(super) async fn purge(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_admin()?;
    let deleted = api.store.purge_dead_letters(caller.actor(), &filter(&params)?).await?;
    Ok(surface::json(StatusCode::OK, &DeletedDeadLetters { deleted }))
}

async fn play(api: &Api, caller: &Authenticated, id: i64) -> Result<Vec<Accepted>, Problem> {
    let (_, original) = found(api, id).await?;
    if intake::is_of_intake(&original) {
        return intake::replay(api, caller, id, &original).await;
    }
    let event = decode::from_nats(original, &api.settings.events);
    let mut event = event.map_err(|rejected| {
        let why = decode::Undecodable::new(rejected.reason, rejected.detail);
        Problem { kind: Kind::Conflict, ..events::unusable(&why) }
    })?;
    event.replay_of = Some(id);
    Ok(api.intake.accept(&[event], Some(Publisher { by: caller.actor(), action: "dead_letter.replay" })).await?)
}

async fn found(api: &Api, id: i64) -> Result<(DeadLetter, Original), Problem> {
    api.store.dead_letter(id).await?.ok_or_else(|| Problem::not_found("dead letter"))
}

fn filter(params: &Params) -> Result<DeadLetterFilter, Problem> {
    Ok(DeadLetterFilter {
        reason: params.query("reason")?.map(str::to_owned),
        subject: params.query("subject")?.map(str::to_owned),
        replayed: params.boolean("replayed")?,
        ..DeadLetterFilter::default()
    })
}

fn write(letter: &DeadLetter) -> wire::DeadLetter {
    wire::DeadLetter {
        id: letter.id,
        subject: letter.subject.clone(),
        reason: Name::kept(letter.reason.clone()),
        detail: letter.detail.clone(),
        received_at: letter.received_at.into(),
        created_at: letter.created_at.into(),
        replayed_at: letter.replayed_at.map(Into::into),
    }
}
