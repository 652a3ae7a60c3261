//! What a process does.

use serde::Deserialize;

/// A part of the work that a process can do; every one of them may have any number of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The REST surfaces, event intake over HTTP, callbacks.
    Api,
    /// Events from NATS.
    Ingest,
    /// Planning in the background, digests, housekeeping.
    Scheduler,
    /// Sending.
    Worker,
}

impl Role {
    /// As the configuration and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Ingest => "ingest",
            Self::Scheduler => "scheduler",
            Self::Worker => "worker",
        }
    }
}
