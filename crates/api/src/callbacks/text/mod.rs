//! What people write: `1`, "ack A7", "ja". What it means follows from what they were told at the address that it came from.
//!
//! What a text meant is kept under its id before it is done, so that one that its provider hands over again does the same again and
//! nothing else, whatever was opened meanwhile.

mod helped;
mod meaning;
mod words;

use watchbell_core::contact::ContactKind;
use watchbell_core::user::User;
use watchbell_core::{answer_code, ids};
use watchbell_providers::consent;
use watchbell_providers::inbound::{Change, Effect, Text};
use watchbell_providers::phrase::Phrase;
use watchbell_store::StoreError;

pub(crate) use self::helped::Helped;
use self::meaning::{Alert, Answered, Meaning};
use super::answer::{effect, pressed_by};
use super::said::say;
use crate::answers::{self, ANSWERABLE_S, Message};
use crate::state::Api;

/// So many alerts a list names, and so many characters of what each is about: what fits into two or three SMS.
const LISTED: usize = 6;
const SUMMARY: usize = 40;

/// What a text comes to.
pub(super) async fn apply(api: &Api, provider: &str, text: &Text) -> Result<Effect, StoreError> {
    let Some(kind) = text.channels.first().and_then(|channel| ContactKind::for_channel(*channel)) else {
        return Ok(Effect::quiet(Change::Nothing));
    };
    // Who says STOP hears no more, not even that it was understood: the carrier says so.
    let keyword = consent::keyword(text.text.expose());
    if keyword.is_some() && words::read(text.text.expose()).action.is_none() {
        return Ok(Effect::quiet(Change::Nothing));
    }
    let owners = api.store.owners(kind, text.from.expose()).await?;
    let by = match &text.by {
        Some(presser) => pressed_by(api, presser).await?,
        None => None,
    };
    let locale = by.as_ref().or(owners.first()).map_or(text.locale.clone(), |user| user.locale.clone());
    if owners.is_empty() {
        return Ok(help(api, text, &locale, false));
    }
    if text.by.is_some() && by.is_none() {
        return Ok(effect(api, None, Change::Stranger, &locale, ""));
    }
    let id = text.message_id.as_ref().map(|id| ids::digest(&[provider, id]));
    if let Some(kept) = known(api, id.as_deref()).await? {
        return answer(api, &kept, by.as_ref(), &locale).await;
    }
    let since = api.clock.now().plus_s(-ANSWERABLE_S - LONGEST_DELAY_S);
    let told = api.store.told(kind, text.from.expose(), since).await?;
    match meaning::of(&words::read(text.text.expose()), &told, text.replies_to.as_deref()) {
        Meaning::Answer(answered) => {
            let answered = keep(api, id.as_deref(), answered).await?;
            answer(api, &answered, by.as_ref(), &locale).await
        }
        Meaning::Which(alerts) => Ok(which(api, &alerts, &locale)),
        Meaning::Nothing => Ok(help(api, text, &locale, told.iter().any(|told| told.is_paged))),
    }
}

/// Deliveries are found by when they were planned for the first time: a step may be sent so much later, in seconds.
const LONGEST_DELAY_S: i64 = 86_400;

async fn known(api: &Api, id: Option<&str>) -> Result<Option<Answered>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    let kept = api.store.text_meaning(id).await?;
    kept.map(|kept| serde_json::from_str(&kept).map_err(|error| StoreError::Corrupt(error.to_string()))).transpose()
}

/// Keeps what a text means; of several processes that were given it at once, all go by what the first kept.
async fn keep(api: &Api, id: Option<&str>, answered: Answered) -> Result<Answered, StoreError> {
    let Some(id) = id else { return Ok(answered) };
    let corrupt = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
    let kept = api.store.keep_text(id, &serde_json::to_string(&answered).map_err(corrupt)?).await?;
    serde_json::from_str(&kept).map_err(corrupt)
}

/// Does it, to one message or to several; what came of it is said in one text.
async fn answer(api: &Api, answered: &Answered, by: Option<&User>, locale: &str) -> Result<Effect, StoreError> {
    let mut effects = Vec::with_capacity(answered.deliveries.len());
    for delivery in &answered.deliveries {
        let Some(message) = Message::by_id(api, delivery).await? else {
            effects.push(effect(api, None, Change::Unknown, locale, ""));
            continue;
        };
        let by = by.unwrap_or(&message.user);
        let change = answers::answer(api, &message, by.id, answered.action).await?;
        let summary = api.store.alert(&message.alert).await?.map(|alert| cut(&alert.summary)).unwrap_or_default();
        effects.push(effect(api, Some(answered.action), change, &by.locale, &summary));
    }
    if effects.len() == 1 {
        return Ok(effects.remove(0));
    }
    let done = effects.iter().filter(|effect| effect.change == Change::Done).count();
    let (all, count) = (effects.len().to_string(), done.to_string());
    let said = say(api, Phrase::TextAll, locale, None, &[("action", answered.action.as_str()), ("done", &count), ("all", &all)]);
    let change = if done > 0 { Change::Done } else { Change::Over(None) };
    Ok(Effect { change, locale: locale.to_owned(), said })
}

/// The list of what an answer could be about, with the codes that tell them apart.
fn which(api: &Api, alerts: &[Alert<'_>], locale: &str) -> Effect {
    let shown = answer_code::enough(alerts.iter().map(|alert| alert.code.as_str()));
    let line = |alert: &Alert<'_>| format!("{} {}", &alert.code[..shown], cut(&alert.told.summary));
    let list: Vec<String> = alerts.iter().take(LISTED).map(line).collect();
    let more = alerts.len().saturating_sub(LISTED);
    let example = alerts.first().map_or("", |alert| &alert.code[..shown]);
    let of = [("list", &*list.join("; ")), ("more", &more.to_string()), ("example", example)];
    let said = say(api, Phrase::TextWhich, locale, None, &of);
    Effect { change: Change::Nothing, locale: locale.to_owned(), said }
}

/// What can be answered, once an hour an address at most.
fn help(api: &Api, text: &Text, locale: &str, has_open: bool) -> Effect {
    let quiet = Effect { locale: locale.to_owned(), ..Effect::quiet(Change::Nothing) };
    if !api.helped.may_help(text.from.expose(), api.clock.now()) {
        return quiet;
    }
    let open = if has_open { "yes" } else { "" };
    Effect { said: say(api, Phrase::TextHelp, locale, None, &[("open", open)]), ..quiet }
}

fn cut(summary: &str) -> String {
    if summary.chars().count() <= SUMMARY { summary.to_owned() } else { summary.chars().take(SUMMARY - 1).chain(['…']).collect() }
}
