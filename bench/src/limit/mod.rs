//! The bare pipeline: what this machine can do at most between an event and its message, with nothing lost.
//!
//! JetStream pull → one insert a batch into PostgreSQL, commit, acknowledge → HTTP POST over kept connections → one update a
//! batch. No rules, checks, limits, texts, attempts. A batch is whatever is ready, up to [`BATCH`]; nothing waits for one to
//! fill. In variant `claim` rows are inserted as waiting and claimed for sending by a statement of their own; in `leased` they
//! are inserted as already claimed and sent from memory; `none` leaves the database out.

mod intake;
mod post;
mod rows;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use crate::error::{Doing, Error, print};
use rows::Rows;

/// Rows of one statement, at most.
const BATCH: usize = 500;
/// Requests in flight.
const IN_FLIGHT: usize = 64;
/// Rows in memory between two stages: enough to keep all senders busy during a commit.
const BETWEEN: usize = 2048;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Variant {
    Claim,
    Leased,
    None,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[arg(long)]
    variant: Variant,
    #[arg(long)]
    nats: String,
    #[arg(long)]
    subject: String,
    #[arg(long)]
    stream: String,
    #[arg(long)]
    postgres: String,
    /// The receiver's port
    #[arg(long)]
    receiver: u16,
}

/// A message on its way, by its row's key.
#[derive(Debug)]
struct Job {
    id: String,
    body: Bytes,
}

/// Runs until it is killed; says `ready` when events are pulled.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let rows = Arc::new(Rows::open(&arguments.postgres, arguments.variant).await?);
    let (to_send, jobs) = mpsc::channel::<Job>(BETWEEN);
    let (to_mark, sent) = mpsc::channel::<String>(BETWEEN);
    let inserted = Arc::new(Notify::new());
    let events = intake::subscribe(&arguments.nats, &arguments.stream, &arguments.subject).await?;
    let senders = post::start(arguments.receiver, jobs, to_mark).await?;
    print("ready")?;
    // None of them ends by itself.
    tokio::select! {
        result = intake::run(events, arguments.variant, Arc::clone(&rows), to_send.clone(), Arc::clone(&inserted)) => result,
        result = claim(arguments.variant, Arc::clone(&rows), to_send, inserted) => result,
        result = mark(Arc::clone(&rows), sent) => result,
        result = senders => result,
    }
}

/// Claims what was inserted as waiting, no more than can be sent soon; looks every 5 ms where nobody called.
async fn claim(variant: Variant, rows: Arc<Rows>, to_send: mpsc::Sender<Job>, inserted: Arc<Notify>) -> Result<(), Error> {
    if variant != Variant::Claim {
        return std::future::pending().await;
    }
    loop {
        let jobs = rows.claim(to_send.capacity().clamp(1, BATCH)).await?;
        if jobs.is_empty() {
            // Called or not: look again.
            let _ = tokio::time::timeout(Duration::from_millis(5), inserted.notified()).await;
        }
        for job in jobs {
            to_send.send(job).await.doing("handing on")?;
        }
    }
}

async fn mark(rows: Arc<Rows>, mut sent: mpsc::Receiver<String>) -> Result<(), Error> {
    let mut ids = Vec::with_capacity(BATCH);
    while sent.recv_many(&mut ids, BATCH).await > 0 {
        rows.finish(&ids).await?;
        ids.clear();
    }
    Err(Error::says("the senders ended"))
}
