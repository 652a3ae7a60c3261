//! What an alert's messages say when a later event of the same round says more.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_core::event::{AlertData, Event, EventData};
use watchbell_core::{EventId, UserId};
use watchbell_store::facts::Alert;
use watchbell_store::facts::content::Content;
use watchbell_store::facts::history::{Happened, What};

use crate::timeline::{Pages, Timeline, last_resolved};

/// What the alert's events say since it was last resolved, with `event` among them in `history`; `described` is what the first of
/// them says, as long as there was no other. None as long as one event says it all.
pub fn of(known: &Alert, history: &[Happened], described: Option<&AlertData>, event: &Event) -> Option<Content> {
    let place = |id: &EventId| history.iter().position(|happened| happened.event_id == *id);
    let resolved = last_resolved(history);
    // An event that is not remembered any more counts as long as the alert was not resolved since.
    let is_as_before = last_resolved(&known.history).map(|at| &known.history[at].event_id) == resolved.map(|at| &history[at].event_id);
    let counts = |id: &EventId| place(id).map_or(is_as_before, |at| resolved.is_none_or(|resolved| at > resolved));
    let mut content = known.content.clone().unwrap_or_default();
    // Once the alert is resolved, its first event describes it no more.
    let is_described = Timeline::of(&known.history).about.is_some();
    if let Some(first) = described.filter(|_| is_described && known.content.is_none()) {
        content.say(first, &known.event_id, |_| false);
    }
    content.retain(counts);
    let id = event.id();
    let is_other = |happened: &Happened| matches!(happened.what, What::Alert { .. }) && happened.event_id != id;
    if !history[resolved.map_or(0, |at| at + 1)..].iter().any(is_other) {
        return None;
    }
    match &event.data {
        EventData::Alert(data) if counts(&id) => {
            let at = place(&id);
            content.say(data, &id, |by| place(by) > at);
            Some(content)
        }
        _ => known.content.is_some().then_some(content),
    }
}

/// Gives the alert what it says now; answers what the messages of all who are paged say from now on, if that is something else
/// than before, and the events that they are rendered from.
pub fn update(
    alert: &mut Alert,
    known: Option<&Alert>,
    before: &BTreeMap<UserId, Pages>,
    after: &BTreeMap<UserId, Pages>,
    data: Option<&AlertData>,
    event: &Event,
) -> Option<(Content, BTreeSet<EventId>)> {
    let id = event.id();
    match (&alert.content, data) {
        (Some(content), _) => {
            alert.summary = content.summary().unwrap_or(&alert.id).to_owned();
            alert.url = content.url().map(str::to_owned);
        }
        // Updates of the alert may have come before its first event.
        (None, Some(data)) if alert.event_id == id || alert.summary.is_empty() => {
            alert.summary.clone_from(&data.summary);
            alert.url.clone_from(&data.url);
        }
        (None, _) => {}
    }
    let content = alert.content.clone()?;
    let is_news = known.and_then(|known| known.content.as_ref()).is_none_or(|before| !before.reads_as(&content));
    let rendered_from = |pages: &BTreeMap<UserId, Pages>| -> BTreeSet<EventId> {
        pages.values().flat_map(|pages| &pages.pages).map(|page| page.event_id.clone()).collect()
    };
    let (before, mut events) = (rendered_from(before), rendered_from(after));
    events.retain(|event| is_news || !before.contains(event));
    (!events.is_empty()).then_some((content, events))
}
