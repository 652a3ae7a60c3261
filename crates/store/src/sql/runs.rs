//! What became of subscription events, person by person.
//!
//! Of one user, lists go through that user's deliveries. Without one they go event by event, and in each user by user, by the index
//! that holds deliveries by what they are about. PostgreSQL would rather sort all that ever was, so it is given few events at a time
//! ([`Windows`]): an event may be for one user or for a hundred thousand.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use watchbell_core::event::SubscriptionData;
use watchbell_core::{DeliveryId, EventId, UserId};

use super::page::{beyond, newest_first, push_order};
use super::rows::{all, at, json, name};
use super::{Db, SqlStore, sql};
use crate::StoreError;
use crate::runs::{RunDelivery, RunFilter, RunNotification, RunPlace, Runs};

/// Events that are looked at together, at most.
const MOST_EVENTS: i64 = 64;

/// What joins deliveries with their events, of messages that have a category.
macro_rules! of_runs {
    () => {
        "e.kind = 'subscription' AND d.event_id = e.id AND d.category IS NOT NULL"
    };
}

#[derive(sqlx_macros::FromRow)]
struct DeliveryRow {
    id: String,
    event_id: String,
    user_id: i64,
    channel: String,
    device: Option<String>,
    state: String,
    provider: Option<String>,
    sent_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    seen_at: Option<i64>,
    read_at: Option<i64>,
    dismissed_at: Option<i64>,
    data: String,
}

impl TryFrom<DeliveryRow> for RunDelivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: DeliveryId(row.id),
            event_id: EventId(row.event_id),
            user_id: UserId(row.user_id),
            channel: name(&row.channel)?,
            device: row.device.as_deref().map(name).transpose()?,
            state: name(&row.state)?,
            provider: row.provider,
            sent_at: row.sent_at.map(at),
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
            seen_at: row.seen_at.map(at),
            read_at: row.read_at.map(at),
            dismissed_at: row.dismissed_at.map(at),
            data: json::<SubscriptionData>(&row.data)?,
        })
    }
}

#[derive(sqlx_macros::FromRow)]
struct NotificationRow {
    event_id: String,
    user_id: i64,
    created_at: i64,
    updated_at: i64,
    is_unreachable: bool,
    data: String,
}

impl TryFrom<NotificationRow> for RunNotification {
    type Error = StoreError;

    fn try_from(row: NotificationRow) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: EventId(row.event_id),
            user_id: UserId(row.user_id),
            created_at: at(row.created_at),
            updated_at: at(row.updated_at),
            is_unreachable: row.is_unreachable,
            data: json::<SubscriptionData>(&row.data)?,
        })
    }
}

#[async_trait]
impl Runs for SqlStore {
    async fn run_deliveries(&self, filter: &RunFilter) -> Result<Vec<RunDelivery>, StoreError> {
        let (mut windows, mut found) = (Windows::of(filter), Vec::new());
        while let Some(window) = windows.next(self, filter, found.len()).await? {
            found.extend(self.deliveries_within(filter, &window, found.len()).await?);
        }
        Ok(newest_first(found, &filter.side))
    }

    async fn run_notifications(&self, filter: &RunFilter) -> Result<Vec<RunNotification>, StoreError> {
        let (mut windows, mut found) = (Windows::of(filter), Vec::new());
        while let Some(window) = windows.next(self, filter, found.len()).await? {
            found.extend(self.notifications_within(filter, &window, found.len()).await?);
        }
        Ok(newest_first(found, &filter.side))
    }
}

/// Events from one id to another, both within; None is all.
type Window = Option<(String, String)>;

/// The events that a list goes through, a few at a time and then more.
struct Windows {
    /// How many come next; 0 where the filter names a user or an event, so that there is nothing to go through.
    size: i64,
    /// Where they begin, and whether with this one.
    from: Option<(String, bool)>,
    is_done: bool,
}

impl Windows {
    fn of(filter: &RunFilter) -> Self {
        let is_narrow = filter.user.is_some() || filter.event.is_some() || filter.delivery.is_some();
        let from = filter.side.place().map(|place| (place.event.0.clone(), true));
        Self { size: i64::from(!is_narrow), from, is_done: false }
    }

    /// The next ones, unless so many entries are enough.
    async fn next(&mut self, store: &SqlStore, filter: &RunFilter, found: usize) -> Result<Option<Window>, StoreError> {
        if self.is_done || remaining(filter, found) == 0 {
            return Ok(None);
        }
        if self.size == 0 {
            self.is_done = true;
            return Ok(Some(None));
        }
        let is_upwards = filter.side.is_upwards();
        let mut query =
            QueryBuilder::<Db>::new("SELECT MIN(w.id), MAX(w.id), COUNT(*) FROM (SELECT e.id FROM events e WHERE e.kind = 'subscription'");
        if let Some(topic) = &filter.topic {
            query.push(sql(" AND {topic} = ")).push_bind(topic.clone());
        }
        if let Some((from, is_within)) = &self.from {
            query.push(if is_upwards { " AND e.id >" } else { " AND e.id <" });
            query.push(if *is_within { "= " } else { " " }).push_bind(from.clone());
        }
        query.push(if is_upwards { " ORDER BY e.id LIMIT " } else { " ORDER BY e.id DESC LIMIT " });
        query.push_bind(self.size).push(") w");
        let row: (Option<String>, Option<String>, i64) = query.build_query_as().fetch_one(&store.read).await?;
        let (Some(low), Some(high), count) = row else { return Ok(None) };
        self.from = Some((if is_upwards { high.clone() } else { low.clone() }, false));
        self.is_done = count < self.size;
        self.size = (self.size * 2).min(MOST_EVENTS);
        Ok(Some(Some((low, high))))
    }
}

/// Entries that a list still lacks.
fn remaining(filter: &RunFilter, found: usize) -> i64 {
    (filter.limit - i64::try_from(found).unwrap_or(i64::MAX)).max(0)
}

impl SqlStore {
    async fn deliveries_within(&self, filter: &RunFilter, window: &Window, found: usize) -> Result<Vec<RunDelivery>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT d.id, d.event_id, d.user_id, d.channel, v.kind AS device, d.state, d.provider, d.sent_at, d.created_at, d.updated_at, \
             n.seen_at, n.read_at, n.dismissed_at, e.data FROM events e JOIN deliveries d ON d.subject = e.subject \
             JOIN users u ON u.id = d.user_id LEFT JOIN devices v ON v.id = d.device_id LEFT JOIN notifications n ON n.id = d.id WHERE ",
            of_runs!(),
            " AND d.channel NOT IN ('voice', 'whatsapp', 'webhook')"
        ));
        push_filter(&mut query, filter, window);
        if let Some(delivery) = &filter.delivery {
            query.push(" AND d.id = ").push_bind(delivery.0.clone());
        }
        if let Some(provider) = &filter.provider {
            query.push(" AND d.provider = ").push_bind(provider.clone());
        }
        if !filter.states.is_empty() {
            let mut states = query.push(" AND d.state IN (").separated(", ");
            for state in &filter.states {
                states.push_bind(state.as_str());
            }
            query.push(")");
        }
        if let Some(after) = filter.created_after {
            query.push(" AND d.created_at > ").push_bind(after.as_millis());
        }
        if let Some(before) = filter.created_before {
            query.push(" AND d.created_at < ").push_bind(before.as_millis());
        }
        push_place(&mut query, filter);
        let order: &[&str] = if filter.user.is_some() { &["d.id"] } else { &["e.id", "d.user_id", "d.id"] };
        push_order(&mut query, &filter.side, order, remaining(filter, found));
        let rows: Vec<DeliveryRow> = query.build_query_as().fetch_all(&self.read).await?;
        all(rows)
    }

    async fn notifications_within(&self, filter: &RunFilter, window: &Window, found: usize) -> Result<Vec<RunNotification>, StoreError> {
        const UNREACHABLE: &str = "EXISTS (SELECT 1 FROM unreachable x WHERE x.scope = e.subject AND x.user_id = d.user_id)";
        let mut query = QueryBuilder::<Db>::new("SELECT e.id AS event_id, d.user_id, MIN(d.created_at) AS created_at, ");
        query.push("MAX(d.updated_at) AS updated_at, ").push(UNREACHABLE).push(concat!(
            " AS is_unreachable, e.data FROM events e JOIN deliveries d ON d.subject = e.subject JOIN users u ON u.id = d.user_id WHERE ",
            of_runs!()
        ));
        push_filter(&mut query, filter, window);
        if let Some(is_unreachable) = filter.is_unreachable {
            query.push(if is_unreachable { " AND " } else { " AND NOT " }).push(UNREACHABLE);
        }
        push_place(&mut query, filter);
        // An event's key stands for its other columns.
        query.push(" GROUP BY e.id, d.user_id HAVING 1 = 1");
        if let Some(after) = filter.created_after {
            query.push(" AND MIN(d.created_at) > ").push_bind(after.as_millis());
        }
        if let Some(before) = filter.created_before {
            query.push(" AND MIN(d.created_at) < ").push_bind(before.as_millis());
        }
        push_order(&mut query, &filter.side, &["e.id", "d.user_id"], remaining(filter, found));
        let rows: Vec<NotificationRow> = query.build_query_as().fetch_all(&self.read).await?;
        all(rows)
    }
}

fn push_filter(query: &mut QueryBuilder<Db>, filter: &RunFilter, window: &Window) {
    query.push(sql(" AND d.purpose NOT {purposes collective}"));
    match window {
        // Of a single event, entries come in the order of the index.
        Some((first, last)) if first == last => drop(query.push(" AND e.id = ").push_bind(first.clone())),
        Some((first, last)) => {
            query.push(" AND e.id >= ").push_bind(first.clone()).push(" AND e.id <= ").push_bind(last.clone());
        }
        None => {}
    }
    if let Some(event) = &filter.event {
        query.push(" AND e.id = ").push_bind(event.0.clone());
    }
    if let Some(user) = filter.user {
        query.push(" AND d.user_id = ").push_bind(user.0);
    }
    if let Some(topic) = &filter.topic {
        query.push(sql(" AND {topic} = ")).push_bind(topic.clone());
    }
}

/// What lies beyond the place that a page begins at, in the order of [`push_order`].
fn push_place(query: &mut QueryBuilder<Db>, filter: &RunFilter) {
    let Some(RunPlace { event, user, delivery }) = filter.side.place() else { return };
    let beyond = beyond(&filter.side);
    if let (Some(_), Some(delivery)) = (filter.user, delivery) {
        query.push(format_args!(" AND d.id {beyond} ")).push_bind(delivery.0.clone());
        return;
    }
    query.push(format_args!(" AND e.id {beyond}= ")).push_bind(event.0.clone());
    query.push(format_args!(" AND (e.id {beyond} ")).push_bind(event.0.clone());
    query.push(format_args!(" OR d.user_id {beyond} ")).push_bind(user.0);
    if let Some(delivery) = delivery {
        query.push(" OR (d.user_id = ").push_bind(user.0);
        query.push(format_args!(" AND d.id {beyond} ")).push_bind(delivery.0.clone()).push(")");
    }
    query.push(")");
}
