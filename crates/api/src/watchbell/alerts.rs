//! `/alerts/{id}`: an alert as it is now, and answering it.
//!
//! Who has been paged answers as by a button in a message; an admin key may also answer for nobody in particular, as the monitoring
//! system would.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::event::{Action, AlertData, Event, EventData, Occurrence, Original, UpdateData};
use watchbell_core::ids::UserRef;
use watchbell_core::{EventId, UserId};
use watchbell_providers::inbound::Change;
use watchbell_store::Scope;
use watchbell_store::facts::history::What;
use watchbell_store::facts::{Alert, AlertState};
use watchbell_store::history::DeliveryFilter;
use watchbell_store::intake::Publisher;
use watchbell_wire::alerts as wire;

use crate::answers::{self, Message};
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

/// Deliveries of one user that are looked through for one that can be answered.
const LOOKED_THROUGH: i64 = 100;

/// The last events of an alert that are shown: whose they were is looked up.
const MOST_EVENTS: usize = 200;

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let alert = found(&api, &caller, &params).await?;
    Ok(surface::json(StatusCode::OK, &write(&api, &caller, &alert).await?))
}

pub(super) async fn answer(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let alert = found(&api, &caller, &params).await?;
    let mut fields = payload.object()?;
    let choices: Vec<(&str, Action)> = Action::ALL.iter().map(|action| (action.as_str(), *action)).collect();
    let action = fields.required_choice("action", &choices)?;
    fields.finish()?;
    let change = match message(&api, &caller, &alert).await? {
        Some((message, by)) => answers::answer(&api, &message, by, action).await?,
        None if !caller.is_admin() => return Err(Problem::forbidden("only who was told of the alert, or an admin key, answers it")),
        None if action == Action::Decline => return Err(Problem::conflict("only who was told of the alert can decline it")),
        None => {
            let event = event(&api, &caller, &alert, action).await?;
            api.intake.accept(&[event], Some(Publisher { by: caller.actor(), action: "alert.answer" })).await?;
            Change::Done
        }
    };
    let alert = api.store.alert(&alert.id).await?.ok_or_else(|| Problem::not_found("alert"))?;
    match change {
        Change::Over(Some(since)) => {
            let by = if since.by.is_empty() { String::new() } else { format!(" by {}", since.by) };
            Err(Problem::conflict(format!("the alert is {} already{by}, since {}", since.state, since.at)))
        }
        Change::Over(None) => Err(Problem::conflict("the message belongs to an earlier round of the alert; look at the newest one")),
        Change::Expired => Err(Problem::conflict("the message is too old to be answered")),
        _ => Ok(surface::json(StatusCode::OK, &write(&api, &caller, &alert).await?)),
    }
}

/// The alert, if the key may see it: one that does not name a user's own is as one that never was.
async fn found(api: &Api, caller: &Authenticated, params: &Params) -> Result<Alert, Problem> {
    let alert = api.store.alert(params.path("id")).await?;
    let seen = alert.filter(|alert| caller.sees_everybody() || own(caller).is_some_and(|own| names(alert, own)));
    match seen {
        Some(alert) => Ok(alert),
        None if caller.sees_everybody() || own(caller).is_some() => Err(Problem::not_found("alert")),
        None => Err(caller.refusal()),
    }
}

/// The user whose key this is, as far as it reaches them.
fn own(caller: &Authenticated) -> Option<UserId> {
    caller.0.user_id.filter(|user| caller.0.may_read_user(*user))
}

fn names(alert: &Alert, user: UserId) -> bool {
    alert.history.iter().any(|happened| happened.names(user) || happened.round_of(user).is_some())
}

/// The newest message of this round to the caller's own user, which they answer.
async fn message(api: &Api, caller: &Authenticated, alert: &Alert) -> Result<Option<(Message, UserId)>, Problem> {
    let Some(user) = caller.0.user_id.filter(|user| caller.0.may_change_user(*user)) else { return Ok(None) };
    let filter = DeliveryFilter { user: Some(user), alert: Some(alert.id.clone()), limit: LOOKED_THROUGH, ..DeliveryFilter::default() };
    for delivery in api.store.deliveries(&filter).await? {
        let is_of_round = matches!(&delivery.scope, Scope::Alert { round, .. } if *round == alert.round);
        if is_of_round && let Some(message) = Message::of(api, delivery).await? {
            return Ok(Some((message, user)));
        }
    }
    Ok(None)
}

/// The same answer of one key in one round is one event, however often it is given.
async fn event(api: &Api, caller: &Authenticated, alert: &Alert, action: Action) -> Result<Event, Problem> {
    let now = api.clock.now();
    let user = match caller.0.user_id {
        Some(user) => api.store.user(&UserRef::Id(user)).await?,
        None => None,
    };
    let data = UpdateData {
        alert_id: alert.id.clone(),
        status: action.status(),
        actor: user.as_ref().map(|user| user.id.to_string()),
        responders: Vec::new(),
        notify: Vec::new(),
        summary: None,
        actor_name: user.map(|user| user.display_name()),
        url: None,
        answer: None,
        follow_up: None,
    };
    let payload = serde_json::to_vec(&data).unwrap_or_default();
    let last = alert.history.last().map(|happened| happened.event_id.as_str()).unwrap_or_default();
    Ok(Event {
        identity: format!("watchbell:{action}:key-{}:{}:{last}", caller.0.key_id, alert.id),
        occurrence: Occurrence { source: "watchbell/answers".to_owned(), time: None, received_at: now, sequence: 0 },
        data: EventData::Update(data),
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original { subject: "watchbell.events.update".to_owned(), headers: Vec::new(), payload, received_at: now },
    })
}

async fn write(api: &Api, caller: &Authenticated, alert: &Alert) -> Result<wire::Alert, Problem> {
    let data = match api.store.event_data(&alert.event_id).await? {
        Some(EventData::Alert(data)) => data,
        _ => AlertData::default(),
    };
    let shown = &alert.history[alert.history.len().saturating_sub(MOST_EVENTS)..];
    let mut history = Vec::with_capacity(shown.len());
    for happened in shown {
        let (what, by) = match &happened.what {
            What::Alert { .. } => (wire::Happening::Raised, None),
            What::Accepted => (wire::Happening::Accepted, by(api, &happened.event_id).await?),
            What::Escalated => (wire::Happening::Escalated, by(api, &happened.event_id).await?),
            // By Watchbell itself.
            What::FollowUp { .. } => (wire::Happening::Escalated, None),
            What::Resolved => (wire::Happening::Resolved, by(api, &happened.event_id).await?),
        };
        history.push(wire::AlertHistoryEntry {
            event_id: happened.event_id.to_string(),
            what: what.into(),
            at: happened.base_at.into(),
            by,
        });
    }
    Ok(wire::Alert {
        id: alert.id.clone(),
        state: match alert.state {
            AlertState::Open => wire::AlertState::Open,
            AlertState::Accepted => wire::AlertState::Accepted,
            AlertState::Resolved => wire::AlertState::Resolved,
        }
        .into(),
        priority: alert.priority.into(),
        summary: alert.summary.clone(),
        details: data.details,
        url: alert.url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://")),
        category: alert.category.clone(),
        labels: data.labels,
        round: alert.round,
        history,
        actions: actions(api, caller, alert).await?.iter().map(|action| (*action).into()).collect(),
    })
}

/// Who did it, by name; else as the event has it.
async fn by(api: &Api, event: &EventId) -> Result<Option<String>, Problem> {
    let Some(EventData::Update(data)) = api.store.event_data(event).await? else { return Ok(None) };
    if data.actor_name.is_some() {
        return Ok(data.actor_name);
    }
    let Some(actor) = data.actor else { return Ok(None) };
    let user = match UserRef::parse(&actor) {
        Some(named) => api.store.user(&named).await?,
        None => None,
    };
    Ok(Some(user.map_or(actor, |user| user.display_name())))
}

async fn actions(api: &Api, caller: &Authenticated, alert: &Alert) -> Result<&'static [Action], Problem> {
    let answering = caller.0.user_id.filter(|user| caller.0.may_change_user(*user));
    let is_paged = match answering {
        Some(user) => api.store.is_paged(user, &alert.id, alert.round).await?,
        None => false,
    };
    let may_resolve = caller.is_admin() || answering.is_some_and(|user| names(alert, user));
    Ok(match alert.state {
        AlertState::Open if is_paged => Action::ALL,
        AlertState::Open if caller.is_admin() => &[Action::Accept, Action::Resolve],
        AlertState::Accepted if may_resolve => &[Action::Resolve],
        _ => &[],
    })
}
