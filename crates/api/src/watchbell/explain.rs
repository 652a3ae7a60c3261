//! `/explain`: what a user was told of an event and why, or what they would be told.
//!
//! What would be is found by asking the planner, with what a snapshot of the database knows of that user: the code that plans
//! is the code that explains, and who asks holds up nobody.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};
use watchbell_core::delivery::Purpose;
use watchbell_core::event::{
    AlertData, DutyData, DutyStatus, Event, EventData, EventKind, Occurrence, Original, Priority, SubscriptionData, UpdateData,
    UpdateStatus,
};
use watchbell_core::user::User;
use watchbell_core::{Decision, DeliveryId, EventId, NamedAs, Reason, RuleId, Timestamp};
use watchbell_store::facts::history::{Happened, What};
use watchbell_store::facts::{Alert, AlertState, Planned};
use watchbell_store::history::{Delivery, DeliveryFilter};
use watchbell_store::intake::EventRecord;
use watchbell_wire::explanation::{ExplainedStep, Explanation};

use super::deliveries::write_answered;
use super::{events, page};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

/// Steps of one user that are shown at most; nobody has more for one alert.
const MOST_STEPS: i64 = 500;

/// Of an event or alert that was (`event`, `alert`), or of one that is made up from `kind`, `priority`, `category`, …
pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = user(&api, &caller, &params).await?;
    let event = params.query("event")?.map(|text| page::derived_id("event", text)).transpose()?.map(EventId);
    let alert = params.query("alert")?.map(str::to_owned);
    if event.is_some() || alert.is_some() {
        return past(&api, &caller, &user, event, alert).await;
    }
    let made_up = made_up(&user, &params, api.clock.now())?;
    would_be(&api, &caller, &user, made_up).await
}

/// Of the event in the body, in any form that `/events` takes.
pub(super) async fn show_event(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = user(&api, &caller, &params).await?;
    let mut decoded = events::read(&api, &caller, &payload)?;
    match (decoded.pop(), decoded.is_empty()) {
        (Some(event), true) => {
            events::check_names(&event)?;
            would_be(&api, &caller, &user, event).await
        }
        _ => Err(Problem::bad_request("one event is explained at a time; send just one")),
    }
}

async fn user(api: &Api, caller: &Authenticated, params: &Params) -> Result<User, Problem> {
    let name = params.query("user")?.ok_or_else(|| Problem::invalid("user", "is missing", "it must be a user's id"))?;
    super::named_user(api, caller, name, Intent::Read).await
}

async fn past(api: &Api, caller: &Authenticated, user: &User, event: Option<EventId>, alert: Option<String>) -> Result<Response, Problem> {
    let record = match &event {
        Some(id) => api.store.event(id).await?,
        None => None,
    };
    if event.is_some() && record.is_none() && caller.sees_everybody() {
        return Err(Problem::not_found("event"));
    }
    let about = alert.clone().or_else(|| record.as_ref()?.alert_id.clone());
    let about = match &about {
        Some(id) => api.store.alert(id).await?,
        None => None,
    };
    let events = match (record, &about) {
        (Some(record), _) => vec![record],
        // Those that still matter, in the order in which they happened.
        (None, Some(alert)) => events_of(api, alert).await?,
        (None, None) => Vec::new(),
    };
    let filter = DeliveryFilter { user: Some(user.id), event: event.clone(), alert, limit: MOST_STEPS, ..DeliveryFilter::default() };
    let mut deliveries = api.store.deliveries(&filter).await?;
    deliveries.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
    // Of a whole alert, what matters to a user whom nothing was planned for is why that is so.
    let decided = events.last().filter(|_| event.is_some() || !deliveries.is_empty());
    let decision = match decided.and_then(|event| event.decision.clone()) {
        // Who sees only their own is not told what there is beside it.
        _ if deliveries.is_empty() && !caller.sees_everybody() => Some(why_nothing_of_theirs(user, event.as_ref(), about.as_ref())),
        None if deliveries.is_empty() => Some(why_nothing(user, event.as_ref(), about.as_ref())),
        decision => decision,
    };
    let ids: Vec<DeliveryId> = deliveries.iter().map(|delivery| delivery.id.clone()).collect();
    let answers = api.store.answers_to(&ids).await?;
    // What else events name is not theirs to know.
    let events = if caller.sees_everybody() { events } else { Vec::new() };
    let body = Explanation {
        user_id: user.id.0,
        hypothetical: false,
        decision: decision.as_ref().map(Decision::to_string),
        problems: events.iter().flat_map(|event| &event.problems).cloned().collect(),
        events: Some(events.iter().map(events::record).collect()),
        steps: deliveries.iter().map(was).collect(),
        answers: answers.iter().map(write_answered).collect(),
    };
    Ok(surface::json(StatusCode::OK, &body))
}

async fn events_of(api: &Api, alert: &Alert) -> Result<Vec<EventRecord>, Problem> {
    let ids: Vec<EventId> = alert.history.iter().map(|happened| happened.event_id.clone()).collect();
    let mut events = api.store.events(&ids).await?;
    events.sort_by_key(|event| ids.iter().position(|id| *id == event.id));
    Ok(events)
}

/// As [`why_nothing`], for the user's own key: the same of an alert that does not name them and of one that never was.
fn why_nothing_of_theirs(user: &User, event: Option<&EventId>, alert: Option<&Alert>) -> Decision {
    match alert.filter(|alert| alert.history.iter().any(|happened| happened.names(user.id))) {
        Some(alert) => why_nothing(user, event, Some(alert)),
        None if event.is_some() => Decision::NothingPlanned,
        None => Decision::NotNamedByAlert,
    }
}

/// Why nothing of an event, or of an alert, was planned for a user.
fn why_nothing(user: &User, event: Option<&EventId>, alert: Option<&Alert>) -> Decision {
    let Some(alert) = alert else {
        return match event {
            Some(_) => Decision::NotNamedOrNotAsked,
            None => Decision::AlertUnknown,
        };
    };
    let (of_event, of_alert): (Vec<&Happened>, Vec<&Happened>) =
        alert.history.iter().partition(|happened| event.is_some_and(|id| happened.event_id == *id));
    let is_named = |events: &[&Happened]| events.iter().any(|happened| happened.names(user.id));
    if is_named(&of_event) && is_named(&of_alert) {
        return Decision::ToldByAnotherEvent;
    }
    let is_named = if of_event.is_empty() { is_named(&of_alert) } else { is_named(&of_event) };
    let closed = alert.history.iter().rfind(|happened| matches!(happened.what, What::Accepted | What::Resolved));
    match (closed, alert.state) {
        (Some(closed), AlertState::Accepted | AlertState::Resolved) => {
            Decision::AlertClosed { how: alert.state, at: closed.base_at, is_named }
        }
        _ if is_named => Decision::NoRuleAndNoFallback,
        _ if event.is_some() => Decision::NotNamedByEvent,
        _ => Decision::NotNamedByAlert,
    }
}

async fn would_be(api: &Api, caller: &Authenticated, user: &User, event: Event) -> Result<Response, Problem> {
    let of_event_itself = event.problems.clone();
    let (mut accepted, planned) = api.store.explain(event, user.id).await?;
    if !caller.sees_everybody() {
        // Neither which other names are somebody's, nor what is the case with alerts that are not theirs.
        accepted.problems = of_event_itself;
        accepted.decision = accepted.decision.filter(|_| !planned.is_empty());
    }
    let decision = accepted.decision.or_else(|| planned.is_empty().then_some(Decision::NothingWouldBePlanned));
    let body = Explanation {
        user_id: user.id.0,
        hypothetical: true,
        decision: decision.as_ref().map(Decision::to_string),
        problems: accepted.problems,
        events: None,
        steps: planned.iter().map(would).collect(),
        answers: Vec::new(),
    };
    Ok(surface::json(StatusCode::OK, &body))
}

fn was(delivery: &Delivery) -> ExplainedStep {
    ExplainedStep {
        delivery_id: Some(delivery.id.to_string()),
        at: delivery.sent_at.unwrap_or(delivery.due_at).into(),
        channel: delivery.channel.into(),
        address: delivery.address.clone(),
        state: delivery.state.into(),
        reason: why(delivery.reason.as_ref(), delivery.purpose, &delivery.rules).to_string(),
        named_as: delivery.named_as.as_ref().map(NamedAs::to_string),
        purpose: delivery.purpose.into(),
        trigger: delivery.trigger.into(),
        rule_ids: delivery.rules.iter().map(|rule| rule.0).collect(),
    }
}

fn would(planned: &Planned) -> ExplainedStep {
    ExplainedStep {
        delivery_id: None,
        at: planned.ready_at.into(),
        channel: planned.channel.into(),
        address: planned.address.clone(),
        state: planned.state.into(),
        reason: why(planned.reason.as_ref(), planned.purpose, &planned.rules).to_string(),
        named_as: planned.named_as.as_ref().map(NamedAs::to_string),
        purpose: planned.purpose.into(),
        trigger: planned.trigger.into(),
        rule_ids: planned.rules.iter().map(|rule| rule.0).collect(),
    }
}

/// The reason for the state; where it has none, the reason for the step.
fn why(reason: Option<&Reason>, purpose: Purpose, rules: &[RuleId]) -> Reason {
    match (reason, rules) {
        (Some(reason), _) => reason.clone(),
        (None, []) => Reason::AskedByNoRule { purpose },
        (None, rules) => Reason::AskedByRules { rules: rules.to_vec() },
    }
}

/// Of a made-up alert: `team=db,host=db-1`.
fn labels(params: &Params) -> Result<Map<String, Value>, Problem> {
    let read = |label: &str| label.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().into()));
    let labels = params.query("labels")?.unwrap_or_default().split(',').filter(|label| !label.trim().is_empty());
    let labels = labels.map(read).collect::<Option<_>>();
    labels.ok_or_else(|| Problem::invalid("labels", "has one without a value", "it must be such as team=db,host=db-1"))
}

/// An event that never was, at `at` or now, which names the user.
fn made_up(user: &User, params: &Params, now: Timestamp) -> Result<Event, Problem> {
    let at = params.time("at")?.unwrap_or(now);
    let name = user.id.to_string();
    let text = |field: &str| params.query(field).map(|value| value.map(str::to_owned));
    let category = text("category")?;
    // No real alert or duty has a name with a space at its begin: decoding trims none, publishers write none.
    let subject = text("alertId")?.unwrap_or_else(|| " explained".to_owned());
    let data = match params.choice::<EventKind>("kind")?.unwrap_or(EventKind::Alert) {
        EventKind::Alert => EventData::Alert(AlertData {
            alert_id: subject,
            priority: Some(params.choice::<Priority>("priority")?.unwrap_or(Priority::High)),
            summary: "explained".to_owned(),
            responders: vec![name],
            category,
            labels: labels(params)?,
            ..AlertData::default()
        }),
        EventKind::Update => EventData::Update(UpdateData {
            alert_id: subject,
            status: params.choice::<UpdateStatus>("status")?.unwrap_or(UpdateStatus::Accepted),
            actor: None,
            responders: Vec::new(),
            notify: vec![name],
            summary: None,
            actor_name: None,
            answer: None,
            follow_up: None,
            url: None,
        }),
        EventKind::Duty => {
            let starts_at = params.time("startsAt")?.unwrap_or_else(|| at.plus_s(24 * 3_600));
            EventData::Duty(DutyData {
                duty_id: " explained".to_owned(),
                user_id: name,
                starts_at,
                ends_at: starts_at.plus_s(8 * 3_600),
                schedule: "explained".to_owned(),
                status: DutyStatus::Scheduled,
            })
        }
        EventKind::Subscription => EventData::Subscription(SubscriptionData {
            title: "explained".to_owned(),
            message: "explained".to_owned(),
            users: vec![name],
            category,
            ..SubscriptionData::default()
        }),
        EventKind::Verification => {
            return Err(Problem::invalid("kind", "cannot be explained", "it must be alert, update, duty or subscription"));
        }
    };
    Ok(Event {
        identity: format!("explain:{}", watchbell_core::ids::public_id('X')),
        occurrence: Occurrence { source: "explain".to_owned(), time: None, received_at: at, sequence: 0 },
        data,
        problems: Vec::new(),
        replay_of: None,
        trace: None,
        original: Original::default(),
    })
}
