//! `/notifications` and `/deliveries`, of everybody or of one user: what runs had for whom, and what became of it.
//!
//! A notification is a run and one of its recipients; its id is made of both.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use watchbell_core::delivery::State as Step;
use watchbell_core::event::SubscriptionData;
use watchbell_core::preference::Category;
use watchbell_core::{DeliveryId, EventId, UserId};
use watchbell_store::runs::{RunDelivery, RunFilter, RunNotification, RunPlace};

use super::page::Asked;
use super::{ApiScope, find, subject, wire};
use crate::auth::{Authenticated, Intent};
use crate::people;
use crate::problem::Problem;
use crate::request::{Params, parameter};
use crate::state::Api;
use crate::surface::json;

/// A delivery's states as this surface has them.
pub(super) const STATUSES: [(&str, &[Step]); 3] = [
    ("pending", &[Step::Scheduled, Step::Sending, Step::Held, Step::Bundled]),
    ("sent", &[Step::Sent, Step::Delivered]),
    ("failed", &[Step::Undelivered, Step::Failed, Step::Cancelled, Step::Expired, Step::Suppressed]),
];

/// A notification's. It is planned as its run is accepted, so it is never found before.
pub(super) const NOTIFICATION_STATUSES: [(&str, Option<bool>); 4] =
    [("processed", Some(false)), ("failed", Some(true)), ("pending", None), ("processing", None)];

pub(super) async fn deliveries(State(api): State<Api>, caller: Authenticated, params: Params, asked: Asked) -> Result<Response, Problem> {
    let scope = whose(&api, &caller, &params, ApiScope::ReadDeliveries).await?;
    delivery_page(&api, &params, &asked, scope).await
}

pub(super) async fn deliveries_of_notification(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    asked: Asked,
) -> Result<Response, Problem> {
    let scope = whose(&api, &caller, &params, ApiScope::ReadDeliveries).await?;
    let found = one_notification(&api, &params, scope).await?;
    let of_it = RunFilter { event: Some(found.event_id), user: Some(found.user_id), ..RunFilter::default() };
    delivery_page(&api, &params, &asked, of_it).await
}

pub(super) async fn delivery(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let scope = whose(&api, &caller, &params, ApiScope::ReadDeliveries).await?;
    let id = params.path("id");
    let filter = RunFilter { delivery: Some(DeliveryId(id.to_owned())), limit: 1, ..scope };
    let found = api.store.run_deliveries(&filter).await?;
    let written = Told::load(&api, found.iter().map(|one| (one.user_id, &one.data))).await?.deliveries(&found);
    let body = written.first().ok_or_else(|| Problem::not_found("delivery").named(id))?;
    Ok(json(StatusCode::OK, body))
}

pub(super) async fn notifications(
    State(api): State<Api>,
    caller: Authenticated,
    params: Params,
    asked: Asked,
) -> Result<Response, Problem> {
    let scope = whose(&api, &caller, &params, ApiScope::ReadNotifications).await?;
    let filter = filter(&params, &asked, scope)?;
    let found = match choice(&params, &NOTIFICATION_STATUSES)? {
        Some(None) => Vec::new(),
        status => api.store.run_notifications(&RunFilter { is_unreachable: status.flatten(), ..filter }).await?,
    };
    let page = asked.cut(found);
    let told = Told::load(&api, page.entries.iter().map(|one| (one.user_id, &one.data))).await?;
    let cursor = |at: &RunNotification| format!("{}-{}", at.event_id, at.user_id);
    Ok(json(StatusCode::OK, &asked.write(&page, &told.notifications(&page.entries), cursor)))
}

pub(super) async fn notification(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let scope = whose(&api, &caller, &params, ApiScope::ReadNotifications).await?;
    let found = [one_notification(&api, &params, scope).await?];
    let written = Told::load(&api, found.iter().map(|one| (one.user_id, &one.data))).await?.notifications(&found);
    let body = written.first().ok_or_else(|| Problem::not_found("notification"))?;
    Ok(json(StatusCode::OK, body))
}

/// Everybody's, or those of the user whom the path names.
async fn whose(api: &Api, caller: &Authenticated, params: &Params, scope: ApiScope) -> Result<RunFilter, Problem> {
    if params.path("user").is_empty() {
        caller.check_reads_all().map_err(scope.refused())?;
        return Ok(RunFilter::default());
    }
    let user = subject(api, caller, params, Intent::Read, scope).await?;
    Ok(RunFilter { user: Some(user.id), ..RunFilter::default() })
}

async fn one_notification(api: &Api, params: &Params, scope: RunFilter) -> Result<RunNotification, Problem> {
    let id = params.path("id");
    let absent = || Problem::not_found("notification").named(id);
    let place = read_place(id).filter(|place| place.delivery.is_none()).ok_or_else(absent)?;
    if scope.user.is_some_and(|user| user != place.user) {
        return Err(absent());
    }
    let filter = RunFilter { event: Some(place.event), user: Some(place.user), limit: 1, ..scope };
    api.store.run_notifications(&filter).await?.into_iter().next().ok_or_else(absent)
}

async fn delivery_page(api: &Api, params: &Params, asked: &Asked, scope: RunFilter) -> Result<Response, Problem> {
    let mut filter = filter(params, asked, scope)?;
    filter.states = choice(params, &STATUSES)?.unwrap_or_default().to_vec();
    filter.provider = params.query("channel_id")?.map(str::to_owned);
    let page = asked.cut(api.store.run_deliveries(&filter).await?);
    let told = Told::load(api, page.entries.iter().map(|one| (one.user_id, &one.data))).await?;
    let cursor = |at: &RunDelivery| format!("{}-{}-{}", at.event_id, at.user_id, at.id);
    Ok(json(StatusCode::OK, &asked.write(&page, &told.deliveries(&page.entries), cursor)))
}

fn filter(params: &Params, asked: &Asked, scope: RunFilter) -> Result<RunFilter, Problem> {
    Ok(RunFilter {
        topic: params.query("topic")?.map(str::to_owned),
        created_after: params.time("created_after")?,
        created_before: params.time("created_before")?,
        side: asked.side(read_place)?,
        limit: asked.fetch(),
        ..scope
    })
}

/// What a status stands for.
fn choice<T: Copy>(params: &Params, statuses: &[(&str, T)]) -> Result<Option<T>, Problem> {
    let Some(text) = params.query("status")? else { return Ok(None) };
    let names: Vec<&str> = statuses.iter().map(|(name, _)| *name).collect();
    let found = statuses.iter().find(|(name, _)| *name == text).map(|(_, status)| *status);
    found.map(Some).ok_or_else(|| parameter("status", "is unknown", &format!("it must be one of {}", names.join(", "))))
}

fn read_place(text: &str) -> Option<RunPlace> {
    let mut parts = text.split('-');
    let place = RunPlace {
        event: EventId(parts.next()?.to_owned()),
        user: UserId(parts.next()?.parse().ok()?),
        delivery: parts.next().map(|id| DeliveryId(id.to_owned())),
    };
    parts.next().is_none().then_some(place)
}

/// Whom and what a page's entries speak of, each looked up once.
struct Told {
    categories: Vec<Category>,
    users: BTreeMap<UserId, Value>,
    /// By the external id that the run gave.
    actors: BTreeMap<String, UserId>,
}

impl Told {
    async fn load<'a>(api: &Api, entries: impl Iterator<Item = (UserId, &'a SubscriptionData)>) -> Result<Self, Problem> {
        let (mut users, mut named) = (BTreeSet::new(), BTreeSet::new());
        for (user, data) in entries {
            users.insert(user);
            named.extend(data.run.as_ref().and_then(|run| run.actor.clone()));
        }
        let mut actors = BTreeMap::new();
        for name in named {
            if let Some(actor) = find(api, &name).await? {
                users.insert(actor.id);
                actors.insert(name, actor.id);
            }
        }
        let users = api.store.users_of(&users.into_iter().collect::<Vec<_>>()).await?;
        let written = people::written(api, &users, wire::user).await?;
        let users = users.iter().map(|user| user.id).zip(written).collect();
        Ok(Self { categories: api.store.categories().await?, users, actors })
    }

    fn about(&self, user: UserId, data: &SubscriptionData) -> Option<wire::About<'_>> {
        let handle = data.category.as_deref()?;
        let actor = data.run.as_ref().and_then(|run| run.actor.as_ref()).and_then(|name| self.users.get(self.actors.get(name)?));
        let category = self.categories.iter().find(|category| category.handle == handle);
        Some(wire::About { recipient: self.users.get(&user)?, actor, category })
    }

    fn deliveries(&self, found: &[RunDelivery]) -> Vec<Value> {
        let written = found.iter().filter_map(|one| Some(wire::delivery(one, &self.about(one.user_id, &one.data)?)));
        written.collect()
    }

    fn notifications(&self, found: &[RunNotification]) -> Vec<Value> {
        let written = found.iter().filter_map(|one| Some(wire::notification(one, &self.about(one.user_id, &one.data)?)));
        written.collect()
    }
}
