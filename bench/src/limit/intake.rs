//! From the stream into the table.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, stream};
use futures::StreamExt as _;
use tokio::sync::{Notify, mpsc};

use super::rows::Rows;
use super::{BATCH, Job, Variant};
use crate::error::{Doing, Error};

/// Messages that the broker may send ahead.
const AHEAD: usize = 4 * BATCH;

/// A stream with file storage, and a durable pull consumer with explicit acknowledgement, as Watchbell has them.
pub async fn subscribe(nats: &str, name: &str, subject: &str) -> Result<pull::Stream, Error> {
    let client = async_nats::connect(nats).await.doing("connecting to NATS")?;
    let context = jetstream::new(client);
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: stream::StorageType::File,
        retention: stream::RetentionPolicy::Limits,
        ..stream::Config::default()
    };
    let stream = context.get_or_create_stream(config).await.doing("making the stream")?;
    let config = pull::Config {
        durable_name: Some("limit".to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: 10_000,
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer("limit", config).await.doing("making the consumer")?;
    let messages = consumer.stream().max_messages_per_batch(AHEAD).expires(Duration::from_secs(30)).messages();
    messages.await.doing("pulling")
}

/// Takes whatever is ready, commits it, acknowledges it, hands it on.
pub async fn run(
    events: pull::Stream,
    variant: Variant,
    rows: Arc<Rows>,
    to_send: mpsc::Sender<Job>,
    inserted: Arc<Notify>,
) -> Result<(), Error> {
    let mut batches = events.ready_chunks(BATCH);
    while let Some(batch) = batches.next().await {
        let mut jobs = Vec::with_capacity(batch.len());
        let mut messages = Vec::with_capacity(batch.len());
        for message in batch {
            let message = message.doing("pulling")?;
            let info = message.info().doing("pulling")?;
            // Time first, then what is the event's own: in order, unique, and the same if it comes again.
            let id = format!("{:013}-{:010}", info.published.unix_timestamp_nanos() / 1_000_000, info.stream_sequence);
            jobs.push(Job { id, body: message.payload.clone() });
            messages.push(message);
        }
        if variant != Variant::None {
            rows.insert(&jobs, variant).await?;
        }
        for message in messages {
            message.ack().await.doing("acknowledging")?;
        }
        if variant == Variant::Claim {
            inserted.notify_one();
            continue;
        }
        for job in jobs {
            to_send.send(job).await.doing("handing on")?;
        }
    }
    Err(Error::says("the stream ended"))
}
