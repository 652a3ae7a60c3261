//! A provider that takes 50 ms for each answer, with 64 and 1,024 calls in flight; and mail at a relay that answers at once.

use crate::driver::flow::Load;
use crate::driver::parts::saturation::{IN_FLIGHT, USERS};
use crate::driver::seed::Seed;
use crate::driver::table::Goal;
use crate::driver::world::{Base, World};
use crate::error::Error;

const SLOW: &str = "Provider at 50 ms";
const SMTP: &str = "SMTP at 0 ms";
const DELAY_MS: u32 = 50;

pub async fn run_slow(world: &mut World) -> Result<(), Error> {
    let seed = Seed::new(USERS, &["sms"]);
    for (in_flight, alerts) in [(64, world.size(8_000, 1_000)), (1_024, world.size(60_000, 2_000))] {
        let subject = world.watchbell(Base::Postgres, &seed, in_flight).await?;
        world.provider.reset(DELAY_MS).await?;
        let flow = world.flow(&subject, Load::of(alerts, USERS)).await?;
        let all_busy = f64::from(in_flight) * 1000.0 / f64::from(DELAY_MS);
        let name = format!("{in_flight} in flight: deliveries (ratio to all slots busy)");
        world.table.note(SLOW, name, "/s", flow.rate()).against(all_busy);
        subject.stop().await?;
    }
    world.drop_database().await
}

pub async fn run_smtp(world: &mut World) -> Result<(), Error> {
    let subject = world.watchbell(Base::Postgres, &Seed::new(USERS, &["email"]), IN_FLIGHT).await?;
    let flow = world.flow(&subject, Load::of(world.size(50_000, 2_000), USERS)).await?;
    subject.stop().await?;
    world.table.note(SMTP, "mails", "/s", flow.rate()).goal(Goal::AtLeast(8_000.0));
    world.table.note(SMTP, "CPU of the program", "µs", flow.costs.subject);
    world.drop_database().await
}
