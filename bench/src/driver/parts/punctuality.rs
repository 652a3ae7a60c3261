//! How late what was planned for later goes out, with a million more that is pending.
//!
//! Alerts say that they happened a minute less some seconds ago, and the rules wait a minute.

use crate::driver::flow::{Due, Load};
use crate::driver::history;
use crate::driver::parts::saturation::{IN_FLIGHT, USERS};
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::world::{Base, World};
use crate::error::Error;

const PART: &str = "Punctuality, a million more pending";
const DELAY_S: u32 = 60;
/// Long enough for everything to be planned before the first is due.
const IN_MS: u32 = 6_000;

pub async fn run(world: &mut World) -> Result<(), Error> {
    let seed = Seed { delay_s: DELAY_S, ..Seed::new(USERS, &["sms"]) };
    let settings = world.fresh(Base::Postgres, &seed, IN_FLIGHT).await?;
    history::add_pending(world, world.size(1_000_000, 10_000), USERS).await?;
    let subject = world.serve(settings).await?;
    let alerts = world.size(10_000, 1_000);
    for (name, spread_ms) in [("due over 10 s", 10_000), ("due at one instant", 0)] {
        let due = Due { delay_s: DELAY_S, in_ms: IN_MS, spread_ms };
        let flow = world.flow(&subject, Load { due: Some(due), ..Load::of(alerts, USERS) }).await?;
        let lateness = flow.latencies();
        let (half, most) = (lateness.percentile(50), lateness.percentile(99));
        if spread_ms > 0 {
            world.table.note(PART, format!("{name}: late by p50"), "ms", half).goal(Goal::AtMost(5.0));
            world.table.note(PART, format!("{name}: late by p99"), "ms", most).goal(Goal::AtMost(15.0));
        } else {
            world.table.note(PART, format!("{name}: late by p50"), "ms", half);
            world.table.note(PART, format!("{name}: late by p99"), "ms", most);
        }
        world.table.note(PART, format!("{name}: the last one"), "ms", lateness.max());
    }
    subject.stop().await?;
    world.drop_database().await
}
