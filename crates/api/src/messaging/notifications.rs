//! `/notifications`: what the caller was told in the app, and what they did with it.

use std::ops::RangeInclusive;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use watchbell_core::DeliveryId;
use watchbell_core::preference::NotificationAction;
use watchbell_store::page::Side;
use watchbell_store::preferences::{Notification, NotificationCursor, NotificationFilter};
use watchbell_wire::messaging::{MarkedAllSeen, MarkedAllSeenObject, UnreadCount, UnreadCountObject};

use super::page::{self, Neighbours};
use super::{own_user, wire};
use crate::auth::{Authenticated, Intent};
use crate::origin::Origin;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;
use crate::surface;

const LIMIT: RangeInclusive<i64> = 1..=100;
const USUAL: i64 = 20;

/// Newest first, without what was dismissed unless it is asked for.
pub(super) async fn list(State(api): State<Api>, caller: Authenticated, origin: Origin, params: Params) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Read)?;
    let limit = params.integer("limit", &LIMIT)?.unwrap_or(USUAL);
    let from = page::from(&params)?;
    let filter = NotificationFilter {
        category: params.query("category")?.map(str::to_owned),
        status: params.choice("status")?,
        limit: limit + 1,
        from: from.clone(),
    };
    let mut found = api.store.notifications(user, &filter).await?;
    // One more than is shown was asked for. It is the one farthest from where the page starts.
    let is_upwards = from.is_upwards();
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > shown;
    if is_upwards {
        found.drain(..found.len().saturating_sub(shown));
    } else {
        found.truncate(shown);
    }
    let beside = async |from: Side<NotificationCursor>| -> Result<bool, Problem> {
        let filter = NotificationFilter { from, limit: 1, ..filter.clone() };
        Ok(!api.store.notifications(user, &filter).await?.is_empty())
    };
    let mut neighbours = Neighbours::default();
    if let (Some(first), Some(last)) = (found.first().map(Notification::cursor), found.last().map(Notification::cursor)) {
        let has_newer = if is_upwards { has_more } else { beside(Side::Before(first.clone())).await? };
        let has_older = if is_upwards { beside(Side::After(last.clone())).await? } else { has_more };
        neighbours.previous = has_newer.then(|| page::url(&origin, &params, "before", &first)).transpose()?;
        neighbours.next = has_older.then(|| page::url(&origin, &params, "after", &last)).transpose()?;
    }
    let data = found.iter().map(wire::notification).collect();
    Ok(surface::json(StatusCode::OK, &page::list(data, neighbours)))
}

pub(super) async fn unread_count(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Read)?;
    let count = api.store.unread_count(user).await?;
    Ok(surface::json(StatusCode::OK, &UnreadCount { object: UnreadCountObject::UnreadCount.into(), unread_count: count }))
}

pub(super) async fn act(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let action: NotificationAction = params.path("action").parse().map_err(|_| Problem::not_found("path"))?;
    let user = own_user(&caller, Intent::Change)?;
    let id = DeliveryId(params.path("id").to_owned());
    let notification = api.store.act_on_notification(caller.actor(), user, &id, action).await?;
    Ok(surface::json(StatusCode::OK, &wire::notification(&notification)))
}

pub(super) async fn mark_all_seen(State(api): State<Api>, caller: Authenticated) -> Result<Response, Problem> {
    let user = own_user(&caller, Intent::Change)?;
    let updated = api.store.mark_all_seen(caller.actor(), user).await?;
    Ok(surface::json(StatusCode::OK, &MarkedAllSeen { object: MarkedAllSeenObject::MarkedAllSeen.into(), updated_count: updated }))
}
