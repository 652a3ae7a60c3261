//! How things stand: asked of the ready queue, of narrow indexes and of worker sessions, never of what was sent once.

use std::collections::BTreeMap;

use async_trait::async_trait;
use watchbell_core::Channel;

use super::rows::{at, name};
use super::{BindAll, SqlStore, columns, sql};
use crate::columns::row;
use crate::overview::{COUNTED_AT_MOST, Overview, Overviews, Waiting, WaitingRank};
use crate::queue::{Sending, WorkerSession};
use crate::{StoreError, rank};

/// How long users count as unreachable after an event did not reach them.
const UNREACHABLE_MS: i64 = 24 * 60 * 60 * 1_000;

#[async_trait]
impl Overviews for SqlStore {
    async fn overview(&self) -> Result<Overview, StoreError> {
        let now = self.clock.now();
        let dead_letters = sqlx::query_scalar(sql(
            "SELECT count(*) FROM (SELECT 1 AS one FROM dead_letters WHERE replayed_at IS NULL ORDER BY created_at LIMIT $1) AS c",
        ))
        .bind(COUNTED_AT_MOST)
        .fetch_one(&self.read)
        .await?;
        let unreachable = sqlx::query_scalar(sql(
            "SELECT count(DISTINCT user_id) FROM (SELECT user_id FROM unreachable WHERE at >= $1 ORDER BY at LIMIT $2) AS c",
        ))
        .bind(now.plus_ms(-UNREACHABLE_MS).as_millis())
        .bind(COUNTED_AT_MOST)
        .fetch_one(&self.read)
        .await?;
        let mut processes = self.all_sessions(&mut self.read.acquire().await?).await?;
        processes.retain(|process| process.alive_until >= now);
        Ok(Overview { waiting: self.waiting().await?, sending: sending(&processes), dead_letters, unreachable, processes })
    }
}

impl SqlStore {
    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        row! {
            struct Row {
                channel: &'static str,
                rank: i64,
            }
        }
        #[derive(sqlx_macros::FromRow)]
        struct Counted {
            channel: String,
            rank: i64,
            deliveries: i64,
            due: i64,
            due_since: Option<i64>,
        }
        let of = |channel: &Channel| WaitingRank::ALL.map(|rank| Row { channel: channel.as_str(), rank: number(rank) });
        let rows: Vec<Row> = Channel::ALL.iter().flat_map(of).collect();
        let counted: Vec<Counted> = sqlx::query_as(sql(
            "SELECT r.channel, CAST(r.rank AS BIGINT) AS rank, \
             (SELECT count(*) FROM (SELECT 1 AS one FROM ready_queue w WHERE w.channel = r.channel AND w.rank = r.rank LIMIT $2) AS c) AS deliveries, \
             (SELECT count(*) FROM (SELECT 1 AS one FROM ready_queue w WHERE w.channel = r.channel AND w.rank = r.rank AND w.ready_at <= $1 LIMIT $2) \
             AS c) AS due, \
             (SELECT w.ready_at FROM ready_queue w WHERE w.channel = r.channel AND w.rank = r.rank AND w.ready_at <= $1 ORDER BY w.ready_at LIMIT 1) \
             AS due_since FROM {rows $3: channel text, rank bigint}",
        ))
        .bind(self.clock.now().as_millis())
        .bind(COUNTED_AT_MOST)
        .bind_all(columns(&rows)?)
        .fetch_all(&self.read)
        .await?;
        let waits = |counted: Counted| {
            let rank = WaitingRank::ALL.into_iter().find(|rank| number(*rank) == counted.rank);
            let rank = rank.ok_or_else(|| StoreError::Corrupt(format!("rank {}", counted.rank)))?;
            let (deliveries, due) = (counted.deliveries, counted.due);
            Ok(Waiting { channel: name(&counted.channel)?, rank, deliveries, due, due_since: counted.due_since.map(at) })
        };
        counted.into_iter().filter(|counted| counted.deliveries > 0).map(waits).collect()
    }
}

fn number(rank: WaitingRank) -> i64 {
    match rank {
        WaitingRank::High => rank::HIGH,
        WaitingRank::Normal => rank::NORMAL,
        WaitingRank::Held => rank::HELD,
    }
}

/// What all processes together are sending.
fn sending(processes: &[WorkerSession]) -> Vec<Sending> {
    let mut sending: BTreeMap<Channel, u64> = BTreeMap::new();
    for Sending { channel, deliveries } in processes.iter().flat_map(|process| &process.sending) {
        *sending.entry(*channel).or_default() += deliveries;
    }
    sending.into_iter().map(|(channel, deliveries)| Sending { channel, deliveries }).collect()
}
