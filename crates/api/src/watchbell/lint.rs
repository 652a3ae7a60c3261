//! `/lint`: what today's rules would leave untold: alerts of the last thirty days that nobody would hear of, and rules that can never
//! tell anybody.
//!
//! A page of alerts is what was found among so many events, and may be empty although there is a next one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::rule::Rule;
use watchbell_core::{Decision, EventId, Reason, UserId};
use watchbell_store::lint::{DeadRule, Unheard};
use watchbell_wire::Page;
use watchbell_wire::lint as wire;

use super::page;
use crate::auth::Authenticated;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface;

/// Seconds that are looked back.
const BACK_S: i64 = 30 * 24 * 3_600;

pub(super) async fn alerts(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let before = params.query("cursor")?.map(|text| page::derived_id("cursor", text)).transpose()?.map(EventId);
    let found = api.store.unheard(api.clock.now().plus_s(-BACK_S), before.as_ref()).await?;
    let items = found.items.into_iter().map(unheard).collect();
    Ok(surface::json(StatusCode::OK, &Page { items, next_cursor: found.next.map(|id| id.0) }))
}

fn unheard(found: Unheard) -> wire::UnheardAlert {
    let user = |(user, reasons): (UserId, Vec<Reason>)| {
        let mut reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
        if reasons.is_empty() && !found.has_fallback {
            reasons.push(Decision::NoRuleAndNoFallback.to_string());
        }
        wire::UnheardUser { user_id: user.0, reasons }
    };
    wire::UnheardAlert {
        event_id: found.event_id.0,
        alert_id: found.alert_id,
        at: found.at.into(),
        has_fallback: found.has_fallback,
        users: found.users.into_iter().map(user).collect(),
        problems: found.problems,
    }
}

/// Users page by page, each with what is wrong with their rules.
pub(super) async fn rules(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let after = page::numeric_cursor(&params)?.map(UserId);
    let (found, last) = api.store.dead_rules(after, page::limit(&params)?).await?;
    let items = found.into_iter().map(|DeadRule { rule, reason }| dead(&rule, &reason)).collect();
    Ok(surface::json(StatusCode::OK, &Page { items, next_cursor: last.map(|id| id.to_string()) }))
}

fn dead(rule: &Rule, reason: &Reason) -> wire::DeadRule {
    wire::DeadRule {
        user_id: rule.user_id.0,
        rule_id: rule.id.0,
        trigger: rule.trigger.into(),
        channel: rule.channel.map(Into::into),
        reason: reason.to_string(),
    }
}
