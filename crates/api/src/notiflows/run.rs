//! `POST /notiflows/{notiflow}/run`: tells some users, or all of a topic, something of a notiflow's.
//!
//! A run is a subscription event, and its id the event's: deliveries are found by it. A request that is repeated with the
//! same `Idempotency-Key` is that event again, so it changes nothing and gets the same answer.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};
use watchbell_core::event::{EventData, Run};
use watchbell_core::ids::{check_external_id, uuid};
use watchbell_core::preference::Category;
use watchbell_core::{EventId, Secret, UserId, decode};
use watchbell_store::intake::Publisher;

use super::profile::Profile;
use super::{ApiScope, ID_MUST, find, is_external_id};
use crate::auth::{Authenticated, hash_key};
use crate::problem::{Extra, Fault, Problem};
use crate::request::{Params, Payload, parameter};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, person};
use crate::watchbell::publisher;

/// Recipients of one run: each is looked up. More are a topic.
const MOST: usize = 1_000;

const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) async fn run(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    caller.check_publisher().map_err(ApiScope::Run.refused())?;
    let named = params.path("notiflow");
    let category = api.store.category(named).await?.ok_or_else(|| Problem::not_found("notiflow").named(named))?;
    let key = idempotency_key(&payload.headers)?;
    let mut fields = payload.object()?;
    let fingerprint = fingerprint(&category, &fields);
    let audience = Audience::read(&mut fields)?;
    let data = fields.object("data")?.map(Fields::into_members).unwrap_or_default();
    let actor = actor(&mut fields)?;

    let source = source(&caller);
    let id = key.clone().unwrap_or_else(uuid);
    let identity = decode::of_source(&publisher(&caller), &source, &id);
    let run = if let Some(run) = repeated(&api, &identity, &fingerprint, key.as_deref()).await? {
        run
    } else {
        let mut message = message(&category, &data);
        audience.address(&api, &caller, &mut message).await?;
        let run = Run { data: Value::Object(data).to_string(), actor };
        accept(&api, &caller, &id, message, &fingerprint, run, key.as_deref()).await?
    };
    Ok(surface::json(StatusCode::OK, &json!({ "notiflow_run_id": run.as_str() })))
}

/// What tells this request from others with the same key: its notiflow and its body, however that is spaced or ordered.
fn fingerprint(category: &Category, fields: &Fields) -> String {
    hash_key(&Secret::new(format!("{} {}", category.id, fields.clone().into_value())))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| parameter(IDEMPOTENCY_KEY, "cannot be used", "it must have 1 to 255 ASCII characters"))
}

/// What names a pair's runs apart from another's.
fn source(caller: &Authenticated) -> String {
    format!("notiflows/{}", caller.0.key_id)
}

/// The run that a request with this identity made before.
async fn repeated(api: &Api, identity: &str, fingerprint: &str, key: Option<&str>) -> Result<Option<EventId>, Problem> {
    let Some(key) = key else { return Ok(None) };
    match api.store.event_by_identity(identity).await? {
        None => Ok(None),
        Some((id, EventData::Subscription(data))) if data.fingerprint.as_deref() == Some(fingerprint) => Ok(Some(id)),
        Some(_) => Err(Problem::conflict("this Idempotency-Key was used for another request").with(Extra::IdempotencyKey(key.to_owned()))),
    }
}

/// Accepts a run as any other event: read by the same decoder, planned in the same transaction.
async fn accept(
    api: &Api,
    caller: &Authenticated,
    id: &str,
    message: Map<String, Value>,
    fingerprint: &str,
    run: Run,
    key: Option<&str>,
) -> Result<EventId, Problem> {
    const TYPE: &str = "application/cloudevents+json";
    let event =
        json!({ "specversion": "1.0", "type": "watchbell.events.subscription", "source": source(caller), "id": id, "data": message });
    let headers = [("content-type".to_owned(), TYPE.to_owned())];
    let body = event.to_string();
    let request = decode::Request { publisher: &publisher(caller), headers: &headers, body: body.as_bytes(), received_at: api.clock.now() };
    let mut events = decode::from_http(&request, &api.settings.events).map_err(|why| Problem::bad_request(why.detail))?;
    let mut identity = String::new();
    for event in &mut events {
        identity.clone_from(&event.identity);
        if let EventData::Subscription(data) = &mut event.data {
            data.fingerprint = Some(fingerprint.to_owned());
            data.run = Some(run.clone());
        }
    }
    let accepted = api.intake.accept(&events, Some(Publisher { by: caller.actor(), action: "notiflow.run" })).await?.into_iter().next();
    match accepted {
        Some(accepted) if !accepted.duplicate && !accepted.is_conflict() => Ok(accepted.id),
        // A request with the same key has overtaken this one.
        _ => {
            let overtaken = repeated(api, &identity, fingerprint, key).await?;
            overtaken.ok_or_else(|| Problem::conflict("another request with this Idempotency-Key is under way"))
        }
    }
}

/// Whom a run is for.
enum Audience {
    Topic(String),
    /// By external id, each with what the application says of them.
    Recipients(Vec<(String, Profile)>),
}

impl Audience {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let topic = fields.text("topic", &person::NAME)?;
        let recipients = fields.array("recipients", MOST)?;
        match (topic, recipients) {
            (Some(_), Some(_)) => Err(fields.invalid("topic", "is given beside recipients", "give one of the two")),
            (None, None) => Err(fields.invalid("recipients", "is missing", "give recipients or a topic").because(Fault::Missing)),
            (Some(topic), None) => Ok(Self::Topic(topic)),
            (None, Some(recipients)) if recipients.is_empty() => {
                Err(fields.invalid("recipients", "is empty", "it must name at least one user"))
            }
            (None, Some(recipients)) => {
                let read = |(at, entry): (usize, Value)| recipient(fields, at, entry);
                recipients.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Self::Recipients)
            }
        }
    }

    /// Puts the topic, or the users' numbers, into the event's data. Users that are not known are made; of those who are, what
    /// is said of them here changes nothing.
    async fn address(self, api: &Api, caller: &Authenticated, message: &mut Map<String, Value>) -> Result<(), Problem> {
        match self {
            Self::Topic(topic) => {
                message.insert("topic".to_owned(), topic.into());
            }
            Self::Recipients(recipients) => {
                let mut users: BTreeSet<UserId> = BTreeSet::new();
                let mut unknown = Vec::new();
                for (external_id, profile) in recipients {
                    match find(api, &external_id).await? {
                        Some(user) => drop(users.insert(user.id)),
                        None => unknown.push((external_id, profile)),
                    }
                }
                if !unknown.is_empty() {
                    // An address that an admin gives is used without being verified.
                    caller.check_admin().map_err(ApiScope::WriteUsers.refused())?;
                }
                // Before any of them is made: a run that is refused has changed nothing.
                for (external_id, _) in &unknown {
                    check_external_id(external_id)
                        .map_err(|error| Problem::bad_request(format!("an external id {error}")).at("recipients"))?;
                }
                for (external_id, profile) in unknown {
                    users.insert(profile.put(api, caller, &external_id).await?.0.id);
                }
                message.insert("users".to_owned(), users.iter().map(|user| user.0).collect());
            }
        }
        Ok(())
    }
}

/// A recipient: an external id alone, or an object with one.
fn recipient(fields: &Fields, at: usize, entry: Value) -> Result<(String, Profile), Problem> {
    let place = format!("recipients[{at}]");
    let (place, id, profile) = match entry {
        Value::String(id) => (place, id, Profile::default()),
        Value::Object(members) => {
            let mut entry = Fields::within(&place, members);
            let id = entry.required_text("external_id", &person::NAME)?;
            (entry.name("external_id"), id, Profile::read(&mut entry)?)
        }
        _ => return Err(fields.invalid(&place, "names nobody", "it must be an external id or an object").because(Fault::Type)),
    };
    if is_external_id(&id) { Ok((id, profile)) } else { Err(fields.invalid(&place, "cannot be an id", ID_MUST)) }
}

/// Who caused it, by external id. What is said of them beside has to be right, and changes nothing.
fn actor(fields: &mut Fields) -> Result<Option<String>, Problem> {
    let Some(mut actor) = fields.object("actor")? else { return Ok(None) };
    let id = actor.required_text("external_id", &person::NAME)?;
    Profile::read(&mut actor).map(|_| Some(id))
}

/// What the users are told, from the run's free-form data: by the names that applications usually give a title, a text and a
/// link; else the notiflow's name, and what plain values there are, a line each.
fn message(category: &Category, data: &Map<String, Value>) -> Map<String, Value> {
    let first = |names: &[&str]| {
        let texts = names.iter().filter_map(|name| data.get(*name).and_then(Value::as_str));
        texts.map(str::trim).find(|text| !text.is_empty()).map(str::to_owned)
    };
    let title = first(&["title", "subject"]).unwrap_or_else(|| category.name.clone());
    let text = first(&["message", "body", "text", "content"]).or_else(|| lines(data)).unwrap_or_else(|| title.clone());
    let url = first(&["url", "action_url", "link"]).filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let mut message = Map::from_iter([
        ("title".to_owned(), Value::from(title)),
        ("message".to_owned(), text.into()),
        ("category".to_owned(), category.handle.as_str().into()),
    ]);
    if let Some(url) = url {
        message.insert("url".to_owned(), url.into());
    }
    message
}

fn lines(data: &Map<String, Value>) -> Option<String> {
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) if !matches!(name.as_str(), "title" | "subject" | "url" | "action_url" | "link") => {
            Some(format!("{name}: {text}"))
        }
        Value::Number(number) => Some(format!("{name}: {number}")),
        Value::Bool(flag) => Some(format!("{name}: {flag}")),
        _ => None,
    };
    let lines: Vec<String> = data.iter().filter_map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use watchbell_core::Timestamp;

    #[test]
    fn a_message_is_made_from_whatever_data_there_is() {
        let category = Category {
            id: "id".to_owned(),
            handle: "order.updated".to_owned(),
            name: "Order updated".to_owned(),
            default_channels: Vec::new(),
            created_at: Timestamp::default(),
        };
        let table = [
            (json!({}), "Order updated", "Order updated", None),
            (json!({ "title": "T", "message": "M", "url": "https://x.org/1" }), "T", "M", Some("https://x.org/1")),
            (json!({ "subject": "S", "body": " B ", "url": "/orders/1" }), "S", "B", None),
            (
                json!({ "title": " ", "order": 7, "paid": true, "who": "Anna", "deep": {} }),
                "Order updated",
                "order: 7\npaid: true\nwho: Anna",
                None,
            ),
            (json!({ "title": 5, "message": null }), "Order updated", "title: 5", None),
        ];
        for (data, title, text, url) in table {
            let message = message(&category, data.as_object().unwrap());
            assert_eq!((message["title"].as_str().unwrap(), message["message"].as_str().unwrap()), (title, text), "{data}");
            assert_eq!(message.get("url").and_then(Value::as_str), url, "{data}");
            assert_eq!(message["category"], "order.updated");
        }
    }
}
