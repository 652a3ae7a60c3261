//! Doing nothing, and starting.

use std::time::Duration;

use sqlx::Connection as _;

use crate::clock::{now_us, pause, seconds};
use crate::driver::cpu;
use crate::driver::flow::{Load, published};
use crate::driver::parts::saturation::{IN_FLIGHT, USERS};
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::watchbell::SUBJECT;
use crate::driver::world::{Base, World};
use crate::error::{Doing, Error};

const IDLE: &str = "Idle";
const START: &str = "Start to first delivery, a million users";

/// Memory, CPU, and transactions that the database sees while nothing is due.
pub async fn run_idle(world: &mut World) -> Result<(), Error> {
    let subject = world.watchbell(Base::Postgres, &Seed::new(USERS, &["sms"]), IN_FLIGHT).await?;
    // What the start cost has been counted by then, too: see `transactions`.
    pause(Duration::from_secs(13)).await;
    let lasting = Duration::from_secs(u64::from(world.size(20, 5)));
    // A look at the counter is a session of its own, which counts, too.
    let earlier = transactions(world).await?;
    let before = transactions(world).await?;
    let look = before - earlier;
    let cpu_us = subject.cpu_us();
    pause(lasting).await;
    let percent = seconds(cpu_us, subject.cpu_us()) / lasting.as_secs_f64() * 100.0;
    let transactions = f64::from((transactions(world).await? - before).saturating_sub(look)) / lasting.as_secs_f64();
    let memory = subject.processes.iter().map(|process| cpu::memory_now_mb(process.pid())).sum();
    world.table.note(IDLE, "memory", "MB", memory).goal(Goal::AtMost(30.0));
    world.table.note(IDLE, "CPU", "% of a core", percent).goal(Goal::AtMost(0.5));
    world.table.note(IDLE, "transactions in PostgreSQL", "/s", transactions).goal(Goal::AtMost(1.0));
    subject.stop().await?;
    world.drop_database().await
}

/// Transactions that the database has ended so far. A session counts its own about once a second, ten seconds after it fell idle,
/// or when it ends.
async fn transactions(world: &World) -> Result<u32, Error> {
    let mut connection = world.database().await?;
    let count: i64 = sqlx::query_scalar("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
        .fetch_one(&mut connection)
        .await
        .doing("counting transactions")?;
    connection.close().await.doing("counting transactions")?;
    u32::try_from(count).doing("counting transactions")
}

/// From the process's start to the first message, of an alert that waits in the stream.
pub async fn run_start(world: &mut World) -> Result<(), Error> {
    let users = world.size(1_000_000, 5_000);
    let subject = world.watchbell(Base::Postgres, &Seed::new(users, &["sms", "push"]), IN_FLIGHT).await?;
    // The stream is there now, and one alert waits in it.
    let settings = subject.stop().await?;
    let mut loader = world.publish(SUBJECT, Load::of(1, users))?;
    published(&mut loader).await?;
    let began_us = now_us();
    let subject = world.serve(settings).await?;
    world.provider.expect(1, Duration::from_secs(20)).await?;
    let first_us = world.provider.arrivals().await?.iter().map(|arrival| arrival.at_us).min().unwrap_or_default();
    world.table.note(START, "first delivery", "ms", seconds(began_us, first_us) * 1e3).goal(Goal::AtMost(300.0));
    subject.stop().await?;
    world.drop_database().await
}
