//! Everybody is told at once: 6,000 alerts × 3 responders × 2 channels; and the same while half the workers are killed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::{now_us, pause, seconds};
use crate::driver::flow::{Load, published};
use crate::driver::parts::saturation::{IN_FLIGHT, USERS};
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::watchbell::SUBJECT;
use crate::driver::world::{Base, World};
use crate::error::{Doing, Error};
use crate::receiver::notes::Arrival;

const PART: &str = "Storm, 6,000 alerts × 3 responders × 2 channels";
/// Workers are killed when so many percent have been told: everything is under way.
const KILL_AT: u32 = 25;
/// A worker that has just started sends nothing until the others have left it its part of the providers' limits: two heartbeats.
const SETTLED: Duration = Duration::from_secs(5);
/// Longer than what lost leases take.
const PATIENCE: Duration = Duration::from_secs(40);

pub async fn run(world: &mut World) -> Result<(), Error> {
    let load = Load { responders: 3, channels: 2, ..Load::of(world.size(6_000, 300), USERS) };
    let seed = Seed::new(USERS, &["sms", "push"]);
    let subject = world.watchbell(Base::Postgres, &seed, IN_FLIGHT).await?;
    let flow = world.flow(&subject, load).await?;
    subject.stop().await?;
    world.table.note(PART, "one process: last provider call", "s", flow.took_s()).goal(Goal::AtMost(4.0));
    with_kills(world, &seed, load).await?;
    world.drop_database().await
}

async fn with_kills(world: &mut World, seed: &Seed, load: Load) -> Result<(), Error> {
    let settings = world.fresh(Base::Postgres, seed, IN_FLIGHT).await?;
    let mut started = vec![world.program.start(&settings, &["--roles", "api,ingest,scheduler"])?];
    for _ in 0..4 {
        // The API too, so that it can be asked whether it is ready.
        started.push(world.program.start(&settings, &["--roles", "api,worker"])?);
    }
    let mut processes = Vec::new();
    for mut watchbell in started {
        watchbell.ready().await?;
        processes.push(watchbell.process);
    }
    pause(SETTLED).await;
    let mut loader = world.publish(SUBJECT, load)?;
    world.provider.expect(u64::from(load.deliveries() * KILL_AT / 100), PATIENCE).await?;
    let victims = processes.split_off(3);
    let pids: Vec<String> = victims.iter().map(|victim| format!("%:{}", victim.pid())).collect();
    for victim in victims {
        victim.kill().await?;
    }
    let held = held_by(world, &pids).await?;
    let published = published(&mut loader).await?;
    let arrivals = all_of(world, usize::try_from(load.deliveries()).unwrap_or_default()).await?;
    for process in processes {
        process.stop().await?;
    }

    let name = "half of 4 workers killed";
    world.table.note(PART, format!("{name}: what they had claimed"), "deliveries", f64::from(held));
    let told = told(&arrivals).len();
    let lost = f64::from(load.deliveries()) - f64::from(u32::try_from(told).unwrap_or(u32::MAX));
    let twice = f64::from(u32::try_from(arrivals.len() - told).unwrap_or(u32::MAX));
    let last_us = arrivals.iter().map(|arrival| arrival.at_us).max().unwrap_or_default();
    let took = seconds(published.first_us, last_us);
    world.table.note(PART, format!("{name}: last provider call"), "s", took).goal(Goal::AtMost(8.0));
    world.table.note(PART, format!("{name}: lost"), "", lost).goal(Goal::AtMost(0.0));
    world.table.note(PART, format!("{name}: sent twice (in flight when killed)"), "", twice);
    Ok(())
}

/// How many deliveries processes have that are known by these names.
async fn held_by(world: &World, names: &[String]) -> Result<u32, Error> {
    let mut connection = world.database().await?;
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE lease IN (SELECT epoch FROM worker_sessions WHERE name LIKE ANY ($1))")
            .bind(names)
            .fetch_one(&mut connection)
            .await
            .doing("counting leases")?;
    u32::try_from(count).doing("counting leases")
}

/// Each once: a call that a kill interrupted may come again.
fn told(arrivals: &[Arrival]) -> BTreeSet<(u32, u32, u8)> {
    arrivals.iter().map(|arrival| (arrival.seq, arrival.user, arrival.via)).collect()
}

/// Waits until everybody was told, or nothing more comes.
async fn all_of(world: &World, expected: usize) -> Result<Vec<Arrival>, Error> {
    let (mut seen, mut since_us) = (0, now_us());
    loop {
        let count = world.provider.count().await?;
        if count != seen {
            (seen, since_us) = (count, now_us());
        }
        let is_over = seconds(since_us, now_us()) > PATIENCE.as_secs_f64();
        if is_over || usize::try_from(count).unwrap_or_default() >= expected {
            let arrivals = world.provider.arrivals().await?;
            if is_over || told(&arrivals).len() >= expected {
                return Ok(arrivals);
            }
        }
        pause(Duration::from_millis(50)).await;
    }
}
