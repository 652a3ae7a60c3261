//! `/watchbell/v1/intake/{name}`: where monitoring tools post what they have always posted.
//!
//! [`watchbell_intake`] reads the payload; here the key is looked for, the events are accepted, and the tool is answered as it is
//! used to. What decides whether an alert arrives is how each sender takes an answer: everything is 2xx once it is stored, and
//! overload is 503, as Alertmanager gives up on 429.

mod key;
mod mails;
pub(crate) mod openapi;
mod replay;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use watchbell_core::decode::{self, RejectReason};
use watchbell_core::event::{Event, EventData, EventKind};
use watchbell_core::{EventId, Timestamp};
use watchbell_intake::{Answer, Dialect, Found, Intake, Mapping, Question, Reading, Report, Request, State as ShownState, Taken, What};
use watchbell_store::facts::AlertState;
use watchbell_store::intake::{Accepted, Publisher, Rejected};

use self::key::Addressed;
pub use self::mails::serve_mails;
pub(crate) use self::replay::{is_of_intake, replay};
use crate::auth::Authenticated;
use crate::limits::Counting;
use crate::problem::{Kind, Problem};
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::watchbell::check_names;

/// Part of what finds its own key.
pub(crate) fn routes() -> Router<Api> {
    // Whatever a tool can be made to send by itself.
    let own = get(receive).post(receive).put(receive);
    Router::new()
        .route("/watchbell/v1/intake/{name}", own.clone())
        .route("/watchbell/v1/intake/{name}/", own.clone())
        .route("/watchbell/v1/intake/{name}/{*rest}", own.delete(receive))
}

async fn receive(State(api): State<Api>, params: Params, request: HttpRequest) -> Response {
    let request_id = uuid();
    let dialect = api.settings.intakes.get(params.path("name")).map_or(Dialect::Generic, |intake| intake.dialect);
    match take(&api, &params, request, &request_id).await {
        Ok(answer) => write(answer),
        Err(mut problem) => {
            // Some senders give up on 429 or 408, and none on 503.
            if matches!(problem.kind, Kind::TooMany { .. } | Kind::Timeout) {
                problem.kind = Kind::Unavailable;
            }
            let Some(answer) = dialect.refuse(problem.kind.status().as_u16(), &problem.message, &request_id) else {
                return problem.into_response();
            };
            if problem.source.is_some() {
                tracing::error!(intake = params.path("name"), error = problem.chain(), "what a monitoring tool sent could not be stored");
            }
            let mut response = write(answer);
            if let Some(retry_s) = problem.retry_s() {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_s));
            }
            response
        }
    }
}

async fn take(api: &Api, params: &Params, request: HttpRequest, request_id: &str) -> Result<Answer, Problem> {
    let address = api.limits.client(request.extensions(), request.headers(), &api.settings.trusted_proxies);
    let intake = api.settings.intakes.get(params.path("name"));
    let addressed = Addressed::of(params, intake.map(|intake| intake.dialect));
    let found = key::outside_body(request.headers(), params, &addressed);
    let method = request.method().clone();
    // Who has a key is let in before anything is read; who can have it in the body alone is counted by address.
    let (caller, payload, _room) = match (found, intake) {
        (Some(key), _) => {
            let caller = key::check(api, key, address).await?;
            let (payload, room) = Payload::read(request, api, api.settings.body_limit_bytes).await?;
            (caller, payload, room)
        }
        (None, Some(intake)) if intake.dialect.has_key_in_body() => {
            api.limits.check_address(address)?;
            let (payload, room) = Payload::read(request, api, api.settings.body_limit_bytes).await?;
            let key = intake.dialect.key_in_body(&payload.bytes).ok_or_else(key::missing)?;
            (key::check(api, key, address).await?, payload, room)
        }
        (None, _) => return Err(key::missing()),
    };
    let allowed = caller.check_intake(params.path("name"));
    let Some(intake) = intake else { return Err(allowed.err().unwrap_or_else(|| Problem::not_found("intake"))) };
    api.limits.check_key(Counting::Own, caller.0.key_id)?;
    let _share = api.gates.of_key(caller.0.key_id).await?;
    let media_type = payload.media_type();
    let request = Request {
        method: method.as_str(),
        path: &addressed.path,
        query: params.queries(),
        media_type: &media_type,
        body: &payload.bytes,
        id: request_id,
    };
    if let Err(problem) = allowed {
        // With a key of another intake it is a tool that was set up wrong, and somebody waits for its alerts.
        if caller.0.intake.is_some() {
            let _turn = api.gates.change().await?;
            keep(api, intake, &request, &problem.message).await?;
        }
        return Err(problem);
    }
    let is_dry_run = params.boolean("dry_run")?.unwrap_or(false);
    handle(api, &caller, intake, &request, is_dry_run).await
}

/// Reads what a tool sent, stores what it comes to, and words the answer.
async fn handle(api: &Api, caller: &Authenticated, intake: &Intake, request: &Request<'_>, is_dry_run: bool) -> Result<Answer, Problem> {
    let said = match intake.read(request) {
        Ok(said) => said,
        Err(why) => {
            let _turn = api.gates.change().await?;
            keep(api, intake, request, &why.detail).await?;
            return Err(Problem::bad_request(why.detail));
        }
    };
    match said {
        Reading::Nothing => Ok(intake.dialect.accept(request, &[], &[])),
        Reading::Asks(question) => {
            let found = find(api, &question).await?;
            Ok(Dialect::tell(&question, found.as_ref(), request.id))
        }
        Reading::Reports { reports, payload, unreadable } => {
            let mut made = intake.mapping.events(&reports, &payload, request.id);
            complete(api, &reports, &mut made.events).await?;
            let offered = Offered { intake, events: &made.events, received_at: api.clock.now(), replay_of: None };
            if is_dry_run {
                return Ok(dry_run(api, &offered, &unreadable));
            }
            for template in &made.failed {
                tracing::warn!(intake = intake.name, template, "a template could not be rendered; what stands in for it was taken");
            }
            let _turn = api.gates.change().await?;
            for why in &unreadable {
                keep(api, intake, request, why).await?;
            }
            let taken: Vec<Taken> = offered.accept(api, caller).await?.into_iter().map(taken).collect();
            Ok(intake.dialect.accept(request, &taken, &unreadable))
        }
    }
}

/// Adds to what changes an alert what the alert says already. What changes one that is not known comes to nothing.
async fn complete(api: &Api, reports: &[Report], events: &mut Vec<Value>) -> Result<(), Problem> {
    if reports.iter().all(|report| report.what != What::Changed) {
        return Ok(());
    }
    let _turn = api.gates.turn(&axum::http::Method::GET).await?;
    let mut completed = Vec::with_capacity(events.len());
    for (event, report) in events.drain(..).zip(reports) {
        if report.what != What::Changed {
            completed.push(event);
            continue;
        }
        let id = event["data"]["alertId"].as_str().unwrap_or_default();
        let Some(alert) = api.store.alert(id).await? else { continue };
        if let Some(EventData::Alert(before)) = api.store.event_data(&alert.event_id).await? {
            completed.push(Mapping::completed(&event, &before));
        }
    }
    *events = completed;
    Ok(())
}

/// What is to be accepted of an intake.
struct Offered<'a> {
    intake: &'a Intake,
    /// CloudEvents.
    events: &'a [Value],
    received_at: Timestamp,
    /// The dead letter that they are read from again.
    replay_of: Option<i64>,
}

impl Offered<'_> {
    /// As events that can be accepted.
    fn decoded(&self, api: &Api, events: &[Value]) -> Result<Vec<Event>, Problem> {
        let publisher = format!("intake-{}", self.intake.name);
        let headers = [("content-type".to_owned(), "application/cloudevents-batch+json".to_owned())];
        let body = serde_json::to_vec(events).unwrap_or_default();
        let request = decode::Request { publisher: &publisher, headers: &headers, body: &body, received_at: self.received_at };
        let mut events = decode::from_http(&request, &api.settings.events).map_err(|why| Problem::bad_request(why.detail))?;
        for event in &mut events {
            event.replay_of = self.replay_of;
        }
        Ok(events)
    }

    /// Accepts all, and once more, for the default responders, the alerts whose own nobody is.
    async fn accept(&self, api: &Api, caller: &Authenticated) -> Result<Vec<(Event, Accepted)>, Problem> {
        let events = self.decoded(api, self.events)?;
        events.iter().try_for_each(check_names)?;
        let mut accepted = self.commit(api, caller, &events).await?;
        let to_default: Vec<(usize, Value)> = accepted
            .iter()
            .enumerate()
            .filter(|(_, accepted)| accepted.planned == 0 && accepted.missed().is_some())
            .filter_map(|(at, _)| Some((at, self.intake.mapping.to_default_responders(&self.events[at])?)))
            .collect();
        if !to_default.is_empty() {
            let (places, again): (Vec<usize>, Vec<Value>) = to_default.into_iter().unzip();
            let again = self.decoded(api, &again)?;
            for (at, accepted_again) in places.into_iter().zip(self.commit(api, caller, &again).await?) {
                accepted[at].planned = accepted_again.planned;
            }
        }
        Ok(events.into_iter().zip(accepted).collect())
    }

    async fn commit(&self, api: &Api, caller: &Authenticated, events: &[Event]) -> Result<Vec<Accepted>, Problem> {
        let action = if self.replay_of.is_some() { "dead_letter.replay" } else { "event.intake" };
        Ok(api.intake.accept(events, Some(Publisher { by: caller.actor(), action })).await?)
    }
}

fn taken((event, accepted): (Event, Accepted)) -> Taken {
    Taken {
        alert_id: alert_of(&event).to_owned(),
        event_id: accepted.id.as_str().to_owned(),
        duplicate: accepted.duplicate,
        planned: accepted.planned,
    }
}

/// Keeps what is no payload of the tool as a dead letter, without who sent it.
async fn keep(api: &Api, intake: &Intake, request: &Request<'_>, why: &str) -> Result<(), Problem> {
    let original = replay::original(intake, request, api.clock.now());
    let rejected = Rejected { original, reason: RejectReason::BadField.as_str().to_owned(), detail: why.to_owned() };
    Ok(api.store.reject(vec![rejected]).await?)
}

/// What a payload would become, for whoever writes templates: nothing is stored.
fn dry_run(api: &Api, offered: &Offered<'_>, unreadable: &[String]) -> Answer {
    let problems = |event: &Value| match offered.decoded(api, std::slice::from_ref(event)) {
        Ok(events) => events.into_iter().flat_map(|event| event.problems).collect(),
        Err(problem) => vec![problem.message.into_owned()],
    };
    let events: Vec<Value> = offered.events.iter().map(|event| json!({ "event": event, "problems": problems(event) })).collect();
    Answer { status: 200, body: json!({ "events": events, "unreadable": unreadable }), headers: Vec::new() }
}

/// What a client asks about.
async fn find(api: &Api, question: &Question) -> Result<Option<Found>, Problem> {
    let _turn = api.gates.turn(&axum::http::Method::GET).await?;
    match question {
        Question::Request(id) => {
            let Some(id) = Dialect::event_of(id) else { return Ok(None) };
            let Some(record) = api.store.event(&EventId(id)).await? else { return Ok(None) };
            let state = match &record.alert_id {
                Some(id) => api.store.alert(id).await?.map(|alert| alert.state),
                None => None,
            };
            Ok(Some(Found {
                alert_id: record.alert_id.unwrap_or_default(),
                is_update: record.kind == EventKind::Update,
                at: record.received_at.to_string(),
                state: state.map(named).unwrap_or_default(),
                summary: None,
            }))
        }
        Question::Alert(id) => {
            let Some(alert) = api.store.alert(id).await? else { return Ok(None) };
            Ok(Some(Found {
                state: named(alert.state),
                alert_id: alert.id,
                is_update: false,
                summary: Some(alert.summary),
                at: api.clock.now().to_string(),
            }))
        }
    }
}

fn named(state: AlertState) -> ShownState {
    match state {
        AlertState::Open => ShownState::Open,
        AlertState::Accepted => ShownState::Acknowledged,
        AlertState::Resolved => ShownState::Closed,
    }
}

fn alert_of(event: &Event) -> &str {
    match &event.data {
        EventData::Alert(data) => &data.alert_id,
        EventData::Update(data) => &data.alert_id,
        EventData::Duty(_) | EventData::Subscription(_) | EventData::Verification(_) => "",
    }
}

fn write(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = surface::json(status, &answer.body);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A random UUID (version 4), as Opsgenie's clients expect.
fn uuid() -> String {
    let bytes: [u8; 16] = rand::random();
    let hex = format!("{:032x}", u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
