//! From publishing to the provider, at rates that leave room.

use crate::driver::flow::{Latencies, Load};
use crate::driver::parts::saturation::{IN_FLIGHT, USERS};
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::world::{Base, Subject, World};
use crate::error::Error;

const PART: &str = "Latency, publish to receipt at the provider";
/// Before what is measured: connections are made, statements prepared.
const WARM_UP: Load = Load { alerts: 400, rate: 200, users: USERS, responders: 1, channels: 1, due: None };

pub async fn run(world: &mut World) -> Result<(), Error> {
    let bare = world.bare("leased").await?;
    let limits = measure(world, bare).await?;
    for (rate, limit) in &limits {
        note(world, &format!("bare pipeline, {rate}/s"), *rate, limit, None);
    }
    let seed = Seed::new(USERS, &["sms"]);
    let watchbell = world.watchbell(Base::Postgres, &seed, IN_FLIGHT).await?;
    let reached = measure(world, watchbell).await?;
    for ((rate, latencies), (_, limit)) in reached.iter().zip(&limits) {
        note(world, &format!("PostgreSQL, {rate}/s"), *rate, latencies, Some(limit));
    }
    let watchbell = world.watchbell(Base::Sqlite, &seed, IN_FLIGHT).await?;
    let reached = measure(world, watchbell).await?;
    for (rate, latencies) in &reached {
        note(world, &format!("SQLite, {rate}/s"), 0, latencies, None);
    }
    world.drop_database().await
}

/// Each rate for some seconds.
async fn measure(world: &mut World, subject: Subject) -> Result<Vec<(u32, Latencies)>, Error> {
    let seconds = world.size(8, 2);
    let mut all = Vec::new();
    world.flow(&subject, WARM_UP).await?;
    for rate in [200, 1_000, 5_000] {
        let flow = world.flow(&subject, Load { alerts: rate * seconds, rate, ..WARM_UP }).await?;
        all.push((rate, flow.latencies()));
    }
    subject.stop().await?;
    Ok(all)
}

fn note(world: &mut World, name: &str, rate: u32, latencies: &Latencies, limit: Option<&Latencies>) {
    let goals = match rate {
        200 => [Some(Goal::RatioAtMost(2.2)), Some(Goal::RatioAtMost(3.0))],
        5_000 => [None, Some(Goal::RatioAtMost(2.0))],
        _ => [None, None],
    };
    for (percent, goal) in [50, 99].into_iter().zip(goals) {
        let noted = world.table.note(PART, format!("{name}: p{percent}"), "ms", latencies.percentile(percent));
        let Some(limit) = limit else { continue };
        let noted = noted.against(limit.percentile(percent));
        if let Some(goal) = goal {
            noted.goal(goal);
        }
    }
    world.table.note(PART, format!("{name}: max"), "ms", latencies.max());
}
