//! The body of SQL, compiled once for each database: `super` says which.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use watchbell_core::{Channel, Clock, UserId};

use super::{Argument, BEGIN, BEGIN_CHANGE, DIALECT, Db, SNAPSHOT, array, columns};
use crate::pool::Pool;
use crate::throttle::RecipientLimits;
use crate::{Options, Planner, Policy, Quotas, Retries, Store, StoreError, VerificationLimits, Wakes};

mod access;
mod answers;
mod attempts;
mod audit;
mod blacklist;
mod browser_sessions;
mod bundles;
mod calendars;
mod change;
mod dead_letters;
mod deliveries;
mod directory;
mod edits;
mod events;
mod explain;
mod fan_out;
mod finish;
mod follow_ups;
mod groups;
mod history;
mod if_known;
mod inline;
mod insert_events;
mod intake;
mod jobs;
mod known;
mod leases;
mod lint;
mod locks;
mod overdue;
mod overview;
mod page;
mod plan;
mod policy;
mod policy_rows;
mod preferences;
mod provider_use;
mod queue;
mod readiness;
mod ready_queue;
mod receipt_log;
mod receipts;
mod recipients;
mod responders;
mod retention;
pub(super) mod rows;
mod runs;
mod shifts;
mod silences;
mod slots;
mod statistics;
mod subjects;
mod texts;
mod throttling;
mod together;
mod traces;
mod unreadable;
mod wake_ups;
mod worker_sessions;

/// Users whose policies are kept in memory, about 1 KB each.
const REMEMBERED_USERS: usize = 20_000;

#[derive(Debug)]
pub(crate) struct SqlStore {
    /// Of the engine: accepting, planning, claiming, beginning, finishing, housekeeping; and its own looks.
    pub(super) write: Pool<Db>,
    /// Of heartbeats: they do not wait for those that plans and claims use.
    heartbeats: Pool<Db>,
    /// Of the API, to read.
    read: Pool<Db>,
    /// Of the API, to change something.
    edit: Pool<Db>,
    planner: Arc<dyn Planner>,
    clock: Arc<dyn Clock>,
    retries: Retries,
    limits: RecipientLimits,
    quotas: Quotas,
    verification: VerificationLimits,
    /// Of the traces that begin here, the share that is sampled; None where none are kept.
    traces: Option<f64>,
    wakes: Arc<Wakes>,
    /// What users have said, as it was last read; used only at the user's version of now.
    policies: Cache<UserId, Arc<Policy>>,
    /// Whom names meant when they were last looked up; believed only when the users say so themselves.
    names: Cache<String, UserId>,
    /// Whether there are names that may mean two users.
    has_ambiguous_names: AtomicBool,
    growth: statistics::Growth,
    /// When a probe last committed something.
    committed_at: tokio::sync::Mutex<Option<tokio::time::Instant>>,
    /// Counts claims by channel, for what is given in turn.
    turns: Vec<AtomicU64>,
    /// Topic events up to this one are left alone for now: it could not be planned. Mostly empty.
    fan_out_passed_over: Mutex<String>,
    /// Held as long as the store is open.
    _lock: Option<File>,
}

type Tx = crate::pool::Tx<Db>;
type Connection = crate::pool::Session<Db>;

/// Connections, by whose they are: what is sent never waits for requests to the API.
#[derive(Debug)]
pub(crate) struct Pools {
    pub write: Pool<Db>,
    pub heartbeats: Pool<Db>,
    pub read: Pool<Db>,
    pub edit: Pool<Db>,
}

impl SqlStore {
    pub(crate) fn new(
        Pools { write, heartbeats, read, edit }: Pools,
        planner: Arc<dyn Planner>,
        clock: Arc<dyn Clock>,
        options: &Options,
        wakes: Arc<Wakes>,
        lock: Option<File>,
    ) -> Self {
        let (retries, limits) = (options.retries.clone(), options.limits.clone());
        Self {
            write,
            heartbeats,
            read,
            edit,
            planner,
            clock,
            retries,
            limits,
            quotas: options.quotas,
            verification: options.verification.clone(),
            traces: options.traces,
            wakes,
            policies: Cache::new(REMEMBERED_USERS),
            names: Cache::new(REMEMBERED_USERS),
            has_ambiguous_names: AtomicBool::new(false),
            growth: statistics::Growth::default(),
            committed_at: tokio::sync::Mutex::default(),
            turns: Channel::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            fan_out_passed_over: Mutex::default(),
            _lock: lock,
        }
    }

    /// A transaction of the engine.
    async fn begin_tx(&self) -> Result<Tx, StoreError> {
        Ok(self.write.begin(BEGIN).await?)
    }

    /// A transaction of a request to the API.
    async fn begin_edit(&self) -> Result<Tx, StoreError> {
        Ok(self.edit.begin(BEGIN_CHANGE).await?)
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.probe().await
    }
}

/// The statement in this database's dialect.
fn sql(text: &'static str) -> &'static str {
    DIALECT.sql(text)
}

/// Binds the columns of a `{rows …}` hole.
trait BindAll: Sized {
    fn bind_all(self, columns: Vec<Argument>) -> Self;
}

macro_rules! bind_all {
    ($($query:ty: <$($life:lifetime),* $(; $row:ident)?>),+) => {$(
        impl<$($life,)* $($row)?> BindAll for $query {
            fn bind_all(self, columns: Vec<Argument>) -> Self {
                columns.into_iter().fold(self, Self::bind)
            }
        }
    )+};
}

bind_all!(
    sqlx::query::Query<'q, Db, <Db as sqlx::Database>::Arguments>: <'q>,
    sqlx::query::QueryAs<'q, Db, O, <Db as sqlx::Database>::Arguments>: <'q; O>,
    sqlx::query::QueryScalar<'q, Db, O, <Db as sqlx::Database>::Arguments>: <'q; O>
);

/// Runs a transition again when the database ended it to resolve a deadlock or a conflict with another one.
async fn retrying<T, F: Future<Output = Result<T, StoreError>>>(transition: impl Fn() -> F) -> Result<T, StoreError> {
    const TRIES: usize = 5;
    for _ in 1..TRIES {
        match transition().await {
            Err(error) if error.is_conflict() => {}
            done => return done,
        }
    }
    transition().await
}
