//! Publishes alerts to a stream: at a set rate, or as fast as the broker takes them, with many acknowledgements awaited at once.
//!
//! Each is a CloudEvent in binary mode as a monitoring system would send it, about 700 bytes; the bare pipeline gets the same.

use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, jetstream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::clock::now_us;
use crate::driver::cpu;
use crate::error::{Doing, Error, print};
use crate::stamp::Stamp;

/// So many publishes are unacknowledged at most.
const IN_FLIGHT: usize = 4096;

#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[arg(long)]
    pub nats: String,
    #[arg(long)]
    pub subject: String,
    #[arg(long)]
    pub count: u32,
    /// Alerts a second; 0 is as fast as possible
    #[arg(long, default_value_t = 0)]
    pub rate: u32,
    /// The first alert's number
    #[arg(long, default_value_t = 0)]
    pub first: u32,
    /// Responders are taken in turn from the users 1 to this
    #[arg(long)]
    pub users: u32,
    /// Responders of one alert
    #[arg(long, default_value_t = 1)]
    pub responders: u32,
    /// The rules' delay: alerts say that they happened so many seconds before they are due
    #[arg(long, default_value_t = 0)]
    pub delay_s: u32,
    /// With a delay: the first is due in so many milliseconds …
    #[arg(long, default_value_t = 0)]
    pub due_in_ms: u32,
    /// … and the last one so many later
    #[arg(long, default_value_t = 0)]
    pub spread_ms: u32,
    /// Begins the alerts' ids, so that those of one part are not those of another
    #[arg(long)]
    pub prefix: String,
}

/// What was published, and what that cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Published {
    pub first_us: u64,
    pub cpu_us: u64,
}

/// Publishes all, and says [`Published`] as JSON when the broker has acknowledged the last one.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let client = async_nats::connect(&arguments.nats).await.doing("connecting to NATS")?;
    let context =
        ContextBuilder::new().timeout(Duration::from_mins(1)).max_ack_inflight(IN_FLIGHT).backpressure_on_inflight(true).build(client);
    let published = publish(&context, &arguments).await?;
    print(&serde_json::to_string(&published).doing("writing JSON")?)
}

async fn publish(context: &jetstream::Context, arguments: &Arguments) -> Result<Published, Error> {
    let (sent, mut acknowledgements) = mpsc::channel::<PublishAckFuture>(IN_FLIGHT);
    let acknowledged = tokio::spawn(async move {
        while let Some(acknowledgement) = acknowledgements.recv().await {
            acknowledgement.await.doing("publishing")?;
        }
        Ok::<(), Error>(())
    });
    let first_us = now_us();
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    for index in 0..arguments.count {
        if arguments.rate > 0 {
            let turn_us = first_us + u64::from(index) * 1_000_000 / u64::from(arguments.rate);
            while now_us() < turn_us {
                tick.tick().await;
            }
        }
        let due_us = if arguments.delay_s == 0 { now_us() } else { due_us(arguments, first_us, index) };
        let message = alert(arguments, index, due_us);
        let acknowledgement = context.send_publish(arguments.subject.clone(), message).await.doing("publishing")?;
        if sent.send(acknowledgement).await.is_err() {
            break;
        }
    }
    drop(sent);
    acknowledged.await.doing("publishing")??;
    Ok(Published { first_us, cpu_us: cpu::of_process("self") })
}

/// When the message of the `index`th alert is due, if the rules have a delay.
fn due_us(arguments: &Arguments, first_us: u64, index: u32) -> u64 {
    let within_us = u64::from(arguments.spread_ms) * 1000 * u64::from(index) / u64::from(arguments.count);
    // A due time is whole milliseconds, as Watchbell has it.
    (first_us + u64::from(arguments.due_in_ms) * 1000 + within_us) / 1000 * 1000
}

/// The alert that is the `index`th of this load, to be told of at `at_us`.
fn alert(arguments: &Arguments, index: u32, at_us: u64) -> PublishMessage {
    let seq = arguments.first + index;
    let nth = |place: u64| (u64::from(seq) * u64::from(arguments.responders) + place) % u64::from(arguments.users) + 1;
    let responders: Vec<u64> = (0..u64::from(arguments.responders)).map(nth).collect();
    let data = serde_json::json!({
        "alertId": format!("{}-{seq}", arguments.prefix),
        "priority": "HIGH",
        "summary": format!("Disk almost full on db-{} {}", seq % 97, Stamp { seq, at_us }),
        "details": "The volume /var/lib/postgresql has 3 % left and grows by 400 MB an hour. At this rate it is full within two \
                    hours; writes fail from then on. Runbook: extend the volume, then look for the table that grows.",
        "url": format!("https://grafana.example.org/alerting/{seq}"),
        "responders": responders,
        "labels": { "team": "storage", "severity": "critical", "region": "eu-central-1" },
    });
    let happened_us = at_us - u64::from(arguments.delay_s) * 1_000_000;
    cloud_event("alert", &format!("{}-{seq}", arguments.prefix), happened_us, data.to_string())
}

/// A CloudEvent in binary mode that says when it happened.
pub fn cloud_event(kind: &str, id: &str, happened_us: u64, data: String) -> PublishMessage {
    let mut headers = HeaderMap::new();
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id);
    headers.insert("ce-source", "/bench/monitoring");
    headers.insert("ce-type", format!("watchbell.events.{kind}").as_str());
    headers.insert("content-type", "application/json");
    let time = jiff::Timestamp::from_microsecond(i64::try_from(happened_us).unwrap_or_default()).unwrap_or_default();
    headers.insert("ce-time", time.to_string().as_str());
    PublishMessage::build().headers(headers).payload(data.into())
}
