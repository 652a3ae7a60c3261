//! `/a/{token}`: an alert, and what can be answered to it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::event::{Action, AlertData, EventData, Priority};
use watchbell_core::text::visible;
use watchbell_providers::inbound::Change;
use watchbell_providers::phrase::{Phrase, Since};
use watchbell_store::facts::{Alert, AlertState};

use super::{Page, field, gone, no_link};
use crate::answers::{self, Message};
use crate::callbacks::effect;
use crate::callbacks::said::say;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;

/// So many labels are shown, and so much of the details, in characters.
const MOST_LABELS: usize = 20;
const LONGEST_DETAILS: usize = 4_000;

/// Shows the alert and changes nothing. `do` says which button was pressed in a mail: it stands out here.
pub(super) async fn show(State(api): State<Api>, params: Params, request: Request) -> Result<Response, Problem> {
    let Some(message) = Message::by_token(&api, params.path("token")).await? else { return Ok(nothing(&api, &params, &request)) };
    let locale = message.user.locale.clone();
    if message.has_expired(api.clock.now()) {
        return Ok(gone(&api, &locale, Phrase::AnswerExpired));
    }
    let Some(alert) = api.store.alert(&message.alert).await? else { return Ok(gone(&api, &locale, Phrase::AnswerUnknown)) };
    let meant = params.queries().iter().find(|(name, _)| name == "do").and_then(|(_, value)| value.parse().ok());
    Ok(page(&api, &message, &alert, String::new(), meant).await?.write(&api, StatusCode::OK))
}

/// Does what the button says, and shows what came of it.
pub(super) async fn act(State(api): State<Api>, params: Params, request: Request) -> Result<Response, Problem> {
    let Some(message) = Message::by_token(&api, params.path("token")).await? else { return Ok(nothing(&api, &params, &request)) };
    let locale = message.user.locale.clone();
    let action = field(&api, request, "action").await?.and_then(|text| text.parse::<Action>().ok());
    let Some(action) = action else {
        let choices = watchbell_core::channel::join(Action::ALL);
        return Err(Problem::invalid("action", "is missing or unknown", &format!("it must be one of {choices}")));
    };
    let _turn = api.gates.change().await?;
    let change = answers::answer(&api, &message, message.user.id, action).await?;
    let status = match &change {
        Change::Expired => return Ok(gone(&api, &locale, Phrase::AnswerExpired)),
        Change::Over(_) => StatusCode::CONFLICT,
        _ => StatusCode::OK,
    };
    let Some(alert) = api.store.alert(&message.alert).await? else { return Ok(gone(&api, &locale, Phrase::AnswerUnknown)) };
    let said = effect(&api, Some(action), change, &locale, "").said;
    Ok(page(&api, &message, &alert, said, None).await?.write(&api, status))
}

/// A token that is ours may outlive its delivery; any other was never one.
fn nothing(api: &Api, params: &Params, request: &Request) -> Response {
    let was_ours = api.settings.answer_key.read(watchbell_core::answer_key::Purpose::Answer, params.path("token")).is_some();
    if was_ours { gone(api, "", Phrase::AnswerUnknown) } else { no_link(api, request) }
}

/// The alert as it is now, below `said`.
async fn page(api: &Api, message: &Message, alert: &Alert, said: String, meant: Option<Action>) -> Result<Page, Problem> {
    let locale = message.user.locale.as_str();
    let phrase = |phrase, since: Option<&Since>, of: &[(&'static str, &str)]| say(api, phrase, locale, since, of);
    let ended = answers::ended(api, alert).await?.map(|ended| ended.since);
    let raised = Since { state: AlertState::Open.as_str(), at: message.delivery.due_at, by: String::new() };
    let is_paged = api.store.is_paged(message.user.id, &message.alert, message.round).await?;
    let since = ended.or_else(|| is_paged.then_some(raised));
    // Opened again since: another message tells of that round.
    let state = since.map_or_else(|| phrase(Phrase::AnswerOver, None, &[]), |since| phrase(Phrase::PageState, Some(&since), &[]));
    let data = match api.store.event_data(&alert.event_id).await? {
        Some(EventData::Alert(data)) => data,
        _ => AlertData::default(),
    };
    let summary = visible(&alert.summary).into_owned();
    let actions: &[Action] = match (is_paged, alert.state) {
        (true, _) => Action::ALL,
        (false, AlertState::Accepted) => &[Action::Resolve],
        (false, _) => &[],
    };
    // Who has it already is not led to press on: what ends an alert is pressed by who means it.
    let first = meant.or(Some(Action::Accept)).filter(|action| actions.contains(action));
    let label = |action: Action| match action {
        Action::Accept => phrase(Phrase::Accept, None, &[]),
        Action::Resolve => phrase(Phrase::Resolve, None, &[]),
        Action::Decline => phrase(Phrase::Decline, None, &[]),
    };
    let mut facts = vec![("Alert".to_owned(), visible(&alert.id).into_owned())];
    facts.extend(data.labels.iter().take(MOST_LABELS).map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (visible(name).into_owned(), visible(&value).into_owned())
    }));
    let name = message.user.display_name();
    let mut lines = vec![state];
    if !actions.is_empty() {
        lines.push(phrase(Phrase::PageAs, None, &[("name", &name)]));
    }
    let url = alert.url.as_deref().and_then(|url| url::Url::parse(url).ok()).filter(|url| ["https", "http"].contains(&url.scheme()));
    Ok(Page {
        said,
        title: if summary.trim().is_empty() { alert.id.clone() } else { summary },
        lines,
        details: visible(&data.details.unwrap_or_default()).chars().take(LONGEST_DETAILS).collect(),
        facts,
        open: phrase(Phrase::Open, None, &[]),
        host: url.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned(),
        url: url.map(String::from).unwrap_or_default(),
        buttons: actions.iter().map(|action| (action.as_str(), label(*action), first == Some(*action))).collect(),
        high: alert.priority == Priority::High,
        ..Page::in_language(api, locale)
    })
}
