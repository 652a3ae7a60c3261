//! Following deliveries as they change.
//!
//! The server is asked for what changed after the latest change seen. Rows that are committed in one order may carry times in
//! another, so each question reaches a little back, and what was seen is remembered.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use watchbell_core::{Clock, SystemClock, Timestamp};
use watchbell_wire::Page;
use watchbell_wire::deliveries::Delivery;

use super::{Filter, PATH};
use crate::cli::client::{Client, Error};

/// How far each question reaches back: longer than a transaction stays open.
const OVERLAP_MS: i64 = 5_000;
/// The largest page that the API gives.
const PAGE: &str = "200";

#[derive(Debug)]
pub struct Follower {
    client: Client,
    query: Vec<(&'static str, String)>,
    /// The latest change seen.
    latest: Timestamp,
    /// When each delivery seen lately had changed.
    seen: HashMap<String, Timestamp>,
}

/// Between two questions.
pub async fn pause() {
    SystemClock.sleep(Duration::from_secs(1)).await;
}

impl Follower {
    /// Follows what changes after the newest deliveries there are now.
    pub async fn latest(client: Client, filter: &Filter) -> Result<Self, Error> {
        let mut follower = Self::from(client, filter, SystemClock.now());
        let mut query = follower.query.clone();
        query.push(("limit", PAGE.to_owned()));
        let page: Page<Delivery> = follower.client.get(PATH, &query).await?;
        // The server's own clock, where there is something to read it from.
        let newest = page.items.iter().map(|delivery| delivery.updated_at.0).max();
        follower.latest = newest.unwrap_or(follower.latest.plus_ms(-OVERLAP_MS));
        for delivery in page.items {
            follower.note(&delivery);
        }
        Ok(follower)
    }

    /// Follows what changes after `at`.
    pub fn from(client: Client, filter: &Filter, at: Timestamp) -> Self {
        Self { client, query: filter.query(), latest: at, seen: HashMap::new() }
    }

    /// What changed since the last call, in the order of its changes, with the server's own JSON.
    pub async fn changed(&mut self) -> Result<Vec<(Delivery, Value)>, Error> {
        let since = self.latest.plus_ms(-OVERLAP_MS);
        let mut changed = vec![];
        let mut cursor = None;
        loop {
            let mut query = self.query.clone();
            query.push(("changedAfter", since.to_string()));
            query.push(("limit", PAGE.to_owned()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page: Page<Value> = self.client.get(PATH, &query).await?;
            for json in page.items {
                let Ok(delivery) = Delivery::deserialize(&json) else { continue };
                if let Some(at) = self.note(&delivery) {
                    changed.push((at, delivery, json));
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let reach = self.latest.plus_ms(-2 * OVERLAP_MS);
        self.seen.retain(|_, at| *at >= reach);
        changed.sort_by(|(at, one, _), (other_at, other, _)| (at, one.due_at, &one.id).cmp(&(other_at, other.due_at, &other.id)));
        Ok(changed.into_iter().map(|(_, delivery, json)| (delivery, json)).collect())
    }

    /// When the delivery changed, if that is news.
    fn note(&mut self, delivery: &Delivery) -> Option<Timestamp> {
        let at = delivery.updated_at.0;
        self.latest = self.latest.max(at);
        (self.seen.insert(delivery.id.clone(), at) != Some(at)).then_some(at)
    }
}
