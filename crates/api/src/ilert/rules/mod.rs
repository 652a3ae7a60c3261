//! `/api/users/{user}/notification-preferences/{alerts,duties,updates,subscriptions}`: four kinds of rule, one set of
//! handlers. What tells the kinds apart is data ([`kind`]).

pub(crate) mod contact;
pub(crate) mod kind;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Map, Value};
use watchbell_core::contact::Contact;
use watchbell_core::rule::{Conditions, Rule, Surface};
use watchbell_core::{RuleId, UserId};
use watchbell_store::StoreError;
use watchbell_store::directory::NewRule;

use self::kind::Kind;
use super::{subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface::json;

pub(super) fn routes() -> Router<Api> {
    kind::ALL.iter().fold(Router::new(), |routes, kind| routes.merge(of_kind(kind)))
}

fn of_kind(kind: &'static Kind) -> Router<Api> {
    let all = format!("/users/{{user}}/notification-preferences/{}", kind.path);
    Router::new()
        .route(
            &all,
            get(move |api, caller, params| list(kind, api, caller, params))
                .post(move |api, caller, params, payload| create(kind, api, caller, params, payload)),
        )
        .route(
            &format!("{all}/{{id}}"),
            get(move |api, caller, params| show(kind, api, caller, params))
                .put(move |api, caller, params, payload| replace(kind, api, caller, params, payload))
                .delete(move |api, caller, params| delete(kind, api, caller, params)),
        )
}

async fn list(kind: &'static Kind, State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Read)?;
    let rules = api.store.rules(user, Surface::Ilert, kind.triggers).await?;
    let contacts = api.store.contacts(user, None).await?;
    Ok(json(StatusCode::OK, &rules.iter().map(|rule| write(kind, rule, &contacts)).collect::<Vec<_>>()))
}

async fn create(
    kind: &'static Kind,
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Change)?;
    let rule = read(kind, &api, user, &payload).await?;
    let rule = api.store.create_rule(caller.actor(), user, rule).await.map_err(named_contact)?;
    shown(&api, kind, StatusCode::CREATED, &rule).await
}

async fn show(kind: &'static Kind, State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Read)?;
    let id = RuleId(params.id("id")?);
    let rule = api.store.rule(user, Surface::Ilert, kind.triggers, id).await?.ok_or_else(|| Problem::not_found("rule"))?;
    shown(&api, kind, StatusCode::OK, &rule).await
}

async fn replace(
    kind: &'static Kind,
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    payload: Payload,
) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Change)?;
    let id = RuleId(params.id("id")?);
    let rule = read(kind, &api, user, &payload).await?;
    let rule = api.store.replace_rule(caller.actor(), user, kind.triggers, id, rule).await.map_err(named_contact)?;
    shown(&api, kind, StatusCode::OK, &rule).await
}

async fn delete(kind: &'static Kind, State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&caller, &params, Intent::Change)?;
    api.store.delete_rule(caller.actor(), user, Surface::Ilert, kind.triggers, RuleId(params.id("id")?)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The contact that is not there is the one in the body.
fn named_contact(error: StoreError) -> Problem {
    let is_contact = matches!(error, StoreError::NotFound("contact"));
    let problem = Problem::from(error);
    if is_contact { Problem { message: "the user has no contact with contact.id".into(), ..problem.at("contact.id") } } else { problem }
}

async fn read(kind: &'static Kind, api: &Api, user: UserId, payload: &Payload) -> Result<NewRule, Problem> {
    let mut fields = payload.object()?;
    fields.refuse_null(&["method", "type", "delayMin", "beforeMin"])?;
    let channel = fields.required_choice("method", kind.methods)?;
    let (trigger, offset_s) = (kind.read)(&mut fields)?;
    let contact_kinds = contact::kinds(channel);
    let contact_id = contact::read(api, user, channel, &mut fields).await?;
    Ok(NewRule {
        surface: Surface::Ilert,
        trigger,
        channel: Some(channel),
        contact_id,
        contact_kinds,
        offset_s,
        position: None,
        critical: false,
        public_id: None,
        when: Conditions::default(),
        repeat: None,
    })
}

async fn shown(api: &Api, kind: &Kind, status: StatusCode, rule: &Rule) -> Result<Response, Problem> {
    let contact = match rule.contact_id {
        Some(id) => api.store.contact(rule.user_id, None, id).await?,
        None => None,
    };
    Ok(json(status, &write(kind, rule, contact.as_slice())))
}

fn write(kind: &Kind, rule: &Rule, contacts: &[Contact]) -> Value {
    let mut body = Map::new();
    body.insert("id".to_owned(), rule.id.0.into());
    if let Some((method, _)) = kind.methods.iter().find(|(_, channel)| Some(*channel) == rule.channel) {
        body.insert("method".to_owned(), (*method).into());
    }
    if let Some(contact) = contacts.iter().find(|contact| Some(contact.id) == rule.contact_id) {
        body.insert("contact".to_owned(), wire::contact(contact));
    }
    let own = (kind.own)(rule);
    let fields = [
        ("type", own.trigger.map(Value::from)),
        ("delayMin", own.delay_min.map(Value::from)),
        ("beforeMin", own.before_min.map(Value::from)),
    ];
    body.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(body)
}
