//! What is said about a database when it is opened: where it is, and what its users may have.

use watchbell_core::retry::RetryPolicy;

use crate::connections;
use crate::pool::DatabaseMetrics;
use crate::rank;
use crate::throttle::RecipientLimits;

/// How to open the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Connections at most; for SQLite the readers beside its one writer.
    pub max_connections: u32,
    /// Of those to PostgreSQL, the ones that are for requests to the API; none where the process has no such role.
    pub api_connections: u32,
    /// When a call that nobody answered is made again.
    pub retries: Retries,
    /// What recipients take.
    pub limits: RecipientLimits,
    pub quotas: Quotas,
    pub verification: VerificationLimits,
    /// Of the traces that begin here, the share that is sampled; None where none are kept.
    pub traces: Option<f64>,
    /// Where connections are counted.
    pub metrics: DatabaseMetrics,
}

impl Options {
    /// What is wrong with them, as a sentence; at the latest [`open`](crate::open) finds it.
    pub fn problem(&self) -> Option<String> {
        self.is_postgres().then(|| connections::too_few(self.max_connections, self.api_connections)).flatten()
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres:") || self.url.starts_with("postgresql:")
    }

    /// A database with the design's figures for everything else.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            api_connections: 2,
            retries: Retries::default(),
            limits: RecipientLimits::default(),
            quotas: Quotas::default(),
            verification: VerificationLimits::default(),
            traces: None,
            metrics: DatabaseMetrics::default(),
        }
    }
}

/// How many of a kind one user may have, whoever makes them: everything of a user is read when an event names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    pub contacts: i64,
    pub devices: i64,
    /// Of all surfaces together.
    pub rules: i64,
    /// Links to the Telegram bot that nobody has opened yet.
    pub telegram_links: i64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { contacts: 50, devices: 20, rules: 200, telegram_links: 5 }
    }
}

/// What verifying addresses may cost within a day.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationLimits {
    /// Codes to the contacts of one user.
    pub codes_per_user: i64,
    /// Codes to one address, whoever claims it.
    pub codes_per_target: i64,
    /// Codes of all users together.
    pub codes_in_all: i64,
    /// Wrong codes that one user may try.
    pub wrong_per_user: i64,
    /// What phone numbers begin with that codes are sent to, such as `+49`; empty: all.
    pub phone_prefixes: Vec<String>,
}

impl Default for VerificationLimits {
    fn default() -> Self {
        Self { codes_per_user: 20, codes_per_target: 10, codes_in_all: 2_000, wrong_per_user: 30, phone_prefixes: Vec::new() }
    }
}

/// The ladders by which failed attempts are tried again.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retries {
    /// HIGH alerts.
    pub high: RetryPolicy,
    /// Everything else.
    pub normal: RetryPolicy,
}

impl Default for Retries {
    fn default() -> Self {
        Self { high: RetryPolicy::high(), normal: RetryPolicy::normal() }
    }
}

impl Retries {
    /// The ladder of a delivery's [`rank`].
    pub fn of(&self, rank: i64) -> &RetryPolicy {
        if rank == rank::HIGH { &self.high } else { &self.normal }
    }
}
