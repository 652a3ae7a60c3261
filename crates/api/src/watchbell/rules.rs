//! `/users/{user}/rules`: the rules of all surfaces, with all that rules can say.
//!
//! A rule is of the surface that wrote it last. One that is written here is shown by another surface if that can say all of it. The steps of an OnCall chain
//! are shown here with the time at which they tell; they can be taken out here, and are changed where they are a chain.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use watchbell_core::rule::{Rule, Surface, Trigger, with_offsets};
use watchbell_core::{ContactId, RuleId, UserId};
use watchbell_store::StoreError;
use watchbell_store::directory::NewRule;
use watchbell_wire::Items;
use watchbell_wire::rules as wire;

use super::subject;
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;
use crate::validate::{Fields, rule};

/// All of a user's rules, in order of id.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    Ok(surface::json(StatusCode::OK, &Items { items: written(&api, user.id).await? }))
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let rule = read(payload.object()?)?;
    let rule = api.store.create_rule(caller.actor(), user.id, rule).await.map_err(of_contact)?;
    answer(StatusCode::CREATED, &rule, rule.offset_s)
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let id = params.id("id")?;
    let rule = written(&api, user.id).await?.into_iter().find(|rule| rule.id == id);
    Ok(surface::json(StatusCode::OK, &rule.ok_or_else(|| Problem::not_found("rule"))?))
}

/// Replaces the whole rule: what is left out is not said any more.
pub(super) async fn replace(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let id = of_no_chain(&api, user.id, &params).await?;
    let rule = read(payload.object()?)?;
    let rule = api.store.replace_rule(caller.actor(), user.id, Trigger::ALL, id, rule).await.map_err(of_contact)?;
    answer(StatusCode::OK, &rule, rule.offset_s)
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Change).await?;
    let id = RuleId(params.id("id")?);
    api.store.delete_rule(caller.actor(), user.id, Surface::Watchbell, Trigger::ALL, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The rule that a path names, which can be replaced here. Whether a rule is a step of a chain never changes.
async fn of_no_chain(api: &Api, user: UserId, params: &Params) -> Result<RuleId, Problem> {
    let id = RuleId(params.id("id")?);
    let rule = api.store.rule(user, Surface::Watchbell, Trigger::ALL, id).await?.ok_or_else(|| Problem::not_found("rule"))?;
    if rule.position.is_none() {
        return Ok(id);
    }
    let path = "/api/v1/personal_notification_rules";
    Err(Problem::conflict(format!("the rule is a step of a chain, whose order counts; change it under {path}")))
}

/// The user's rules as they are shown; a chain's waits are in the times of its steps.
async fn written(api: &Api, user: UserId) -> Result<Vec<wire::Rule>, Problem> {
    let rules = api.store.rules(user, Surface::Watchbell, Trigger::ALL).await?;
    let of_trigger = |trigger: &Trigger| with_offsets(rules.iter().filter(move |rule| rule.trigger == *trigger));
    let mut timed: Vec<(&Rule, i64)> = Trigger::ALL.iter().flat_map(of_trigger).collect();
    timed.sort_by_key(|(rule, _)| rule.id);
    Ok(timed.into_iter().filter_map(|(rule, offset_s)| write(rule, offset_s)).collect())
}

fn answer(status: StatusCode, rule: &Rule, offset_s: i64) -> Result<Response, Problem> {
    let body = write(rule, offset_s).ok_or_else(Problem::internal)?;
    Ok(surface::json(status, &body))
}

/// None for what only waits.
fn write(rule: &Rule, offset_s: i64) -> Option<wire::Rule> {
    Some(wire::Rule {
        id: rule.id.0,
        surface: rule.surface.into(),
        position: rule.position,
        says: wire::RuleBody {
            trigger: rule.trigger.into(),
            channel: rule.channel?.into(),
            contact_id: rule.contact_id.map(|id| id.0),
            terms: rule::terms(rule, offset_s),
        },
    })
}

/// A rule without its id and its surface; they may be there, as they are in what was read from here.
fn read(mut fields: Fields) -> Result<NewRule, Problem> {
    fields.take("id");
    fields.take("surface");
    let said = rule::read(&mut fields)?;
    let contact_kinds = rule::contact_kinds(said.channel);
    let contact_id = fields.integer("contactId", &(1..=i64::MAX))?.map(ContactId);
    if contact_id.is_some() && contact_kinds.is_empty() {
        return Err(fields.invalid("contactId", "is given", &format!("{} goes to no contact; leave it out", said.channel)));
    }
    fields.finish()?;
    Ok(said.into_rule(contact_id, contact_kinds))
}

/// The contact that is not there, or does not fit, is the one in the body.
fn of_contact(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound("contact") => {
            Problem::invalid("contactId", "is unknown", "it must be one of the user's contacts that the channel goes to")
        }
        StoreError::UnfitContact(_) => {
            Problem::invalid("contactId", "is of another kind", "it must be one of the user's contacts that the channel goes to")
        }
        error => error.into(),
    }
}
