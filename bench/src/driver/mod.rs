//! Starts everything, runs the parts so often, and prints the table.

pub mod cpu;
mod flow;
mod history;
mod parts;
mod process;
mod provider;
mod seed;
mod servers;
mod table;
mod template;
mod watchbell;
mod world;

use std::path::Path;

use self::parts::Part;
use self::world::World;
use crate::clock::{now_us, seconds};
use crate::error::{Doing, Error, say};

#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Only these parts; all unless given
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How often each part is run
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// After so many seconds no part is run again
    #[arg(long, default_value_t = 1_800)]
    budget_s: u32,
    /// Everything small and once: whether it works, not how fast
    #[arg(long)]
    quick: bool,
    /// The sizes that take long as well: 10 million old deliveries, 100,000 alerts for 10 responders each
    #[arg(long, conflicts_with = "quick")]
    full: bool,
}

/// Run by run, not part by part: what disturbs the machine for a while disturbs one run of each.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let began_us = now_us();
    let runs = if arguments.quick { 1 } else { arguments.runs };
    let parts = if arguments.parts.is_empty() { Part::all() } else { arguments.parts.clone() };
    let mut world = World::new(arguments).await?;
    for run in 1..=runs {
        for part in &parts {
            if part.only_once() && run > 1 {
                continue;
            }
            let elapsed_s = seconds(began_us, now_us());
            if run > 1 && elapsed_s > f64::from(world.arguments.budget_s) {
                say(&format!("{part:?}: no further run, after {elapsed_s:.0} s"));
                continue;
            }
            say(&format!("{part:?}, run {run} of {runs}, after {elapsed_s:.0} s"));
            if let Err(error) = part.run(&mut world).await {
                world.keep_logs()?;
                say(&format!("  failed: {error}"));
                world.table.failures.push(format!("{part:?}, run {run}: {error}"));
            }
        }
    }
    world.table.print()?;
    let file = Path::new("target/bench").join(format!("{}.json", began_us / 1_000_000));
    let mut json = world.table.json();
    json["seconds"] = seconds(began_us, now_us()).into();
    std::fs::write(&file, format!("{json:#}\n")).doing("writing the figures")?;
    say(&format!("\nfigures: {}", file.display()));
    if world.table.failures.is_empty() { Ok(()) } else { Err(Error::says("not every part came to an end")) }
}
