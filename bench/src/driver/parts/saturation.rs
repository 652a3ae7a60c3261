//! As much as it takes: 100,000 HIGH alerts, published as fast as the broker takes them.

use crate::driver::flow::{Flow, Load};
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::world::{Base, Subject, World};
use crate::error::Error;

const PART: &str = "Saturation";
/// Alerts are spread over so many users.
pub const USERS: u32 = 10_000;
/// Calls in flight, at each provider.
pub const IN_FLIGHT: u32 = 256;

pub async fn run(world: &mut World) -> Result<(), Error> {
    let load = Load::of(world.size(100_000, 5_000), USERS);
    let bare = world.bare("leased").await?;
    let name = "bare pipeline, inserted as leased";
    let leased = measure(world, bare, name, load).await?;
    world.table.note(PART, format!("{name}: deliveries"), "/s", leased);
    let bare = world.bare("claim").await?;
    let name = "bare pipeline, claimed";
    let claimed = measure(world, bare, name, load).await?;
    world.table.note(PART, format!("{name}: deliveries"), "/s", claimed).against(leased);

    let seed = Seed::new(USERS, &["sms"]);
    let watchbell = world.watchbell(Base::Postgres, &seed, IN_FLIGHT).await?;
    let postgres = measure(world, watchbell, "PostgreSQL", load).await?;
    let rate = world.table.note(PART, "PostgreSQL: deliveries", "/s", postgres);
    rate.against(leased).goal(Goal::RatioAtLeast(0.65));

    let watchbell = world.watchbell(Base::Sqlite, &seed, IN_FLIGHT).await?;
    let sqlite = measure(world, watchbell, "SQLite", load).await?;
    world.table.note(PART, "SQLite: deliveries (ratio to PostgreSQL)", "/s", sqlite).against(postgres).goal(Goal::RatioAtLeast(0.8));

    let alerts = if world.arguments.full { 100_000 } else { world.size(10_000, 300) };
    let load = Load { alerts, responders: 10, channels: 3, ..load };
    let seed = Seed::new(USERS, &["sms", "push", "telegram"]);
    let watchbell = world.watchbell(Base::Postgres, &seed, IN_FLIGHT).await?;
    let many = measure(world, watchbell, "PostgreSQL, 10 responders × 3 channels", load).await?;
    world.table.note(PART, "PostgreSQL, 10 responders × 3 channels: deliveries", "/s", many).against(leased);
    world.drop_database().await
}

/// Sends the load through, notes what it cost, and answers the deliveries a second.
async fn measure(world: &mut World, subject: Subject, name: &str, load: Load) -> Result<f64, Error> {
    let flow = world.flow(&subject, load).await?;
    note(world, &subject, name, &flow);
    subject.stop().await?;
    Ok(flow.rate())
}

fn note(world: &mut World, subject: &Subject, name: &str, flow: &Flow) {
    let memory = subject.peak_memory_mb();
    let costs = flow.costs;
    for (what, unit, value) in [
        ("CPU of the program", "µs", costs.subject),
        ("CPU of nats-server", "µs", costs.nats),
        ("CPU of PostgreSQL", "µs", costs.postgres),
        ("CPU of the receiver", "µs", costs.receiver),
        ("CPU of the load", "µs", costs.load),
        ("peak memory", "MB", memory),
    ] {
        world.table.note(PART, format!("{name}: {what}"), unit, value);
    }
}
