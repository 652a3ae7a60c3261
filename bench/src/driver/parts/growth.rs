//! Whether what a delivery costs grows with what the database holds: old deliveries, users.
//!
//! The same loads against databases of different sizes, each compared with the smallest of the same run.

use crate::driver::flow::{Due, Load};
use crate::driver::history;
use crate::driver::parts::saturation::IN_FLIGHT;
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::world::{Base, World};
use crate::error::Error;

const PART: &str = "Growth (ratios to the smallest database)";
const DELAY_S: u32 = 60;
/// Alerts go to so many users, however many there are: what is compared is the database, not how often the same user is meant.
const TOLD: u32 = 1_000;

/// What one database gave.
struct Costs {
    rate: f64,
    cpu_us: f64,
    half_ms: f64,
    late_ms: f64,
    storm_s: f64,
}

pub async fn run(world: &mut World) -> Result<(), Error> {
    let (small, large) = (1_000, world.size(1_000_000, 5_000));
    let huge = world.arguments.full.then_some(10_000_000);
    let old = [(small, small), (small, large)].into_iter().chain(huge.map(|huge| (small, huge))).chain([(large, small)]);
    let mut first: Option<Costs> = None;
    for (users, old) in old {
        let costs = measure(world, users, old).await?;
        note(world, &format!("{users} users, {old} old deliveries"), &costs, first.as_ref());
        first.get_or_insert(costs);
        world.drop_database().await?;
    }
    Ok(())
}

fn note(world: &mut World, name: &str, costs: &Costs, first: Option<&Costs>) {
    let first = first.unwrap_or(costs);
    let mut figure = |what: &str, unit, value, reference, goal| {
        let noted = world.table.note(PART, format!("{name}: {what}"), unit, value).against(reference);
        if let Some(goal) = goal {
            noted.goal(goal);
        }
    };
    figure("CPU of the program and PostgreSQL", "µs", costs.cpu_us, first.cpu_us, Some(Goal::RatioAtMost(1.1)));
    figure("saturated", "/s", costs.rate, first.rate, None);
    figure("200/s, p50", "ms", costs.half_ms, first.half_ms, None);
    figure("storm, last provider call", "s", costs.storm_s, first.storm_s, None);
    figure("due over 5 s, late by p50", "ms", costs.late_ms, first.late_ms, None);
}

async fn measure(world: &mut World, users: u32, old: u32) -> Result<Costs, Error> {
    let settings = world.fresh(Base::Postgres, &Seed::new(users, &["sms", "push"]), IN_FLIGHT).await?;
    history::add_old(world, old, users).await?;
    let subject = world.serve(settings).await?;
    let two = Load { channels: 2, ..Load::of(world.size(20_000, 500), TOLD) };
    // Connections, statements and what is kept in memory: not what is measured.
    world.flow(&subject, Load { rate: 500, alerts: world.size(1_000, 100), ..two }).await?;
    let saturated = world.flow(&subject, two).await?;
    let calm = world.flow(&subject, Load { rate: 200, alerts: world.size(1_000, 200), ..two }).await?;
    let storm = world.flow(&subject, Load { alerts: world.size(6_000, 200), responders: 3, ..two }).await?;
    // The same rules with a delay, seen by a process that starts after they were changed behind its back.
    let settings = subject.stop().await?;
    world.delay_rules(DELAY_S).await?;
    let subject = world.serve(settings).await?;
    let due = Due { delay_s: DELAY_S, in_ms: 4_000, spread_ms: 5_000 };
    let late = world.flow(&subject, Load { due: Some(due), alerts: world.size(5_000, 500), ..two }).await?;
    subject.stop().await?;
    Ok(Costs {
        rate: saturated.rate(),
        cpu_us: saturated.costs.subject + saturated.costs.postgres,
        half_ms: calm.latencies().percentile(50),
        late_ms: late.latencies().percentile(50),
        storm_s: storm.took_s(),
    })
}
