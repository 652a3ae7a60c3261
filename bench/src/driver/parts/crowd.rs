//! One event for a topic of 100,000 users, and HIGH alerts that come while it is dealt with.

use std::time::Duration;

use crate::clock::{now_us, seconds};
use crate::driver::flow::{Latencies, Load, published};
use crate::driver::parts::saturation::IN_FLIGHT;
use crate::driver::seed::{Seed, TOPIC};
use crate::driver::table::Goal;
use crate::driver::world::{Base, World};
use crate::error::{Doing, Error};
use crate::load::cloud_event;
use crate::stamp::Stamp;

const PART: &str = "One event for 100,000 users";
/// The event's number; alerts are numbered from 0.
const SEQ: u32 = 4_000_000_000;
/// Alerts a second: 200 of them while the event is dealt with.
const RATE: u32 = 50;

pub async fn run(world: &mut World) -> Result<(), Error> {
    let users = world.size(100_000, 5_000);
    let alerts = world.size(200, 20);
    let seed = Seed { topic: true, ..Seed::new(users, &["push"]) };
    let subject = world.watchbell(Base::Postgres, &seed, IN_FLIGHT).await?;
    let began_us = now_us();
    let stamp = Stamp { seq: SEQ, at_us: began_us };
    let data = serde_json::json!({
        "title": format!("Maintenance tonight {stamp}"),
        "message": "The storage cluster is read-only from 22:00 to 22:15.",
        "topic": TOPIC,
    });
    let event = cloud_event("subscription", "bench-crowd", began_us, data.to_string());
    let acknowledged = world.servers.jetstream.send_publish("watchbell.events.subscription", event).await.doing("publishing")?;
    acknowledged.await.doing("publishing")?;
    let mut loader = world.publish(subject.address, Load { rate: RATE, ..Load::of(alerts, users) })?;
    published(&mut loader).await?;
    world.provider.expect(u64::from(users + alerts), Duration::from_secs(30)).await?;
    let memory = subject.peak_memory_mb();
    subject.stop().await?;
    let (crowd, high): (Vec<_>, Vec<_>) = world.provider.arrivals().await?.into_iter().partition(|arrival| arrival.seq == SEQ);
    let last_us = crowd.iter().map(|arrival| arrival.at_us).max().unwrap_or_default();
    let latencies = Latencies::of(&high);
    world.table.note(PART, "until the last of them is told", "s", seconds(began_us, last_us));
    world.table.note(PART, "peak memory", "MB", memory);
    world.table.note(PART, "HIGH alerts meanwhile: p50", "ms", latencies.percentile(50));
    world.table.note(PART, "HIGH alerts meanwhile: p99", "ms", latencies.percentile(99)).goal(Goal::AtMost(50.0));
    world.table.note(PART, "HIGH alerts meanwhile: max", "ms", latencies.max());
    world.drop_database().await
}
