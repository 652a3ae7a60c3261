//! `/personal_notification_rules`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use watchbell_core::UserId;
use watchbell_core::ids::public_id;
use watchbell_core::rule::{Conditions, Rule, Surface, Trigger};
use watchbell_store::StoreError;
use watchbell_store::directory::{ChainFilter, ChainRule, ChainStep, NewRule, Place};

use super::fields::Fields;
use super::page::{self, Asked};
use super::{body, check_changes, duration, error, kinds, seen_by, user_named};
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::{Params, Payload};
use crate::state::Api;
use crate::surface;

/// Rules on a page, unless told.
const USUAL: i64 = 50;

/// Positions that can be asked for.
const POSITIONS: std::ops::RangeInclusive<i64> = 0..=2_147_483_647;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, asked: Asked) -> Result<Response, Problem> {
    let scope = RuleScope::read(&api, &caller, |name| asked.query(name)).await?;
    let mut page = asked.page(USUAL);
    loop {
        let (offset, limit) = (page.offset(), page.limit());
        let filter = ChainFilter { surface: Surface::Oncall, user: scope.user, trigger: scope.trigger, offset, limit };
        let (rules, count) = api.store.chain_rules(&filter).await?;
        if !page.turn_back(count) {
            return Ok(asked.answer(page, count, rules.iter().map(write).collect()));
        }
    }
}

pub(super) async fn show(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    Ok(surface::json(StatusCode::OK, &write(&found(&api, &caller, &params).await?)))
}

pub(super) async fn create(State(api): State<Api>, caller: Authenticated, payload: Payload) -> Result<Response, Problem> {
    check_changes(&caller)?;
    let mut fields = Fields::new(body::read(&payload)?);
    let duration = fields.duration("duration")?;
    let user = match fields.user("user_id") {
        Some(given) => Some(receiver(&api, &caller, &given).await?),
        None => None,
    };
    let change = Change::read(&mut fields, duration);
    let important = fields.boolean("important").unwrap_or(false);
    fields.finish()?;
    // Missing was wrong already.
    let (user, user_public_id) = user.ok_or_else(no_such_user)?;
    let step = change.step(&api, None)?.ok_or_else(|| error::field("type", "Type is required"))?;
    let rule = NewRule {
        surface: Surface::Oncall,
        trigger: trigger(important),
        channel: step.channel,
        contact_id: None,
        contact_kinds: &[],
        offset_s: step.offset_s,
        position: None,
        critical: step.critical,
        public_id: Some(public_id('N')),
        when: Conditions::default(),
        repeat: None,
    };
    let made = api.store.create_chain_rule(caller.actor(), user, rule, change.place()?.unwrap_or(Place::End)).await;
    let rule = made.map_err(|error| match error {
        // Deleted meanwhile.
        StoreError::NotFound("user") => no_such_user(),
        error => error.into(),
    })?;
    Ok(surface::json(StatusCode::CREATED, &write(&ChainRule { rule, user_public_id })))
}

/// PUT and PATCH: what is not given stays. Whose rule it is, and of which importance, is not changed.
pub(super) async fn change(State(api): State<Api>, caller: Authenticated, params: Params, payload: Payload) -> Result<Response, Problem> {
    check_changes(&caller)?;
    let ChainRule { rule, user_public_id } = found(&api, &caller, &params).await?;
    let mut fields = Fields::new(body::read(&payload)?);
    let duration = fields.duration("duration")?;
    let change = Change::read(&mut fields, duration);
    fields.finish()?;
    let (step, place) = (change.step(&api, Some(&rule))?, change.place()?);
    let rule = match (step, place) {
        (None, None) => rule,
        (step, place) => api.store.change_chain_rule(caller.actor(), rule.user_id, Surface::Oncall, rule.id, step, place).await?,
    };
    Ok(surface::json(StatusCode::OK, &write(&ChainRule { rule, user_public_id })))
}

pub(super) async fn delete(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    check_changes(&caller)?;
    let rule = found(&api, &caller, &params).await?.rule;
    api.store.delete_rule(caller.actor(), rule.user_id, Surface::Oncall, &[rule.trigger], rule.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Which rules a request is about: those that the key sees, narrowed by the query, also when one is named by its id.
struct RuleScope {
    user: Option<UserId>,
    trigger: Option<Trigger>,
}

impl RuleScope {
    async fn read<'a>(api: &Api, caller: &Authenticated, query: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Problem> {
        let own = seen_by(caller)?;
        let user = match query("user_id") {
            None => own,
            Some(id) => {
                let user = user_named(api, id).await?.map(|user| user.id).filter(|user| caller.0.may_read_user(*user));
                Some(user.ok_or_else(|| Problem::bad_request("User not found."))?)
            }
        };
        let trigger = match query("important") {
            None => None,
            Some("true") => Some(trigger(true)),
            Some("false") => Some(trigger(false)),
            Some(_) => return Err(Problem::bad_request("Important is not bool")),
        };
        Ok(Self { user, trigger })
    }

    fn has(&self, rule: &Rule) -> bool {
        self.user.is_none_or(|user| user == rule.user_id) && self.trigger.is_none_or(|trigger| trigger == rule.trigger)
    }
}

/// The rule that a path names.
///
/// # Errors
/// `NotFound` also for one that the key does not see.
async fn found(api: &Api, caller: &Authenticated, params: &Params) -> Result<ChainRule, Problem> {
    let scope = RuleScope::read(api, caller, |name| page::last(params, name)).await?;
    let found = api.store.chain_rule(Surface::Oncall, params.path("id")).await?;
    found.filter(|found| scope.has(&found.rule)).ok_or_else(|| Problem::not_found("rule"))
}

/// For whom a rule is to be made.
///
/// # Errors
/// `Forbidden` for somebody whom the key does not reach, whether or not they exist.
async fn receiver(api: &Api, caller: &Authenticated, given: &Value) -> Result<(UserId, String), Problem> {
    let user = match given.as_str() {
        Some(id) => user_named(api, id).await?,
        None => None,
    };
    match user {
        Some(user) if caller.0.may_change_user(user.id) => Ok((user.id, user.public_id)),
        None if caller.is_admin() => Err(no_such_user()),
        _ => Err(Problem::forbidden("a user key makes rules for its own user")),
    }
}

fn no_such_user() -> Problem {
    Problem::bad_request("User does not exist")
}

/// What a body says of a rule's step and place.
struct Change {
    kind: Option<String>,
    duration_s: Option<i64>,
    position: Option<i64>,
    is_manual: bool,
}

impl Change {
    fn read(fields: &mut Fields, duration_s: Option<i64>) -> Self {
        Self {
            position: fields.integer("position"),
            kind: fields.text("type"),
            duration_s,
            is_manual: fields.boolean("manual_order").unwrap_or(false),
        }
    }

    /// The step that the rule is to be, if that is said: of a new rule, or of one that was another before.
    fn step(&self, api: &Api, before: Option<&Rule>) -> Result<Option<ChainStep>, Problem> {
        let wait = |offset_s| Ok(Some(ChainStep { channel: None, critical: false, offset_s }));
        let no_wait = || error::field("duration", "Duration can't be set");
        let Some(kind) = &self.kind else {
            return match (self.duration_s, before) {
                (None, _) | (_, None) => Ok(None),
                (Some(duration_s), Some(before)) if before.channel.is_none() => wait(duration_s),
                (Some(_), Some(_)) => Err(no_wait()),
            };
        };
        if kind == kinds::WAIT {
            return wait(self.duration_s.unwrap_or(duration::USUAL_S));
        }
        let (channel, critical) = kinds::notify(api, kind).ok_or_else(|| error::field("type", "Invalid type"))?;
        if self.duration_s.is_some() {
            return Err(no_wait());
        }
        Ok(Some(ChainStep { channel: Some(channel), critical, offset_s: 0 }))
    }

    fn place(&self) -> Result<Option<Place>, Problem> {
        match self.position {
            None => Ok(None),
            Some(-1) if !self.is_manual => Ok(Some(Place::End)),
            Some(at) if !POSITIONS.contains(&at) => Err(Problem::bad_request("Invalid value for position field")),
            Some(at) => Ok(Some(if self.is_manual { Place::Swap(at) } else { Place::At(at) })),
        }
    }
}

fn trigger(important: bool) -> Trigger {
    if important { Trigger::AlertHigh } else { Trigger::AlertLow }
}

fn write(ChainRule { rule, user_public_id }: &ChainRule) -> Value {
    let mut body = json!({
        "id": rule.public_id,
        "user_id": user_public_id,
        "position": rule.position,
        "important": rule.trigger == Trigger::AlertHigh,
        "type": kinds::name(rule),
    });
    if rule.channel.is_none() {
        body["duration"] = rule.offset_s.into();
    }
    body
}
